"""Volume and flow as the firmware estimates them from the bellows sensor: integers, and finite memory."""

from collections import deque
from collections.abc import Sequence

__all__ = ["FLOW_WINDOW_HOURS", "VOLUME_WINDOW_SAMPLES", "MovingMean", "flow_nl_per_day", "rounded_quotient"]

VOLUME_WINDOW_SAMPLES = 15
FLOW_WINDOW_HOURS = 6
_WEIGHTS = (5, 3, 1, -1, -3, -5)
_WEIGHT_SCALE = 35
"""Least-squares slope of six equally spaced values: sum of (-5 -3 -1 1 3 5) V / 35. Flow is minus that of volume."""


def rounded_quotient(numerator: int, denominator: int) -> int:
    """The quotient of integers, rounded to the nearest (halves upwards); ``denominator`` is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


class MovingMean:
    """Mean of the last ``window`` integers; of fewer while there are no more."""

    def __init__(self, window: int) -> None:
        """Begin with nothing."""
        self._values = deque[int](maxlen=window)
        self._sum = 0

    def add(self, value: int) -> int:
        """Take another value; gives the mean, rounded."""
        if len(self._values) == self._values.maxlen:
            self._sum -= self._values[0]
        self._values.append(value)
        self._sum += value
        return rounded_quotient(self._sum, len(self._values))


def flow_nl_per_day(hourly_volumes_nl: Sequence[int]) -> int:
    """Flow over the last six hours from their mean volumes, oldest first, in nL/day; positive when volume falls.

    Raises ValueError for another number of hours: a shorter window would be another estimator.
    """
    if len(hourly_volumes_nl) != FLOW_WINDOW_HOURS:
        raise ValueError(f"the flow estimate needs {FLOW_WINDOW_HOURS} hours, got {len(hourly_volumes_nl)}")
    weighted = sum(weight * volume for weight, volume in zip(_WEIGHTS, hourly_volumes_nl, strict=True))
    return rounded_quotient(24 * weighted, _WEIGHT_SCALE)
