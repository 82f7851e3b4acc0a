"""Flow against ambient pressure: the propellant is sealed, so that altitude raises the flow and depth lowers it.

The chamber stands around pump and outlet, the balance outside it: air at the room's pressure buoys the beaker up. Each
flow is compared, as its ratio to that at sea level's pressure, with the ratio that the pump model gives. A pump that is
fast because it is high up may rightly raise its alarm of fast flow; it is acknowledged at the end.
"""

import pytest

from firmware_model.physics.flow import expected_flow
from hil.bench import Bench
from hil.conditions.enough_infusate import ensure_infusate
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.flow.flow_comparison import FlowComparison
from hil.flow.flow_measurement import FlowMeasurement
from hil.flow.label_conditions import LABEL_AMBIENT_KPA, LABEL_TEMPERATURE_C
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.pressure_controller import PressureController
from hil.parameter import Parameter
from hil.procedure import Procedure

CHAMBER_KPA = (95.0, 85.0, 110.0)
"""Absolute: 540 m, 1460 m, and 0.9 m under water; beside the reference, sea level."""
COLLECTION_H = 8.0
SETTLING_H = 2.5
RATIO_TOLERANCE_PERCENT = 5.0


@pytest.mark.procedure(
    "flow-ambient-pressure",
    measurements=("flow-ratio-95-kpa", "flow-ratio-85-kpa", "flow-ratio-110-kpa"),
    requirements=("REQ-FLOW-005",),
    parameters=(Parameter("collection_h", "h", COLLECTION_H, 4.0, 48.0, "how long each flow is collected"),),
    duration_h=lambda parameters: SETTLING_H + (len(CHAMBER_KPA) + 1) * parameters["collection_h"],
)
def test_flow_ambient_pressure(
    bench: Bench,
    balance: Balance,
    bath: Bath,
    ambient_pressure: PressureController,
    procedure: Procedure,
) -> None:
    """The flow follows ambient pressure as the pump model says."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    collection_h = procedure.parameters["collection_h"]

    def expected_ml_per_day(ambient_kpa: float, volume_ml: float) -> float:
        return expected_flow(profile, LABEL_TEMPERATURE_C, ambient_kpa, room.outlet_kpa, volume_ml).flow_ml_per_day

    most_ml_per_day = expected_ml_per_day(min(CHAMBER_KPA), profile.capacity_ml)
    make_ready(bench, procedure.progressed, warm=False)
    ensure_infusate(bench, most_ml_per_day * (len(CHAMBER_KPA) + 1) * (SETTLING_H + collection_h) / 24)
    with left_as_found(bench, "bath", "ambient_pressure"):
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        measurement.press("ambient_pressure", ambient_pressure, LABEL_AMBIENT_KPA)
        measurement.settle(LABEL_TEMPERATURE_C)
        comparison = FlowComparison(
            measurement,
            procedure,
            reference=LABEL_AMBIENT_KPA,
            collection_h=collection_h,
            tolerance_percent=RATIO_TOLERANCE_PERCENT,
        )
        for target_kpa in CHAMBER_KPA:
            measurement.press("ambient_pressure", ambient_pressure, target_kpa)
            note = f"{target_kpa:.1f} kPa over {LABEL_AMBIENT_KPA:.1f} kPa"
            comparison.measure(f"flow-ratio-{target_kpa:.0f}-kpa", target_kpa, note=note)
        volume_ml = bench.pump.read_status().volume_nl / 1e6
    comparison.show(
        title="Flow against ambient pressure",
        x_label="ambient pressure, absolute / kPa",
        y_label="flow / flow at 101.325 kPa",
        expected=lambda ambient_kpa: expected_ml_per_day(ambient_kpa, volume_ml),
    )
