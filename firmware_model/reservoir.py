"""The reservoir's volume through many legs at once.

Outflow is linear in volume wherever one *regime* of the bellows holds (``bellows.py``): q = a + b V, with a and b
constant on a leg. So the volume at a leg's end is linear in that at its start, V' = alpha V + beta, and a run of legs
is a cumulative product and a cumulative sum. Both go from leg to leg, so that a volume does not depend on how far ahead
it was worked out. Within a leg the volume is linear in time: legs last an hour at most.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.bellows import Bellows

__all__ = ["Drive", "Flow", "Reservoir"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drive:
    """What drives the infusate on each leg; arrays of the shape (legs,).

    ``source_kpa`` is what the propellant has over the restrictor's far side, ``node_kpa`` the gauge pressure there.
    Conductances are in nL per ms and kPa: of the restrictor, which the source drives, and of a leak into the tissue,
    which source and node together drive.
    """

    source_kpa: Values
    node_kpa: Values
    restrictor: Values
    leak: float

    def until_leg(self, last: int) -> "Drive":
        """Without the legs from number ``last`` on."""
        return Drive(self.source_kpa[:last], self.node_kpa[:last], self.restrictor[:last], self.leak)

    def from_leg(self, first: int) -> "Drive":
        """Without the legs before number ``first``."""
        return Drive(self.source_kpa[first:], self.node_kpa[first:], self.restrictor[first:], self.leak)


class Flow(NamedTuple):
    """What came of some legs; arrays of the shape (legs,), volumes in nL with their fractions."""

    start_ms: Times
    end_ms: Times
    leg: NDArray[np.intp]
    """Which of the legs handed over this one is, or is a part of."""
    start_nl: Values
    end_nl: Values
    leaked_nl: Values
    """What left by the leak during the leg."""


class Regime(NamedTuple):
    """Where the bellows is, and which way the pressure across the restrictor points."""

    region: str
    forward: bool


class Reservoir:
    """Infusate between bellows and restrictor: a volume, and how it goes on."""

    def __init__(self, bellows: Bellows, volume_nl: int) -> None:
        """Hold ``volume_nl``. Raises ValueError if the bellows cannot."""
        if not bellows.stop_nl <= volume_nl <= bellows.capacity_nl:
            raise ValueError(
                f"the bellows holds {bellows.stop_nl} nL (at its stop) to {bellows.capacity_nl} nL (full), "
                f"not {volume_nl} nL"
            )
        self.bellows = bellows
        self._room = 0
        self.set_volume(float(volume_nl))

    def set_volume(self, volume_nl: float) -> None:
        """Go on from another volume."""
        self.volume_nl = volume_nl
        self._regime: Regime | None = None

    def flow(self, start_ms: Times, end_ms: Times, drive: Drive) -> Flow:
        """Let the infusate flow through the legs."""
        parts: list[Flow] = []
        first, total = 0, start_ms.size
        legs = np.arange(total)
        while first < total:
            part = self._run(start_ms[first:], end_ms[first:], legs[first:], drive.from_leg(first))
            parts.append(part)
            first += part.leg.size
            if part.end_ms[-1] < end_ms[first - 1]:  # it left its regime within its last leg
                first -= 1
                start_ms = start_ms.copy()
                start_ms[first] = part.end_ms[-1]
        if len(parts) == 1:
            return parts[0]
        return Flow(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _run(self, start_ms: Times, end_ms: Times, legs: NDArray[np.intp], drive: Drive) -> Flow:
        """As many of the legs as one regime holds for, at least a part of the first."""
        regime = self._regime_at(self.volume_nl, float(drive.source_kpa[0]))
        if regime != self._regime:
            self._anchor(regime)
        if legs.size > self._room:
            legs, drive = legs[: self._room], drive.until_leg(self._room)
        size = legs.size
        slope, offset, leak_slope, leak_offset = self._law(regime, drive)
        duration_ms = end_ms[:size] - start_ms[:size]
        reduced = slope * duration_ms
        half = 1 + reduced / 2
        span_ms = duration_ms * half / (1 + reduced * half)  # (1 - exp(-x))/x to the second order, and never below 0
        volumes, products, sums = self._volumes(1 - slope * span_ms, offset * span_ms)
        lower, upper = self._bounds_nl(regime)
        count = self._holds(volumes, lower, upper, drive.source_kpa, regime)
        ends_ms, ends_nl = end_ms[:count], volumes[1 : count + 1]
        self._room -= count
        self._product, self._sum = float(products[count]), float(sums[count])
        if ends_nl[-1] < lower or ends_nl[-1] > upper:
            bound = lower if ends_nl[-1] < lower else upper
            share = (volumes[count - 1] - bound) / (volumes[count - 1] - ends_nl[-1])
            ends_ms, ends_nl = ends_ms.copy(), ends_nl.copy()
            ends_ms[-1] = start_ms[count - 1] + max(1, math.ceil(share * duration_ms[count - 1]))
            ends_nl[-1] = bound
            self._regime = None
        elif not self._room:
            self._regime = None
        self.volume_nl = float(ends_nl[-1])
        starts_nl = volumes[:count]
        leaked_nl = np.zeros(count)
        if drive.leak:
            rate = (offset + slope * volumes[:-1])[:count]
            leak = (leak_offset + leak_slope * volumes[:-1])[:count]
            np.divide((starts_nl - ends_nl) * leak, rate, out=leaked_nl, where=rate != 0)
        return Flow(start_ms[:count], ends_ms, legs[:count], starts_nl, ends_nl, leaked_nl)

    def _volumes(self, alpha: Values, outflow: Values) -> tuple[Values, Values, Values]:
        """V' = alpha V - outflow from leg to leg: volumes, and the products and sums to go on from; (legs + 1,)."""
        products = np.empty(alpha.size + 1)
        products[0], products[1:] = self._product, alpha
        np.multiply.accumulate(products, out=products)
        sums = np.empty(alpha.size + 1)
        sums[0] = self._sum
        np.divide(outflow, products[1:], out=sums[1:])
        np.negative(sums[1:], out=sums[1:])
        np.add.accumulate(sums, out=sums)
        volumes = products * (self._anchor_nl + sums)
        volumes[0] = self.volume_nl
        if self._regime is not None and self._regime.region == "stop":
            np.maximum(volumes, self.bellows.stop_nl, out=volumes)
        if self._regime is not None and self._regime.forward:  # it falls, down to the last bit of rounding
            np.minimum.accumulate(volumes, out=volumes)
        return volumes, products, sums

    def _holds(self, volumes: Values, lower: float, upper: float, source_kpa: Values, regime: Regime) -> int:
        """How many legs the regime holds for, that counted in which the volume leaves it."""
        ahead = self._pressure_kpa(volumes[:-1], source_kpa) >= 0
        if volumes.min() >= lower and volumes.max() <= upper and (ahead.all() if regime.forward else not ahead.any()):
            return volumes.size - 1
        turned = ahead != regime.forward
        turned[0] = False
        broken = turned | (volumes[1:] < lower) | (volumes[1:] > upper)
        if not broken.any():
            return volumes.size - 1
        first = int(broken.argmax())
        return first if turned[first] else first + 1

    def _anchor(self, regime: Regime) -> None:
        self._regime = regime
        self._anchor_nl, self._product, self._sum = self.volume_nl, 1.0, 0.0
        self._room = 64 if regime.region == "stop" else 4096  # legs, before the product becomes too small for a float

    def _regime_at(self, volume_nl: float, source_kpa: float) -> Regime:
        bellows = self.bellows
        forward = bool(self._pressure_kpa(volume_nl, source_kpa) >= 0)
        if volume_nl > bellows.capacity_nl:
            return Regime("over", forward)
        if not forward and bellows.reverse_flow and volume_nl == bellows.capacity_nl:
            return Regime("full", forward)
        if volume_nl < bellows.touch_nl or (volume_nl == bellows.touch_nl and forward):
            return Regime("stop", forward)
        return Regime("spring", forward)

    def _bounds_nl(self, regime: Regime) -> tuple[float, float]:
        """The volumes between which a regime holds."""
        bellows = self.bellows
        if regime.region == "stop":
            return float(bellows.stop_nl), float(bellows.touch_nl)
        if regime.region == "over":
            return float(bellows.capacity_nl), np.inf
        return float(bellows.touch_nl), float(bellows.capacity_nl)

    def _pressure_kpa(self, volume_nl: Values | float, source_kpa: Values | float) -> Values:
        """What points forwards or backwards across the restrictor: source less droop, whatever the stop takes."""
        return source_kpa - self.bellows.droop_at_kpa(volume_nl)

    def _law(self, regime: Regime, drive: Drive) -> tuple[Values, Values, Values, Values]:
        """Slope and offset of the outflow against volume, in 1/ms and nL/ms: of all of it, and of the leak's part."""
        bellows = self.bellows
        none = np.zeros_like(drive.source_kpa)
        leak_slope = leak_offset = none
        if regime.region == "stop":
            width_nl = bellows.touch_nl - bellows.stop_nl
            pressure_kpa = drive.source_kpa - bellows.droop_kpa
            if drive.leak:
                leak_slope = drive.leak * np.maximum(pressure_kpa + drive.node_kpa, 0) / width_nl
                leak_offset = -leak_slope * bellows.stop_nl
            if not regime.forward:
                back = drive.restrictor * pressure_kpa if bellows.reverse_flow else none
                return leak_slope, leak_offset + back, leak_slope, leak_offset
            slope = drive.restrictor * pressure_kpa / width_nl
            return slope + leak_slope, leak_offset - slope * bellows.stop_nl, leak_slope, leak_offset
        spring = bellows.overfill_kpa_per_nl if regime.region == "over" else bellows.spring_kpa_per_nl
        empty_kpa = drive.source_kpa - spring * bellows.capacity_nl
        if drive.leak:
            outwards = drive.source_kpa + drive.node_kpa > bellows.droop_kpa  # a leak draws nothing in
            leak_slope = np.where(outwards, drive.leak * spring, 0.0)
            leak_offset = np.where(outwards, drive.leak * (empty_kpa + drive.node_kpa), 0.0)
        if regime.region == "full" or not (regime.forward or bellows.reverse_flow):
            return leak_slope, leak_offset, leak_slope, leak_offset
        slope, offset = drive.restrictor * spring, drive.restrictor * empty_kpa
        if not drive.leak:
            return slope, offset, none, none
        return slope + leak_slope, offset + leak_offset, leak_slope, leak_offset
