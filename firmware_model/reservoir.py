"""The reservoir's volume as a closed-form function of time, so that asking for it changes nothing.

The driving pressure is piecewise linear in volume (``bellows.py``), so under constant conditions dV/dt is linear in
V in each region, and V(t) a chain of exponentials whose crossing times are known beforehand. Conditions change at
anchors, and only there: volumes at any time depend on what happened to the pump, never on how often it was looked at.
"""

import math
from dataclasses import dataclass

from firmware_model.bellows import Bellows

__all__ = ["Leg", "Reservoir", "trajectory"]

_SMALL = 1e-12


@dataclass(frozen=True)
class Leg:
    """The solution of dV/dt = rate - decay (V - V0) from ``start_ms`` on; volume in nL, time in ms."""

    start_ms: float
    start_nl: float
    rate_nl_per_ms: float
    decay_per_ms: float
    lowest_nl: float
    highest_nl: float

    def volume_nl(self, now_ms: float) -> float:
        """Volume at ``now_ms``, kept within the leg's region against the last bit of rounding."""
        elapsed_ms = now_ms - self.start_ms
        volume_nl = self.start_nl + self.rate_nl_per_ms * elapsed_ms * _mean_decay(self.decay_per_ms * elapsed_ms)
        return min(self.highest_nl, max(self.lowest_nl, volume_nl))

    def reaches_ms(self, volume_nl: float) -> float:
        """When the volume becomes ``volume_nl``; infinity if it never does."""
        if self.rate_nl_per_ms == 0:
            return math.inf
        linear_ms = (volume_nl - self.start_nl) / self.rate_nl_per_ms
        if not 0 <= linear_ms < math.inf:  # the wrong way, or too slow to count
            return math.inf
        reduced = self.decay_per_ms * linear_ms
        if reduced >= 1:  # it tends to a volume short of this one
            return math.inf
        if reduced < _SMALL:
            return self.start_ms + linear_ms
        return self.start_ms - math.log1p(-reduced) / self.decay_per_ms


def _mean_decay(reduced: float) -> float:
    """(1 - exp(-x))/x: how much of a rate is left on average over the time in which it decays by exp(-x)."""
    return 1.0 if reduced < _SMALL else -math.expm1(-reduced) / reduced


def trajectory(
    bellows: Bellows, start_ms: int, start_nl: float, source_kpa: float, conductance: float
) -> tuple[Leg, ...]:
    """The legs, one or two, that the volume follows under constant conditions.

    ``conductance`` is flow over pressure, in nL per ms and kPa; 0 means blocked. The pressure at touch decides the
    direction there: above zero the volume falls through it towards the stop, below zero it rises through it.
    """
    falls_through = source_kpa > bellows.droop_kpa
    above = start_nl > bellows.touch_nl or (start_nl == bellows.touch_nl and not falls_through)
    first = (_spring_leg if above else _stop_leg)(bellows, start_ms, start_nl, source_kpa, conductance)
    if above == falls_through:
        crossing_ms = first.reaches_ms(bellows.touch_nl)
        if crossing_ms < math.inf:
            second = (_stop_leg if above else _spring_leg)(
                bellows, crossing_ms, float(bellows.touch_nl), source_kpa, conductance
            )
            return first, second
    return (first,)


def _spring_leg(bellows: Bellows, start_ms: float, start_nl: float, source_kpa: float, conductance: float) -> Leg:
    pressure_kpa = source_kpa - bellows.spring_kpa_per_nl * (bellows.capacity_nl - start_nl)
    if pressure_kpa < 0 and not bellows.reverse_flow:
        pressure_kpa = 0.0
    decay_per_ms = conductance * bellows.spring_kpa_per_nl
    return Leg(start_ms, start_nl, -conductance * pressure_kpa, decay_per_ms, bellows.touch_nl, bellows.capacity_nl)


def _stop_leg(bellows: Bellows, start_ms: float, start_nl: float, source_kpa: float, conductance: float) -> Leg:
    pressure_kpa = source_kpa - bellows.droop_kpa
    if pressure_kpa > 0:
        decay_per_ms = conductance * pressure_kpa / (bellows.touch_nl - bellows.stop_nl)
        rate = -decay_per_ms * (start_nl - bellows.stop_nl)
        return Leg(start_ms, start_nl, rate, decay_per_ms, bellows.stop_nl, bellows.touch_nl)
    rate = -conductance * pressure_kpa if bellows.reverse_flow else 0.0
    return Leg(start_ms, start_nl, rate, 0.0, bellows.stop_nl, bellows.touch_nl)


class Reservoir:
    """Infusate between the bellows and the restrictor, counted in whole nanolitres.

    What was delivered and what is left always add up exactly to what was put in. Time only runs forwards: a time
    before the last change of conditions raises ValueError.
    """

    def __init__(self, bellows: Bellows, *, now_ms: int, volume_nl: int) -> None:
        """Hold ``volume_nl``, blocked until conditions are set. Raises ValueError if the bellows cannot hold it."""
        self._check_holds(bellows, volume_nl)
        self.bellows = bellows
        self._initial_nl = volume_nl
        self._refilled_nl = 0
        self._anchor_ms = now_ms
        self._conditions = (0.0, 0.0)
        self._legs = trajectory(bellows, now_ms, float(volume_nl), 0.0, 0.0)

    def set_conditions(self, now_ms: int, source_kpa: float, conductance_nl_per_ms_kpa: float) -> None:
        """Drive the infusate by ``source_kpa`` (propellant less ambient and outlet) through a conductance from now on.

        The same conditions again leave everything as it is, to the bit.
        """
        conditions = (source_kpa, conductance_nl_per_ms_kpa)
        if conditions != self._conditions:
            self._anchor(now_ms, self.exact_nl(now_ms), conditions)

    def refill(self, now_ms: int, added_nl: int) -> None:
        """Add ``added_nl`` at once. Raises ValueError if the bellows would not hold it."""
        before_nl = self.volume_nl(now_ms)
        if added_nl < 0 or before_nl + added_nl > self.bellows.capacity_nl:
            raise ValueError(
                f"a refill of {added_nl} nL does not fit: {before_nl} nL of {self.bellows.capacity_nl} nL are in"
            )
        volume_nl = min(float(self.bellows.capacity_nl), self.exact_nl(now_ms) + added_nl)
        self._refilled_nl += added_nl
        self._anchor(now_ms, volume_nl, self._conditions)

    def exact_nl(self, now_ms: int) -> float:
        """Volume at ``now_ms`` in nL, with its fraction: what the physics continues from."""
        if now_ms < self._anchor_ms:
            raise ValueError(f"time runs forwards: conditions changed at {self._anchor_ms} ms, asked for {now_ms} ms")
        last = self._legs[-1]
        return (last if now_ms >= last.start_ms else self._legs[0]).volume_nl(now_ms)

    def volume_nl(self, now_ms: int) -> int:
        """Volume at ``now_ms`` in whole nL."""
        return math.floor(self.exact_nl(now_ms) + 0.5)

    def delivered_nl(self, now_ms: int) -> int:
        """Net volume that has left since the beginning, in whole nL; it can fall if reverse flow is possible."""
        return self._initial_nl + self._refilled_nl - self.volume_nl(now_ms)

    def _anchor(self, now_ms: int, volume_nl: float, conditions: tuple[float, float]) -> None:
        self._anchor_ms = now_ms
        self._conditions = conditions
        self._legs = trajectory(self.bellows, now_ms, volume_nl, *conditions)

    @staticmethod
    def _check_holds(bellows: Bellows, volume_nl: int) -> None:
        if not bellows.stop_nl <= volume_nl <= bellows.capacity_nl:
            raise ValueError(
                f"the bellows holds {bellows.stop_nl} nL (at its stop) to {bellows.capacity_nl} nL (full), "
                f"not {volume_nl} nL"
            )
