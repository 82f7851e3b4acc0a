"""Flow against temperature, 35 to 41 C: each flow over that at 37 C, against the ratio that the pump model gives.

Vapour pressure and viscosity both raise the flow with temperature. What the bath's own error does to a flow is the
model's sensitivity times its uncertainty; it is counted for each flow on its own, which for a bath that is off by the
same at all temperatures is more than it does.
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
from hil.parameter import Parameter
from hil.procedure import Procedure

TEMPERATURES_C = (35.0, 39.0, 41.0)
"""Beside the reference, 37 C; fever ends below the pump's alarm."""
COLLECTION_H = 8.0
SETTLING_H = 2.0
"""What the bath takes to a new temperature, with the half hour in which it must hold still."""
RATIO_TOLERANCE_PERCENT = 5.0


@pytest.mark.procedure(
    "flow-temperature",
    measurements=("flow-ratio-35-c", "flow-ratio-39-c", "flow-ratio-41-c"),
    requirements=("REQ-FLOW-003",),
    parameters=(Parameter("collection_h", "h", COLLECTION_H, 4.0, 48.0, "how long each flow is collected"),),
    duration_h=lambda parameters: (len(TEMPERATURES_C) + 1) * (SETTLING_H + parameters["collection_h"]),
)
def test_flow_temperature(bench: Bench, balance: Balance, bath: Bath, procedure: Procedure) -> None:
    """The flow follows temperature as the pump model says."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    collection_h = procedure.parameters["collection_h"]

    def expected_ml_per_day(temperature_c: float, volume_ml: float) -> float:
        return expected_flow(profile, temperature_c, room.ambient_kpa, room.outlet_kpa, volume_ml).flow_ml_per_day

    most_ml_per_day = expected_ml_per_day(max(TEMPERATURES_C), profile.capacity_ml)
    make_ready(bench, procedure.progressed, warm=False)
    ensure_infusate(bench, most_ml_per_day * (len(TEMPERATURES_C) + 1) * (SETTLING_H + collection_h) / 24)
    with left_as_found(bench, "bath"):
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        measurement.settle(LABEL_TEMPERATURE_C)
        comparison = FlowComparison(
            measurement,
            procedure,
            reference=LABEL_TEMPERATURE_C,
            collection_h=collection_h,
            tolerance_percent=RATIO_TOLERANCE_PERCENT,
        )
        for target_c in TEMPERATURES_C:
            measurement.settle(target_c)
            note = f"{target_c:.1f} C over {LABEL_TEMPERATURE_C:.1f} C"
            comparison.measure(f"flow-ratio-{target_c:.0f}-c", target_c, note=note)
        volume_ml = bench.pump.read_status().volume_nl / 1e6
    comparison.show(
        title="Flow against temperature",
        x_label="bath temperature / °C",
        y_label="flow / flow at 37 °C",
        expected=lambda temperature_c: expected_ml_per_day(temperature_c, volume_ml),
    )
