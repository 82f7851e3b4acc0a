"""The pump's clock beside the bench's, and the drift between two comparisons."""

from dataclasses import dataclass
from math import hypot, sqrt

from hil.bench import Bench

__all__ = ["BENCH_CLOCK_PPM", "MAX_DRIFT_PPM", "RESOLUTION_MS", "Comparison", "compare", "drift_ppm"]

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


def compare(bench: Bench) -> Comparison:
    """One comparison: the second answer was given between the bench times of the first and of itself."""
    bench.pump.read_status()
    before_ms = bench.now_ms()
    status = bench.pump.read_status()
    after_ms = bench.now_ms()
    middle_ms = (before_ms + after_ms) / 2
    ahead_ms = status.clock_utc_ms - (bench.utc_ms() - after_ms + middle_ms)
    return Comparison(middle_ms, ahead_ms, (after_ms - before_ms) / 2)


def drift_ppm(first: Comparison, last: Comparison) -> tuple[float, float]:
    """The rate of the pump's clock less the bench's, positive where it is fast, and its expanded uncertainty (k = 2).

    That is made of the bench clock's own rate, both clocks' resolution, and when within its exchange the pump read its
    clock.
    """
    lasted_ms = last.time_ms - first.time_ms
    reading_ms = [sqrt((each.half_width_ms**2 + 2 * (RESOLUTION_MS / 2) ** 2) / 3) for each in (first, last)]
    drift = 1e6 * (last.ahead_ms - first.ahead_ms) / lasted_ms
    return drift, 2 * hypot(BENCH_CLOCK_PPM / sqrt(3), 1e6 * hypot(*reading_ms) / lasted_ms)
