"""What is physically true in a pump, leg by leg, and at any times in them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.bellows import Bellows
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


class TruthTable:
    """Legs, one after another; the oldest may be forgotten, the newest taken back."""

    def __init__(self, bellows: Bellows, clock: ClockProfile) -> None:
        """Begin with none."""
        self._bellows = bellows
        self._clock = clock
        self._parts: list[FlownLegs] = []
        self._legs: TruthLegs | None = None
        self._leaked_nl = 0.0
        self._crystal_ppb_ms = 0

    def append(self, part: FlownLegs) -> None:
        """Put legs behind the last one."""
        self._parts.append(part)
        self._legs = None

    @property
    def last_nl(self) -> float | None:
        """Volume at the end of the last leg, or None if there is none."""
        return float(self._parts[-1].end_nl[-1]) if self._parts else None

    @property
    def legs(self) -> TruthLegs:
        """All legs."""
        if self._legs is None:
            self._legs = self._derived(self._flown())
        return self._legs

    def _flown(self) -> FlownLegs:
        if len(self._parts) > 1:
            self._parts = [FlownLegs._make(np.concatenate(columns) for columns in zip(*self._parts, strict=True))]
        return self._parts[0]

    def _derived(self, flown: FlownLegs) -> TruthLegs:
        bellows, clock = self._bellows, self._clock
        drive_start_kpa = bellows.driving_pressure_kpa(flown.source_kpa, flown.start_nl)
        drive_end_kpa = bellows.driving_pressure_kpa(flown.source_kpa, flown.end_nl)
        base_kpa = flown.ambient_kpa + flown.node_kpa
        outlet_start_kpa = outlet_end_kpa = flown.node_kpa
        if flown.blocked.any():
            moving_kpa = bellows.flowing_pressure_kpa(flown.source_kpa, flown.start_nl)
            outlet_start_kpa = flown.node_kpa + flown.blocked * moving_kpa
            moving_kpa = bellows.flowing_pressure_kpa(flown.source_kpa, flown.end_nl)
            outlet_end_kpa = flown.node_kpa + flown.blocked * moving_kpa
        away_k = flown.temperature_c - clock.turnover_c
        ppb = np.rint(1000 * (clock.drift_ppm + clock.curvature_ppm_per_k2 * away_k * away_k)).astype(np.int64)
        gains = ppb * (flown.end_ms - flown.start_ms)
        return TruthLegs(
            start_ms=flown.start_ms,
            end_ms=flown.end_ms,
            temperature_c=flown.temperature_c,
            ambient_kpa=flown.ambient_kpa,
            start_nl=flown.start_nl,
            end_nl=flown.end_nl,
            reservoir_start_kpa=base_kpa + drive_start_kpa,
            reservoir_end_kpa=base_kpa + drive_end_kpa,
            outlet_start_kpa=outlet_start_kpa,
            outlet_end_kpa=outlet_end_kpa,
            leaked_nl=np.add.accumulate(np.concatenate([[self._leaked_nl], flown.leaks_nl[:-1]])),
            leaks_nl=flown.leaks_nl,
            crystal_ppb_ms=np.add.accumulate(np.concatenate([[self._crystal_ppb_ms], gains[:-1]])),
            crystal_ppb=ppb,
        )

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
        self._legs = None

    def forget(self, before_ms: int) -> None:
        """Forget the legs that ended before a time, but never the last one."""
        legs, flown = self.legs, self._flown()
        first = min(int(np.searchsorted(flown.end_ms, before_ms, side="left")), flown.end_ms.size - 1)
        if first:
            self._leaked_nl = float(legs.leaked_nl[first])
            self._crystal_ppb_ms = int(legs.crystal_ppb_ms[first])
            self._parts = [FlownLegs._make(column[first:].copy() for column in flown)]
            self._legs = None

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
        legs = self.legs
        leg = max(0, int(legs.start_ms.searchsorted(now_ms)) - 1)
        start_ms = int(legs.start_ms[leg])
        share = (now_ms - start_ms) / (int(legs.end_ms[leg]) - start_ms)

        def between(start: Values, end: Values) -> float:
            low = float(start[leg])
            return low + (float(end[leg]) - low) * share

        return Truth(
            temperature_c=float(legs.temperature_c[leg]),
            reservoir_kpa=between(legs.reservoir_start_kpa, legs.reservoir_end_kpa),
            outlet_kpa=between(legs.outlet_start_kpa, legs.outlet_end_kpa),
            ambient_kpa=float(legs.ambient_kpa[leg]),
            volume_nl=between(legs.start_nl, legs.end_nl),
        )

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
        legs = self.legs
        leg = max(0, int(legs.start_ms.searchsorted(now_ms)) - 1)
        elapsed_ms = now_ms - int(legs.start_ms[leg])
        return (int(legs.crystal_ppb_ms[leg]) + elapsed_ms * int(legs.crystal_ppb[leg])) // 1_000_000_000
