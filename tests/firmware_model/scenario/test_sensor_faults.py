"""Every fault of every sensor: which alarm comes, when, with which priority, and that no other does."""

from pathlib import Path

import pytest

from firmware_model.faults.table import SENSOR_FAULTS
from firmware_model.scenario.run import run_scenario
from tests.firmware_model.scenario.written import loaded

_PRIORITY = {
    "sensor-fault": "medium",
    "flow-low": "medium",
    "occlusion": "high",
    "unexpected-access": "high",
    "ambient-pressure": "low",
}
_AT_END = ("sensor-fault", "4min", "6min")
_DEAD = ("sensor-fault", "2h", "2h")
_ROUGH = ("sensor-fault", "2h", "10h")
_NOT_DRIVEN = ("sensor-fault", "28h", "36h")
"""A pressure that is off by an eighth of what drives the flow."""

_EXPECTED = {
    **{fault: (_AT_END,) for fault in SENSOR_FAULTS if fault.endswith("-open")},
    **{fault: (_DEAD,) for fault in SENSOR_FAULTS if fault.endswith("-stuck")},
    **{fault: (_ROUGH,) for fault in SENSOR_FAULTS if fault.endswith("-noise")},
    "bellows-sensor-stuck": (_DEAD, ("flow-low", "2h", "4h")),
    "outlet-pressure-sensor-noise": (_ROUGH, ("unexpected-access", "5min", "30min")),
    "bellows-sensor-noise": (_ROUGH, ("unexpected-access", "1min", "30min")),
    "battery-sensor-noise": (),
    "temperature-sensor-bias": (("sensor-fault", "2h", "4h"),),
    "reservoir-pressure-sensor-bias": (("sensor-fault", "2h", "4h"),),
    "outlet-pressure-sensor-bias": (),
    "ambient-pressure-sensor-bias": (),
    "bellows-sensor-bias": (("unexpected-access", "1min", "2min"),),
    "battery-sensor-bias": (),
    "temperature-sensor-drift": (("sensor-fault", "12h", "20h"),),
    "reservoir-pressure-sensor-drift": (("sensor-fault", "12h", "20h"),),
    "outlet-pressure-sensor-drift": (_NOT_DRIVEN, ("occlusion", "44h", "48h")),
    "ambient-pressure-sensor-drift": (_NOT_DRIVEN, ("ambient-pressure", "60h", "72h")),
    "bellows-sensor-drift": (("flow-low", "1h", "4h"), ("sensor-fault", "57h", "60h")),
    "battery-sensor-drift": (("sensor-fault", "86h", "89h"),),
}
"""Alarms, and how long after the fault at the earliest and at the latest."""


@pytest.mark.parametrize("fault", sorted(SENSOR_FAULTS))
def test_what_comes_of_it(tmp_path: Path, fault: str) -> None:
    """At its default value it raises these alarms, and no others; the model's page names the four without any."""
    expectations = "".join(
        f"[[expect]]\nalarm = '{alarm}'\npriority = '{_PRIORITY[alarm]}'\nbetween = ['2d{first}', '2d{last}']\n"
        for alarm, first, last in _EXPECTED[fault]
    )
    scenario = loaded(tmp_path, f"[[fault]]\nname = '{fault}'\nat = '2d'\n{expectations}", days=6.0)
    result = run_scenario(scenario, seed=5, days=6.0, profile=scenario.profile)
    assert result.met, [(each.text, each.found) for each in result.expectations if not each.met]
