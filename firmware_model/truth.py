"""What is physically true in a pump, leg by leg, and at any times in them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.bellows import Bellows, BellowsShape, driving_pressure_kpa, flowing_pressure_kpa
from firmware_model.compiled import compiled
from firmware_model.profile import ClockProfile

__all__ = ["FlownLegs", "Truth", "TruthLegs", "TruthTable"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]


class Truth(NamedTuple):
    """What sensors with no error would read: floats, or arrays of the shape (times,)."""

    temperature_c: Any
    reservoir_kpa: Any
    """Absolute, on the infusate's side of the bellows."""
    outlet_kpa: Any
    """Gauge, between restrictor and catheter."""
    ambient_kpa: Any
    """Absolute."""
    volume_nl: Any


class FlownLegs(NamedTuple):
    """Legs and what flowed in them; arrays of the shape (legs,). Within a leg, volumes are linear in time."""

    start_ms: Times
    end_ms: Times
    temperature_c: Values
    ambient_kpa: Values
    node_kpa: Values
    """Gauge pressure behind the restrictor, but for what an occlusion adds."""
    source_kpa: Values
    """What the propellant has over that."""
    blocked: Values
    """Share of the driving pressure that an occlusion takes."""
    start_nl: Values
    end_nl: Values
    leaks_nl: Values
    """Out of the reservoir during the leg, but not into the vessel."""


class TruthLegs(NamedTuple):
    """Legs on which temperature and ambient pressure are constant and the rest is linear in time; shape (legs,)."""

    start_ms: Times
    end_ms: Times
    temperature_c: Values
    ambient_kpa: Values
    start_nl: Values
    end_nl: Values
    reservoir_start_kpa: Values
    reservoir_end_kpa: Values
    outlet_start_kpa: Values
    outlet_end_kpa: Values
    leaked_nl: Values
    """Leaked before the leg's start, ever."""
    leaks_nl: Values
    """And during the leg."""
    crystal_ppb_ms: Times
    """What the clock's crystal has gained before the leg's start: ppb times ms."""
    crystal_ppb: Times


@compiled
def _derived(
    flown: FlownLegs, shape: BellowsShape, clock: tuple[float, float, float], leaked_nl: float, crystal_ppb_ms: int
) -> TruthLegs:
    """The truth from what flowed; what leaked, and what the crystal gained, was so much before the first leg."""
    start_ms, end_ms, temperature_c, ambient_kpa, node_kpa, source_kpa, blocked, start_nl, end_nl, leaks_nl = flown
    turnover_c, drift_ppm, curvature_ppm_per_k2 = clock
    count = start_ms.size
    reservoir_start_kpa, reservoir_end_kpa, leaked = np.empty(count), np.empty(count), np.empty(count)
    outlet_start_kpa, outlet_end_kpa = node_kpa, node_kpa
    gained, ppb = np.empty(count, np.int64), np.empty(count, np.int64)
    if blocked.any():
        outlet_start_kpa, outlet_end_kpa = node_kpa.copy(), node_kpa.copy()
    for leg in range(count):
        source, node = source_kpa[leg], node_kpa[leg]
        reservoir_start_kpa[leg] = ambient_kpa[leg] + node + driving_pressure_kpa(shape, source, start_nl[leg])
        reservoir_end_kpa[leg] = ambient_kpa[leg] + node + driving_pressure_kpa(shape, source, end_nl[leg])
        if blocked[leg] != 0:
            outlet_start_kpa[leg] = node + blocked[leg] * flowing_pressure_kpa(shape, source, start_nl[leg])
            outlet_end_kpa[leg] = node + blocked[leg] * flowing_pressure_kpa(shape, source, end_nl[leg])
        away_k = temperature_c[leg] - turnover_c
        ppb[leg] = np.rint(1000 * (drift_ppm + curvature_ppm_per_k2 * away_k * away_k))
        leaked[leg], gained[leg] = leaked_nl, crystal_ppb_ms
        leaked_nl += leaks_nl[leg]
        crystal_ppb_ms += ppb[leg] * (end_ms[leg] - start_ms[leg])
    return TruthLegs(
        start_ms,
        end_ms,
        temperature_c,
        ambient_kpa,
        start_nl,
        end_nl,
        reservoir_start_kpa,
        reservoir_end_kpa,
        outlet_start_kpa,
        outlet_end_kpa,
        leaked,
        leaks_nl,
        gained,
        ppb,
    )


class TruthLeg(NamedTuple):
    """One of ``TruthLegs``."""

    start_ms: int
    end_ms: int
    temperature_c: float
    ambient_kpa: float
    start_nl: float
    end_nl: float
    reservoir_start_kpa: float
    reservoir_end_kpa: float
    outlet_start_kpa: float
    outlet_end_kpa: float
    leaked_nl: float
    leaks_nl: float
    crystal_ppb_ms: int
    crystal_ppb: int


class TruthTable:
    """Legs, one after another; the oldest may be forgotten, the newest taken back."""

    def __init__(self, bellows: Bellows, clock: ClockProfile) -> None:
        """Begin with none."""
        self._bellows = bellows
        self._clock = clock
        self._parts: list[FlownLegs] = []
        self._legs: TruthLegs | None = None
        self._leg: TruthLeg | None = None
        """The one that was asked for last, in ints and floats."""
        self._leaked_nl = 0.0
        self._crystal_ppb_ms = 0

    def append(self, part: FlownLegs) -> None:
        """Put legs behind the last one."""
        self._parts.append(part)
        self._legs = self._leg = None

    @property
    def last_nl(self) -> float | None:
        """Volume at the end of the last leg, or None if there is none."""
        return float(self._parts[-1].end_nl[-1]) if self._parts else None

    @property
    def legs(self) -> TruthLegs:
        """All legs."""
        if self._legs is None:
            clock = self._clock
            self._legs = _derived(
                self._flown(),
                self._bellows.shape,
                (clock.turnover_c, clock.drift_ppm, clock.curvature_ppm_per_k2),
                self._leaked_nl,
                self._crystal_ppb_ms,
            )
        return self._legs

    def _flown(self) -> FlownLegs:
        if len(self._parts) > 1:
            self._parts = [FlownLegs._make(np.concatenate(columns) for columns in zip(*self._parts, strict=True))]
        return self._parts[0]

    def cut(self, now_ms: int) -> None:
        """Take back what comes after ``now_ms``."""
        if not self._parts:
            return
        flown = self._flown()
        count = int(np.searchsorted(flown.start_ms, now_ms, side="left"))
        kept = FlownLegs._make(column[:count] for column in flown)
        if count and kept.end_ms[-1] > now_ms:
            share = (now_ms - int(kept.start_ms[-1])) / int(kept.end_ms[-1] - kept.start_ms[-1])
            kept = kept._replace(end_ms=kept.end_ms.copy(), end_nl=kept.end_nl.copy(), leaks_nl=kept.leaks_nl.copy())
            kept.end_nl[-1] = kept.start_nl[-1] + (kept.end_nl[-1] - kept.start_nl[-1]) * share
            kept.leaks_nl[-1] *= share
            kept.end_ms[-1] = now_ms
        self._parts = [kept] if count else []
        self._legs = self._leg = None

    def forget(self, before_ms: int) -> None:
        """Forget the legs that ended before a time, but never the last one."""
        legs, flown = self.legs, self._flown()
        first = min(int(np.searchsorted(flown.end_ms, before_ms, side="left")), flown.end_ms.size - 1)
        if first:
            self._leaked_nl = float(legs.leaked_nl[first])
            self._crystal_ppb_ms = int(legs.crystal_ppb_ms[first])
            self._parts = [FlownLegs._make(column[first:].copy() for column in flown)]
            self._legs = self._leg = None

    def at(self, times_ms: Times) -> Truth:
        """The truth at times of any shape, just before anything that changes at them."""
        legs = self.legs
        leg = np.maximum(np.searchsorted(legs.start_ms, times_ms, side="left") - 1, 0)
        start_ms = legs.start_ms[leg]
        share = (times_ms - start_ms) / (legs.end_ms[leg] - start_ms)

        def between(start: Values, end: Values) -> Values:
            low = start[leg]
            return low + (end[leg] - low) * share

        return Truth(
            temperature_c=legs.temperature_c[leg],
            reservoir_kpa=between(legs.reservoir_start_kpa, legs.reservoir_end_kpa),
            outlet_kpa=between(legs.outlet_start_kpa, legs.outlet_end_kpa),
            ambient_kpa=legs.ambient_kpa[leg],
            volume_nl=between(legs.start_nl, legs.end_nl),
        )

    def at_one(self, now_ms: int) -> Truth:
        """The same as ``at`` for one time: floats, and no array for each of them."""
        leg = self._leg_at(now_ms)
        share = (now_ms - leg.start_ms) / (leg.end_ms - leg.start_ms)

        def between(start: float, end: float) -> float:
            return start + (end - start) * share

        return Truth(
            temperature_c=leg.temperature_c,
            reservoir_kpa=between(leg.reservoir_start_kpa, leg.reservoir_end_kpa),
            outlet_kpa=between(leg.outlet_start_kpa, leg.outlet_end_kpa),
            ambient_kpa=leg.ambient_kpa,
            volume_nl=between(leg.start_nl, leg.end_nl),
        )

    def _leg_at(self, now_ms: int) -> "TruthLeg":
        """The leg in which a time is, or at whose end; it is often asked for many times in a row."""
        leg = self._leg
        if leg is None or not leg.start_ms < now_ms <= leg.end_ms:
            legs = self.legs
            place = max(0, int(legs.start_ms.searchsorted(now_ms)) - 1)
            leg = self._leg = TruthLeg._make([column.item(place) for column in legs])
        return leg

    def volumes_nl(self, now_ms: int) -> tuple[float, float]:
        """Volume in the reservoir, and all that has leaked, just after anything that changes at ``now_ms``."""
        legs = self.legs
        leg = max(0, int(legs.start_ms.searchsorted(now_ms, side="right")) - 1)
        start_ms, end_ms = int(legs.start_ms[leg]), int(legs.end_ms[leg])
        share = min(1.0, (now_ms - start_ms) / (end_ms - start_ms))
        start_nl = float(legs.start_nl[leg])
        volume_nl = start_nl + (float(legs.end_nl[leg]) - start_nl) * share
        return volume_nl, float(legs.leaked_nl[leg]) + float(legs.leaks_nl[leg]) * share

    def volumes_at(self, times_ms: Times) -> tuple[Values, Values]:
        """The same as ``volumes_nl`` at many times; arrays of their shape."""
        legs = self.legs
        leg = np.maximum(legs.start_ms.searchsorted(times_ms, side="right") - 1, 0)
        start_ms = legs.start_ms[leg]
        share = np.minimum(1.0, (times_ms - start_ms) / (legs.end_ms[leg] - start_ms))
        start_nl = legs.start_nl[leg]
        return start_nl + (legs.end_nl[leg] - start_nl) * share, legs.leaked_nl[leg] + legs.leaks_nl[leg] * share

    def crystal_gain_ms(self, now_ms: int) -> int:
        """How much the clock's crystal has gained since the beginning, in whole ms (rounded down)."""
        leg = self._leg_at(now_ms)
        return (leg.crystal_ppb_ms + (now_ms - leg.start_ms) * leg.crystal_ppb) // 1_000_000_000
