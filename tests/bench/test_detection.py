"""How often the firmware misses a fault, and how often it cries wolf: graded faults on many pumps, as a table."""

import math
import time

import pytest

from firmware_model.events import EventKind, PumpEvent
from firmware_model.physics.interventions import FaultChange
from tests.bench.ambulatory import DAY_MS, ambulatory_course, ambulatory_pump, raised, run_days

_PUMPS = 60
_DAYS = 20
_AT_MS = 5 * DAY_MS
_HEALTHY_YEARS = 1000

_GRADED = [
    *((f"flow {share:+} %", "restrictor-fast-flow", float(share), {"flow-high", "leak"}) for share in (10, 15, 20, 30)),
    *((f"flow -{share} %", "restrictor-plugging", float(share), {"flow-low"}) for share in (10, 15, 20, 30)),
    *(
        (f"occlusion {share} %", "catheter-occlusion", float(share), {"occlusion", "flow-low"})
        for share in (10, 20, 30, 50, 100)
    ),
]


def test_graded_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """Misses within 15 days, median time to the first right alarm, and pumps with any other alarm."""
    rows = [_graded(*row) for row in _GRADED]
    with capsys.disabled():
        print(f"\n{_PUMPS} ambulatory pumps each, fault on day 5 of {_DAYS}")
        print(f"{'fault':18}{'missed':>8}{'of':>5}{'first alarm, median':>21}{'other alarms':>14}")
        for name, missed, latency_h, others in rows:
            when = f"{latency_h:.1f} h" if math.isfinite(latency_h) else "-"
            print(f"{name:18}{missed:8}{_PUMPS:5}{when:>21}{others:14}")


def _graded(name: str, fault: str, value: float, right: set[str]) -> tuple[str, int, float, int]:
    latencies_h, others = [], 0
    for seed in range(_PUMPS):
        pump = ambulatory_pump(ambulatory_course(_DAYS, seed), seed=seed, faults=(FaultChange(_AT_MS, fault, value),))
        events = run_days(pump, _DAYS)
        first = next((event for event in events if _raises(event, right)), None)
        if first is not None:
            latencies_h.append((first.time_ms - _AT_MS) / 3_600_000)
        others += bool(set(raised(events)) - right)
    median = sorted(latencies_h)[len(latencies_h) // 2] if latencies_h else math.nan
    return name, _PUMPS - len(latencies_h), median, others


def _raises(event: PumpEvent, alarms: set[str]) -> bool:
    return event.entry.kind is EventKind.ALARM_RAISED and event.as_json()["alarm"] in alarms


def test_healthy_pumps_raise_no_false_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand pump-years without a fault, each with another seed: no alarm at the default limits."""
    start = time.process_time()
    false = [
        alarm
        for seed in range(_HEALTHY_YEARS)
        for alarm in raised(run_days(ambulatory_pump(ambulatory_course(365, seed), seed=seed), 365))
    ]
    spent = time.process_time() - start
    with capsys.disabled():
        print(f"\n{len(false)} false alarms in {_HEALTHY_YEARS} pump-years ({_HEALTHY_YEARS / spent:.0f} pump-years/s)")
    assert not false
