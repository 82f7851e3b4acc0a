"""Clock drift: the pump's clock against the bench's UTC for some hours at 37 C, and no alarm meanwhile."""

from itertools import pairwise
from math import hypot, sqrt

import pytest

from hil.bench import Bench
from hil.conditions.ready_bench import make_ready
from hil.figure import Figure, Limit, Series
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump.clock_comparison import BENCH_CLOCK_PPM, MAX_DRIFT_PPM, RESOLUTION_MS, Comparison, compare, drift_ppm
from hil.pump.pump_log import PumpLog

HOURS = 6.0
INTERVAL_MIN = 30.0
SETTLING_H = 2.25


@pytest.mark.procedure(
    "clock-drift",
    measurements=("clock-drift", "clock-step"),
    requirements=("REQ-CLOCK-001", "REQ-CLOCK-002", "REQ-ALARM-001"),
    parameters=(Parameter("clock_h", "h", HOURS, 1.0, 336.0, "how long the clocks are compared"),),
    duration_h=lambda parameters: SETTLING_H + parameters["clock_h"],
)
def test_clock_drift(bench: Bench, procedure: Procedure) -> None:
    """The pump's clock keeps time and never jumps; and a pump that lacks nothing raises no alarm."""
    make_ready(bench, procedure.progressed)
    log = PumpLog(bench)
    steps = max(2, round(procedure.parameters["clock_h"] * 60 / INTERVAL_MIN))
    begin_ms = bench.now_ms()
    comparisons = [compare(bench)]
    for step in range(1, steps + 1):
        procedure.progressed("comparing clocks", step / steps)
        bench.sleep_until(begin_ms + round(step * INTERVAL_MIN * 60_000))
        comparisons.append(compare(bench))
    measure_drift(comparisons, procedure)
    measure_step(bench, comparisons, procedure)
    show(comparisons, procedure)
    log.read()
    raised = log.unexpected()
    assert not raised, f"alarms were raised, though nothing was done to the pump: {raised}"


def measure_drift(comparisons: list[Comparison], procedure: Procedure) -> None:
    """The rate of the pump's clock, from first and last comparison."""
    first, last = comparisons[0], comparisons[-1]
    lasted_ms = last.time_ms - first.time_ms
    drift, expanded_uncertainty = drift_ppm(first, last)
    procedure.measure(
        "clock-drift",
        drift,
        "ppm",
        expanded_uncertainty=expanded_uncertainty,
        lower=-MAX_DRIFT_PPM,
        upper=MAX_DRIFT_PPM,
        requirements=("REQ-CLOCK-001",),
        note=f"positive: fast; over {lasted_ms / 3_600_000:.2f} h; bench clock ({BENCH_CLOCK_PPM:g} ppm at most), both "
        " clocks' resolution, and when within its exchange the pump read its clock",
    )


def measure_step(bench: Bench, comparisons: list[Comparison], procedure: Procedure) -> None:
    """By how much at most the clock went ahead or back between one comparison and the next."""
    before, worst = max(pairwise(comparisons), key=lambda pair: abs(pair[1].ahead_ms - pair[0].ahead_ms))
    procedure.measure(
        "clock-step",
        abs(worst.ahead_ms - before.ahead_ms) / 1000,
        "s",
        expanded_uncertainty=(2 * hypot(worst.half_width_ms, before.half_width_ms) / sqrt(3) + RESOLUTION_MS) / 1000,
        upper=bench.loaded.profile.alarms.clock_step_s,
        requirements=("REQ-CLOCK-002",),
        note=f"before {worst.time_ms / 3_600_000:.2f} h of bench time",
    )


def show(comparisons: list[Comparison], procedure: Procedure) -> None:
    """How far the pump's clock was ahead, against bench time."""
    procedure.show(
        Figure(
            title="The pump's clock against the bench's",
            x_label="bench time / h",
            y_label="pump ahead / ms",
            series=(
                Series(
                    "pump less bench",
                    tuple(each.time_ms / 3_600_000 for each in comparisons),
                    tuple(each.ahead_ms for each in comparisons),
                    "points",
                ),
            ),
            limits=(Limit(0.0, "in step", "reference"),),
            in_bench_hours=True,
        )
    )
