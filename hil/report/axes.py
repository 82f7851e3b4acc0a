"""What part of the plane a figure shows: all of its data, limits and markers, and a strip for the limits' names."""

import math
from collections.abc import Iterable

from hil.figure import Figure, Marker

__all__ = ["x_span", "y_span"]

_NAMES_SHARE = 0.17
"""Of the width, kept free at the right for what the limits are called."""


def x_span(figure: Figure, markers: Iterable[Marker]) -> tuple[float, float]:
    """Start and end of the x axis: data and markers, and the strip if there are limits to name."""
    numbers = _finite([x for series in figure.series for x in series.x] + [marker.x for marker in markers])
    if figure.log_x:
        positive = [math.log10(x) for x in numbers if x > 0]
        start, end = _span(positive or [0.0, 1.0], has_names=bool(figure.limits))
        return 10**start, 10**end
    return _span(numbers or [0.0, 1.0], has_names=bool(figure.limits))


def y_span(figure: Figure) -> tuple[float, float]:
    """Start and end of the y axis: data and limits, with some air."""
    numbers = _finite([y for series in figure.series for y in series.y] + [limit.value for limit in figure.limits])
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    air = 0.09 * (high - low) or 0.05 * abs(high) or 1.0
    return low - air, high + air


def _span(numbers: list[float], *, has_names: bool) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    width = (high - low) or 1.0
    return low - 0.02 * width, high + (_NAMES_SHARE if has_names else 0.02) * width


def _finite(numbers: Iterable[float]) -> list[float]:
    return [float(number) for number in numbers if math.isfinite(number)]
