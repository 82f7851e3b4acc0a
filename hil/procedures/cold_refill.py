"""Start-up after a cold refill: how long the flow takes to come back, and what is not delivered meanwhile.

Infusate out of the refrigerator cools the propellant, whose pressure drives the flow. The operator withdraws what is in
the pump and fills it at 4 C; the beaker is weighed at short steps from then on, and for some hours once the flow is
steady. Limits are what the pump model gives for a thermal time constant within a third of the profile's.
"""

from math import sqrt

import numpy as np
import pytest

from hil.bench import Bench
from hil.conditions.left_as_found import left_as_found
from hil.conditions.ready_bench import make_ready
from hil.figure import Figure, Limit, Series
from hil.flow.delivery import delivery_of
from hil.flow.flow_measurement import FlowMeasurement, MeasuredFlow
from hil.flow.label_conditions import LABEL_TEMPERATURE_C
from hil.flow.start_up import StartUp
from hil.flow.start_up_model import STEADY_SHARE, ExpectedStartUp, RefillConditions, expected_start_up
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.operator import Operator
from hil.procedure import Procedure
from hil.pump.refilling import Refill, refill

INFUSATE_C = 4.0
START_TIME_CONSTANTS = 10.0
"""Of the propellant: how long the start is weighed at short steps."""
START_INTERVAL_MIN = 0.25
STEADY_H = 6.0
TIME_CONSTANT_TOLERANCE = 1 / 3


@pytest.mark.procedure(
    "cold-refill",
    measurements=("time-to-90-percent", "missing-volume"),
    requirements=("REQ-START-001", "REQ-START-002"),
    duration_h=10.0,
)
def test_cold_refill(bench: Bench, balance: Balance, bath: Bath, operator: Operator, procedure: Procedure) -> None:
    """After a refill with infusate of 4 C the flow comes back as fast as the pump's thermal mass lets it."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    make_ready(bench, procedure.progressed, warm=False)
    with left_as_found(bench, "bath"):
        measurement = FlowMeasurement(bench, balance, bath, procedure)
        measurement.settle(LABEL_TEMPERATURE_C)
        done = refill(bench, operator, profile.capacity_ml - profile.residual_ml, temperature_c=INFUSATE_C)
        tau_min = profile.thermal_time_constant_min
        start = measurement.collect(START_TIME_CONSTANTS * tau_min / 60, START_INTERVAL_MIN, ends_count=False)
        steady = measurement.collect(STEADY_H)
    if not steady.raw.flow_ml_per_day > steady.raw.expanded_uncertainty_ml_per_day:
        pytest.fail(f"{START_TIME_CONSTANTS * tau_min:.0f} min after the refill nothing flows")
    conditions = RefillConditions(
        steady.to_label.conditions[0].value, room.ambient_kpa, room.outlet_kpa, profile.residual_ml, done.filled_ml,
        INFUSATE_C,
    )  # fmt: skip
    fast, expected, slow = (
        expected_start_up(profile, conditions, tau_min * (1 + part * TIME_CONSTANT_TOLERANCE)) for part in (-1, 0, 1)
    )
    found = start_up_of(bench, done, start, steady)
    try:
        reached, missing = found.time_to(STEADY_SHARE), found.missing_ul()
    except ValueError as error:
        pytest.fail(f"after the refill {error}")
    procedure.measure(
        "time-to-90-percent",
        reached.value,
        "min",
        expanded_uncertainty=reached.expanded_uncertainty,
        lower=fast.t90_min,
        upper=slow.t90_min,
        requirements=("REQ-START-001",),
        budget=reached.budget,
        note=f"of the steady flow, {steady.raw.flow_ml_per_day:.4f} mL/day, since the refill with {done.filled_ml:.1f} "
        f"mL of {INFUSATE_C:.0f} C; the pump model gives {expected.t90_min:.1f} min",
    )
    procedure.measure(
        "missing-volume",
        missing.value,
        "uL",
        expanded_uncertainty=missing.expanded_uncertainty,
        lower=fast.missing_ul,
        upper=slow.missing_ul,
        requirements=("REQ-START-002",),
        budget=missing.budget,
        note=f"against the steady flow; the pump model gives {expected.missing_ul:.1f} uL",
    )
    procedure.show(start_figure(found, expected))


def start_up_of(bench: Bench, done: Refill, start: MeasuredFlow, steady: MeasuredFlow) -> StartUp:
    """Volumes since the refill; what lies between its end and the first weighing is taken to be without flow."""
    loaded = bench.loaded
    setup, delivery = start.setup, delivery_of(start.collection, start.setup)
    drop_ul, ul_per_g = setup.drop_volume_nl / 1000, 1e6 / setup.density_pump_kg_per_m3
    steady_ul = steady.raw.flow_ml_per_day * 1000 * STEADY_H / 24
    u_weighing_ul = setup.u_repeatability_g * ul_per_g
    bath = start.to_label.conditions[0]
    return StartUp(
        time_min=delivery.time_h * 60 - done.filled_ms / 60_000,
        volume_ul=delivery.volume_ml * 1000,
        steady_ul_per_min=steady.raw.flow_ml_per_day * 1000 / 1440,
        u_steady_share=sqrt(drop_ul**2 / 6 + 2 * u_weighing_ul**2) / steady_ul,
        u_scale_share=steady.raw.expanded_uncertainty_ml_per_day / 2 / steady.raw.flow_ml_per_day,
        u_bath_share=bath.standard_uncertainty * bath.relative_sensitivity,
        drop_ul=drop_ul,
        u_weighing_ul=u_weighing_ul,
        u_start_min=(done.filled_ms - done.fill_asked_ms) / 60_000 / sqrt(12),
        time_constant_min=loaded.profile.thermal_time_constant_min,
    )


def start_figure(found: StartUp, expected: ExpectedStartUp) -> Figure:
    """Start-up curve: flow over the steady flow, against the time since the refill."""
    time_min, flows = found.flows_ul_per_min()
    within = expected.time_min <= found.time_min[-1]
    return Figure(
        title="Start-up after a cold refill",
        x_label="time since the refill / min",
        y_label="flow / steady flow",
        series=(
            Series("gravimetric, fitted over 12 min", tuple(time_min), tuple(flows / found.steady_ul_per_min)),
            Series(
                "pump model",
                tuple(np.asarray(expected.time_min[within])),
                tuple(np.asarray(expected.flow_share[within])),
            ),
        ),
        limits=(Limit(STEADY_SHARE, "90 %", "reference"), Limit(1.0, "steady flow", "reference")),
        caption="Single drops make the measured curve waver.",
    )
