"""The pump's bellows against syringes, and against what a day's flow leaves in the beaker."""

from math import hypot, sqrt

import pytest

from hil.bench import Bench
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.flow.flow_measurement import FlowMeasurement
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.operator import Operator
from hil.procedure import Procedure
from hil.pump.error_limit import judge_error
from hil.pump.pump_sensors import SensorMeans, read_sensors
from hil.pump.refilling import U_SYRINGE_ML, refill

DAY_H = 24.0
SETTLING_H = 3.0
MAX_DAY_VOLUME_ERROR_ML = 0.05


@pytest.mark.procedure(
    "volume-accuracy",
    measurements=("bellows-against-syringe-returned", "bellows-against-syringe-filled", "bellows-against-collected"),
    requirements=("REQ-BELLOWS-001", "REQ-BELLOWS-002"),
    duration_h=SETTLING_H + DAY_H,
)
def test_volume_accuracy(
    bench: Bench,
    balance: Balance,
    bath: Bath,
    operator: Operator,
    procedure: Procedure,
) -> None:
    """The pump knows what is filled in, what comes out, and what it delivers."""
    profile = bench.loaded.profile
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "bath"):
        done = refill(bench, operator, profile.capacity_ml - profile.residual_ml)
        u_bellows_ml = sqrt(2 / 3) * profile.sensors.bellows.noise / 1e6  # two single readings, uniform noise
        for name, by_bellows_ml, by_syringe_ml in (
            ("bellows-against-syringe-returned", done.bellows_before_ml - done.bellows_empty_ml, done.returned_ml),
            ("bellows-against-syringe-filled", done.bellows_full_ml - done.bellows_empty_ml, done.filled_ml),
        ):
            judge_error(
                procedure,
                name,
                by_bellows_ml - by_syringe_ml,
                "mL",
                u=hypot(U_SYRINGE_ML, u_bellows_ml),
                limit=profile.alarms.refill_tolerance_ml,
                requirement="REQ-BELLOWS-001",
                note=f"by the bellows less {by_syringe_ml:.3f} mL by the syringe",
            )
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        measurement.settle(LABEL_TEMPERATURE_C)
        measure_day(bench, measurement, procedure)


def measure_day(bench: Bench, measurement: FlowMeasurement, procedure: Procedure) -> None:
    """What the bellows says left it in a day, against what came into the beaker."""
    before = read_sensors(bench)
    flow = measurement.collect(DAY_H)
    ended_ms = flow.collection.samples[-1].time_ms
    after = read_sensors(bench)
    between_h = DAY_H + (bench.now_ms() - ended_ms) / 3_600_000  # from the middle of the readings to that of the others
    collected_ml = flow.raw.flow_ml_per_day * between_h / 24
    judge_error(
        procedure,
        "bellows-against-collected",
        before.bellows_ml - after.bellows_ml - collected_ml,
        "mL",
        u=_u_day_ml(before, after, flow.raw.expanded_uncertainty_ml_per_day / 2 * between_h / 24),
        limit=MAX_DAY_VOLUME_ERROR_ML,
        requirement="REQ-BELLOWS-002",
        note=f"by the bellows less {collected_ml:.4f} mL collected, for {between_h:.2f} h",
    )


def _u_day_ml(before: SensorMeans, after: SensorMeans, u_collected_ml: float) -> float:
    return sqrt(u_collected_ml**2 + before.u_bellows_ml**2 + after.u_bellows_ml**2)
