"""Flow against one condition: what was measured, with its uncertainty, beside what the pump model gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from hil.figure import Figure, Series

__all__ = ["MeasuredPoint", "condition_figure"]

_CURVE_POINTS = 41


@dataclass(frozen=True)
class MeasuredPoint:
    """A flow over that at the reference, at one condition; uncertainty with k = 2."""

    condition: float
    ratio: float
    expanded_uncertainty: float


def condition_figure(
    *,
    title: str,
    x_label: str,
    y_label: str,
    points: Sequence[MeasuredPoint],
    model: Callable[[float], float],
    tolerance_percent: float,
) -> Figure:
    """Points with bars, the model's ratio as a curve, and the tolerance around it."""
    ordered = sorted(points, key=lambda point: point.condition)
    x = tuple(float(at) for at in np.linspace(ordered[0].condition, ordered[-1].condition, _CURVE_POINTS))
    curve = tuple(model(at) for at in x)
    share = tolerance_percent / 100
    bars_x: list[float] = []
    bars_y: list[float] = []
    for point in ordered:
        u = point.expanded_uncertainty
        bars_x += [point.condition, point.condition, point.condition]
        bars_y += [point.ratio - u, point.ratio + u, nan]
    return Figure(
        title=title,
        x_label=x_label,
        y_label=y_label,
        series=(
            Series("pump model", x, curve),
            Series(f"model less {tolerance_percent:g} %", x, tuple(y * (1 - share) for y in curve)),
            Series(f"model plus {tolerance_percent:g} %", x, tuple(y * (1 + share) for y in curve)),
            Series("expanded uncertainty (k = 2)", tuple(bars_x), tuple(bars_y)),
            Series(
                "measured",
                tuple(point.condition for point in ordered),
                tuple(point.ratio for point in ordered),
                "points",
            ),
        ),
        caption="Flows as they were collected, over the one at the reference, which is 1 by definition.",
    )
