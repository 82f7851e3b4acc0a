"""Start-up and trumpet curves, in the form of IEC 60601-2-24."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TrumpetPoint", "equal_interval_min", "flow_curve", "trumpet"]

_MIN_PER_DAY = 1440.0


@dataclass(frozen=True)
class TrumpetPoint:
    """Largest and smallest mean flow error over all windows of one length."""

    window_min: float
    max_error_percent: float
    min_error_percent: float


def equal_interval_min(time_min: Sequence[float], *, jitter: float = 1e-6) -> float:
    """The interval, in min, between samples taken at equal steps of time.

    Raises ValueError for fewer than two times, for NaN, or if any step differs from the median step by more than the
    share ``jitter``: both curves divide by one interval for all, so a missing sample would show as a burst of flow.
    """
    times = np.asarray(time_min, dtype=np.float64)
    if times.ndim != 1 or times.size < 2:
        raise ValueError(f"an interval needs two times at least, got {times.size}")
    if not np.isfinite(times).all():
        raise ValueError("times must be finite")
    steps = np.diff(times)
    if not (steps > 0).all():
        raise ValueError("times must increase")
    usual_min = float(np.median(steps))
    off_by = np.abs(steps / usual_min - 1)
    worst = int(off_by.argmax())
    if off_by[worst] > jitter:
        raise ValueError(
            f"samples must be equally spaced: the one at {times[worst + 1]:g} min came {steps[worst]:g} min after "
            f"the one before it, the others {usual_min:g} min"
        )
    return float(times[-1] - times[0]) / steps.size


def flow_curve(volume_ml: Sequence[float], interval_min: float) -> NDArray[np.float64]:
    """Mean flow in each interval, in mL/day, from cumulative volumes at equal intervals: n volumes give n - 1 flows.

    Raises ValueError for fewer than two volumes, for NaN, or for an interval that is not positive.
    """
    volumes = np.asarray(volume_ml, dtype=np.float64)
    if volumes.ndim != 1 or volumes.size < 2:
        raise ValueError(f"a flow needs two volumes at least, got {volumes.size}")
    if not np.isfinite(volumes).all():
        raise ValueError("volumes must be finite")
    if not 0 < interval_min < np.inf:
        raise ValueError(f"interval must be > 0 min, got {interval_min}")
    flows: NDArray[np.float64] = np.diff(volumes) / interval_min * _MIN_PER_DAY
    return flows


def trumpet(
    volume_ml: Sequence[float], interval_min: float, rate_ml_per_day: float, windows_min: Sequence[float]
) -> tuple[TrumpetPoint, ...]:
    """For each window length the largest and smallest mean error of flow against ``rate_ml_per_day``.

    With Q_i the flow in interval i of length S and r the set rate, E_p(max) is the largest, over all windows of n S, of
    the mean of 100 (Q_i - r) / r; E_p(min) the smallest. Windows start at every sample and lie wholly inside the
    collection; longer ones than that are left out. Raises ValueError for a window that is no multiple of the interval.
    """
    if not 0 < rate_ml_per_day < np.inf:
        raise ValueError(f"rate must be > 0 mL/day, got {rate_ml_per_day}")
    errors = 100 * (flow_curve(volume_ml, interval_min) - rate_ml_per_day) / rate_ml_per_day
    sums = np.concatenate(([0.0], np.cumsum(errors)))
    points = []
    for window_min in windows_min:
        if not 0 < window_min < np.inf:
            raise ValueError(f"a window must be > 0 min, got {window_min}")
        count = round(window_min / interval_min)
        if count < 1 or abs(count * interval_min - window_min) > 1e-9 * window_min:
            raise ValueError(f"a window of {window_min} min is no multiple of the interval, {interval_min} min")
        if count <= errors.size:
            means = (sums[count:] - sums[:-count]) / count
            points.append(TrumpetPoint(window_min, float(means.max()), float(means.min())))
    return tuple(points)
