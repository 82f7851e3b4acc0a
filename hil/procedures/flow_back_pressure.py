"""Flow against back-pressure: what the outlet's controller adds to the static head takes from what drives the flow.

Each flow is compared, as its ratio to that with nothing added, with the ratio that the pump model gives. The pressures
stay between the limits of the pump's outlet alarms: what those do is another procedure's business.
"""

import pytest

from firmware_model.physics.flow import expected_flow
from hil.bench import Bench
from hil.conditions.enough_infusate import ensure_infusate
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.flow.flow_comparison import FlowComparison
from hil.flow.flow_measurement import FlowMeasurement
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.pressure_controller import PressureController
from hil.parameter import Parameter
from hil.procedure import Procedure

ADDED_KPA = {"flow-ratio-minus-2-kpa": -2.0, "flow-ratio-plus-2-kpa": 2.0, "flow-ratio-plus-5-kpa": 5.0}
COLLECTION_H = 8.0
SETTLING_H = 2.5
RATIO_TOLERANCE_PERCENT = 5.0


@pytest.mark.procedure(
    "flow-back-pressure",
    measurements=tuple(ADDED_KPA),
    requirements=("REQ-FLOW-004",),
    parameters=(Parameter("collection_h", "h", COLLECTION_H, 4.0, 48.0, "how long each flow is collected"),),
    duration_h=lambda parameters: SETTLING_H + (len(ADDED_KPA) + 1) * parameters["collection_h"],
)
def test_flow_back_pressure(
    bench: Bench,
    balance: Balance,
    bath: Bath,
    outlet_pressure: PressureController,
    procedure: Procedure,
) -> None:
    """The flow follows the pressure at the outlet as the pump model says."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    collection_h, limits = procedure.parameters["collection_h"], profile.alarms
    for added_kpa in ADDED_KPA.values():
        at_kpa = room.outlet_kpa + added_kpa
        if not limits.outlet_low_kpa + limits.outlet_hysteresis_kpa < at_kpa < limits.occlusion_kpa:
            pytest.skip(f"{at_kpa:.1f} kPa at the outlet would raise this pump's alarms")
    ensure_infusate(
        bench, 1.2 * profile.label_flow_ml_per_day * (len(ADDED_KPA) + 1) * (SETTLING_H + collection_h) / 24
    )
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "bath", "outlet_pressure"):
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        measurement.press("outlet_pressure", outlet_pressure, 0.0)
        measurement.settle(LABEL_TEMPERATURE_C)
        comparison = FlowComparison(
            measurement,
            procedure,
            reference=0.0,
            collection_h=collection_h,
            tolerance_percent=RATIO_TOLERANCE_PERCENT,
        )
        for name, added_kpa in ADDED_KPA.items():
            measurement.press("outlet_pressure", outlet_pressure, added_kpa)
            comparison.measure(name, added_kpa, note=f"{added_kpa:+.1f} kPa at the outlet over none added")
        volume_ml = bench.pump.read_status().volume_nl / 1e6

    def expected_ml_per_day(added_kpa: float) -> float:
        outlet_kpa = room.outlet_kpa + added_kpa
        return expected_flow(profile, LABEL_TEMPERATURE_C, room.ambient_kpa, outlet_kpa, volume_ml).flow_ml_per_day

    comparison.show(
        title="Flow against back-pressure",
        x_label="pressure added at the outlet / kPa",
        y_label="flow / flow with none added",
        expected=expected_ml_per_day,
    )
