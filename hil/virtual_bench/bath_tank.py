"""The water of a simulated bath: it warms and cools exponentially, and wavers a little."""

import math

from firmware_model.electronics.noise import noise_share

__all__ = ["BathTank"]

_NOISE_CHANNEL = 101
_NOISE_PERIOD_MS = 10_000


class BathTank:
    """First-order tank: towards the set point while it is heated, towards the room while it is not.

    The bath's sensor may be off: it reads ``offset`` less than the water has, and the controller believes it. Time is
    bench time; the temperature is a closed form from the last change, so it does not matter how often anyone looks.
    """

    def __init__(self, *, seed: int, ambient_c: float, time_constant_s: float, noise_c: float) -> None:
        """Start at the room's temperature ``ambient_c``, with heater and pump off and a set point of 20 C."""
        self._seed = seed
        self._ambient_c = ambient_c
        self._time_constant_ms = time_constant_s * 1000
        self._noise_c = noise_c
        self._offset_c = 0.0
        self._since_ms = 0
        self._since_c = ambient_c
        self.set_point_c = 20.0
        self.running = False

    def true_temperature_c(self, now_ms: int) -> float:
        """Temperature of the water, in degrees Celsius."""
        return self._smooth_c(now_ms) + self._noise_c * noise_share(
            self._seed, _NOISE_CHANNEL, now_ms // _NOISE_PERIOD_MS
        )

    def indicated_temperature_c(self, now_ms: int) -> float:
        """What the bath's sensor reads."""
        return self.true_temperature_c(now_ms) - self._offset_c

    def set_point(self, now_ms: int, set_point_c: float) -> None:
        """Work towards an indicated ``set_point_c`` from now on."""
        self._anchor(now_ms)
        self.set_point_c = set_point_c

    def switch(self, now_ms: int, *, on: bool) -> None:
        """Switch heater and pump."""
        self._anchor(now_ms)
        self.running = on

    def set_offset(self, now_ms: int, offset_c: float) -> None:
        """From now on the water is ``offset_c`` warmer than the sensor reads, once the controller has followed."""
        self._anchor(now_ms)
        self._offset_c = offset_c

    def _anchor(self, now_ms: int) -> None:
        self._since_c, self._since_ms = self._smooth_c(now_ms), now_ms

    def _smooth_c(self, now_ms: int) -> float:
        target_c = self.set_point_c + self._offset_c if self.running else self._ambient_c
        left = math.exp(-(now_ms - self._since_ms) / self._time_constant_ms)
        return target_c + (self._since_c - target_c) * left
