"""Clock drift: the pump's clock against the bench's UTC for some hours at 37 C, and no alarm meanwhile."""

from dataclasses import dataclass
from itertools import pairwise
from math import hypot, sqrt

import pytest

from hil.bench import Bench
from hil.figure import Figure, Limit, Series
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.pump_log import PumpLog
from hil.ready_bench import make_ready

HOURS = 6.0
INTERVAL_MIN = 30.0
SETTLING_H = 2.25
MAX_DRIFT_PPM = 50.0
BENCH_CLOCK_PPM = 10.0
"""How far the bench's own clock may be off rate: more than a computer's clock under NTP is."""
RESOLUTION_MS = 1.0


@dataclass(frozen=True)
class Comparison:
    """How far the pump's clock was ahead of the bench's, when, and within which half width that is known."""

    time_ms: float
    ahead_ms: float
    half_width_ms: float


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


def compare(bench: Bench) -> Comparison:
    """One comparison: the second answer was given between the bench times of the first and of itself."""
    bench.pump.read_status()
    before_ms = bench.now_ms()
    status = bench.pump.read_status()
    after_ms = bench.now_ms()
    middle_ms = (before_ms + after_ms) / 2
    ahead_ms = status.clock_utc_ms - (bench.utc_ms() - after_ms + middle_ms)
    return Comparison(middle_ms, ahead_ms, (after_ms - before_ms) / 2)


def measure_drift(comparisons: list[Comparison], procedure: Procedure) -> None:
    """The rate of the pump's clock, from first and last comparison."""
    first, last = comparisons[0], comparisons[-1]
    lasted_ms = last.time_ms - first.time_ms
    reading_ms = [sqrt((each.half_width_ms**2 + 2 * (RESOLUTION_MS / 2) ** 2) / 3) for each in (first, last)]
    procedure.measure(
        "clock-drift",
        1e6 * (last.ahead_ms - first.ahead_ms) / lasted_ms,
        "ppm",
        expanded_uncertainty=2 * hypot(BENCH_CLOCK_PPM / sqrt(3), 1e6 * hypot(*reading_ms) / lasted_ms),
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
