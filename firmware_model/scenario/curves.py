"""Curves of a run: what was true, on a grid of times, and what the firmware estimated at its hours' ends."""

import numpy as np
from numpy.typing import NDArray

from firmware_model.pump import Pump
from firmware_model.scenario.result import Curves

__all__ = ["CurveRecorder"]

_HOUR_MS = 3_600_000
_FEW_DAYS = 60


class CurveRecorder:
    """Takes the curves part by part, before the pump forgets."""

    def __init__(self, pump: Pump, end_ms: int) -> None:
        """Record every ten minutes of a short run, every hour of a long one."""
        self._pump = pump
        self._step_ms = _HOUR_MS if end_ms > _FEW_DAYS * 24 * _HOUR_MS else _HOUR_MS // 6
        self._parts: list[tuple[NDArray[np.float64], ...]] = []

    def record(self, begin_ms: int, end_ms: int) -> None:
        """Take the curves of one part."""
        grid = np.arange(begin_ms, end_ms, self._step_ms, dtype=np.int64)
        times_ms = np.concatenate([grid, [end_ms]])
        plant = self._pump.plant
        true = plant.truth(times_ms)
        delivered_nl = plant.delivered_at(times_ms)
        flow = np.diff(delivered_nl) / np.diff(times_ms) * 86.4  # nL/ms in mL/day
        columns = (
            times_ms / _HOUR_MS,
            true.volume_nl / 1e6,
            np.concatenate([flow[:1], flow]),
            self._estimated(begin_ms, times_ms),
            true.temperature_c,
            true.reservoir_kpa,
            true.ambient_kpa,
            true.outlet_kpa,
        )
        first = 1 if self._parts else 0  # the last point of the part before
        self._parts.append(tuple(column[first:] for column in columns))

    def curves(self) -> Curves:
        """All of it."""
        return Curves(*(np.concatenate(columns) for columns in zip(*self._parts, strict=True)))

    def _estimated(self, begin_ms: int, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """The firmware's estimate, as it stood at each time."""
        estimated = np.full(times_ms.size, np.nan)
        for end_ms, flow_nl_per_day in self._pump.estimates_since(begin_ms - _HOUR_MS):
            first = int(times_ms.searchsorted(end_ms))
            last = int(times_ms.searchsorted(end_ms + _HOUR_MS))
            estimated[first:last] = np.nan if flow_nl_per_day is None else flow_nl_per_day / 1e6
        return estimated
