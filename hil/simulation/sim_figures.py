"""Figures of a simulated scenario: what was true, and what the firmware believed."""

import numpy as np
from numpy.typing import NDArray

from firmware_model.scenario.result import ScenarioResult
from hil.figure import Figure, Limit, Series

__all__ = ["sim_figures"]

Values = NDArray[np.float64]

_POINTS = 2000
"""Of one curve: what a screen can show. Of more, the least and the largest of each stretch are kept."""


def sim_figures(result: ScenarioResult) -> tuple[Figure, ...]:
    """Volume, flow, pressures and temperature against bench time."""
    curves, label = result.curves, result.label_flow_ml_per_day
    days = curves.time_h / 24

    def series(name: str, values: Values, *, step: bool = False) -> Series:
        x, y = _thinned(days, values)
        return Series(name, x, y, "step" if step else "line")

    return (
        Figure(
            "Flow",
            "time, days",
            "flow, mL/day",
            (
                series("true flow", curves.flow_ml_per_day),
                series("estimated by the firmware", curves.estimated_flow_ml_per_day),
            ),
            (
                Limit(label * (1 - result.flow_low_percent / 100), "flow-low"),
                Limit(label * (1 + result.flow_high_percent / 100), "flow-high"),
                Limit(label, "label", "reference"),
            ),
            caption="True flow is that out of the catheter's tip. The estimate is the slope of the volume over six "
            "hours, so it follows a step within six hours.",
        ),
        Figure("Volume in the reservoir", "time, days", "volume, mL", (series("true volume", curves.volume_ml),)),
        Figure(
            "Pressures",
            "time, days",
            "pressure, kPa",
            (
                series("reservoir (absolute)", curves.reservoir_kpa),
                series("ambient (absolute)", curves.ambient_kpa),
                series("outlet (gauge)", curves.outlet_kpa),
            ),
        ),
        Figure(
            "Temperature of the propellant", "time, days", "temperature, °C", (series("true", curves.temperature_c),)
        ),
    )


def _thinned(x: Values, y: Values) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The curve in at most so many points that none of its extremes is lost."""
    if x.size > _POINTS:
        parts = np.array_split(np.arange(x.size), _POINTS // 2)
        kept = sorted({place for part in parts for place in _extremes(y, part)})
        x, y = x[kept], y[kept]
    return tuple(np.round(x, 5).tolist()), tuple(np.round(y, 5).tolist())


def _extremes(y: Values, part: NDArray[np.int64]) -> tuple[int, int]:
    values = y[part]
    if np.isnan(values).any():
        return int(part[0]), int(part[-1])
    return int(part[values.argmin()]), int(part[values.argmax()])
