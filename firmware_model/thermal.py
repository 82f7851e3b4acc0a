"""The propellant's temperature: it follows the surroundings with one time constant."""

import math

__all__ = ["UPDATE_PERIOD_MS", "ThermalLag"]

UPDATE_PERIOD_MS = 60_000
"""The reservoir sees the temperature as a staircase of whole minutes: short against any time constant of a pump."""


class ThermalLag:
    """A first-order lag with an exact solution: T(t) = T_s + (T_0 - T_s) exp(-(t - t_0)/tau)."""

    def __init__(self, *, now_ms: int, temperature_c: float, time_constant_ms: float) -> None:
        """Start in equilibrium at ``temperature_c``. Raises ValueError unless the time constant is positive."""
        if not time_constant_ms > 0:
            raise ValueError(f"time constant must be > 0 ms, got {time_constant_ms}")
        self._time_constant_ms = time_constant_ms
        self._anchor_ms = now_ms
        self._anchor_c = temperature_c
        self._surrounding_c = temperature_c

    def set_surrounding(self, now_ms: int, temperature_c: float) -> None:
        """Tend to ``temperature_c`` from now on; the same temperature again changes nothing."""
        if temperature_c == self._surrounding_c:
            return
        self._anchor_c = self.temperature_c(now_ms)
        self._anchor_ms = now_ms
        self._surrounding_c = temperature_c

    def temperature_c(self, now_ms: float) -> float:
        """Temperature at ``now_ms`` under the present surroundings."""
        lag_c = self._anchor_c - self._surrounding_c
        return self._surrounding_c + lag_c * math.exp(-(now_ms - self._anchor_ms) / self._time_constant_ms)

    def held_c(self, now_ms: int) -> float:
        """The staircase's temperature from ``now_ms`` to the next whole minute: the lag's, half-way between them."""
        return self.temperature_c((now_ms + next_update_ms(now_ms)) / 2)

    def is_settled(self, now_ms: int) -> bool:
        """Whether the lag is over, to the last bit: then the temperature stays what it is."""
        return self.temperature_c(now_ms) == self._surrounding_c


def next_update_ms(now_ms: int) -> int:
    """The first whole minute after ``now_ms``."""
    return (now_ms // UPDATE_PERIOD_MS + 1) * UPDATE_PERIOD_MS
