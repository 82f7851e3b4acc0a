"""What is physically true in a pump, leg by leg, and at any times in them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.bellows import Bellows, BellowsShape, driving_pressure_kpa, flowing_pressure_kpa
from firmware_model.profile import ClockProfile
from protocols.compiled import compiled

__all__ = ["Truth", "TruthLegs", "TruthTable", "put_leg", "truth_of"]

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


class TruthLegs(NamedTuple):
    """Legs on which temperature and ambient pressure are constant and the rest is linear in time.

    Arrays of the shape (legs,); of one leg, ints and floats. The first four are whole numbers.
    """

    start_ms: Any
    end_ms: Any
    crystal_ppb_ms: Any
    """What the clock's crystal has gained before the leg's start: ppb times ms."""
    crystal_ppb: Any
    temperature_c: Any
    ambient_kpa: Any
    start_nl: Any
    end_nl: Any
    reservoir_start_kpa: Any
    reservoir_end_kpa: Any
    outlet_start_kpa: Any
    outlet_end_kpa: Any
    leaked_nl: Any
    """Leaked before the leg's start, ever."""
    leaks_nl: Any
    """And during the leg: out of the reservoir, but not into the vessel."""
    node_kpa: Any
    """Gauge pressure behind the restrictor, but for what an occlusion adds."""
    source_kpa: Any
    """What the propellant has over that."""
    blocked: Any
    """Share of the driving pressure that an occlusion takes."""


_WHOLE = TruthLegs._fields.index("temperature_c")
_REAL = len(TruthLegs._fields) - _WHOLE
_START_MS, _END_MS, _END_NL = 0, 1, TruthLegs._fields.index("end_nl") - _WHOLE
"""Rows of the table."""
_SPARE_SHARE = 8
"""So many times more room than the spare."""


@compiled
def put_leg(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    whole: Times,
    real: Values,
    leg: int,
    start_ms: int,
    end_ms: int,
    temperature_c: float,
    ambient_kpa: float,
    node_kpa: float,
    source_kpa: float,
    blocked: float,
    start_nl: float,
    end_nl: float,
    leaks_nl: float,
    shape: BellowsShape,
    clock: tuple[float, float, float],
) -> None:
    """Put down the truth of one leg, and the sums with which the next one begins, as columns of ``TruthLegs``."""
    outlet_start_kpa = outlet_end_kpa = node_kpa
    if blocked != 0:
        outlet_start_kpa += blocked * flowing_pressure_kpa(shape, source_kpa, start_nl)
        outlet_end_kpa += blocked * flowing_pressure_kpa(shape, source_kpa, end_nl)
    turnover_c, drift_ppm, curvature_ppm_per_k2 = clock
    away_k = temperature_c - turnover_c
    crystal_ppb = int(np.rint(1000 * (drift_ppm + curvature_ppm_per_k2 * away_k * away_k)))
    whole[0, leg], whole[1, leg], whole[3, leg] = start_ms, end_ms, crystal_ppb
    whole[2, leg + 1] = whole[2, leg] + crystal_ppb * (end_ms - start_ms)
    real[0, leg], real[1, leg], real[2, leg], real[3, leg] = temperature_c, ambient_kpa, start_nl, end_nl
    real[4, leg] = ambient_kpa + node_kpa + driving_pressure_kpa(shape, source_kpa, start_nl)
    real[5, leg] = ambient_kpa + node_kpa + driving_pressure_kpa(shape, source_kpa, end_nl)
    real[6, leg], real[7, leg], real[9, leg] = outlet_start_kpa, outlet_end_kpa, leaks_nl
    real[8, leg + 1] = real[8, leg] + leaks_nl
    real[10, leg], real[11, leg], real[12, leg] = node_kpa, source_kpa, blocked


@compiled
def truth_of(times_ms: Times, whole: Times, real: Values, count: int) -> Values:
    """Columns of ``Truth`` at rising times, from a table of ``count`` legs; shape (5, times)."""
    start_ms, end_ms = whole[0, :count], whole[1, :count]
    found = np.empty((5, times_ms.size))
    leg = 0
    for place in range(times_ms.size):
        now_ms = times_ms[place]
        if not start_ms[leg] < now_ms <= end_ms[leg]:
            leg = max(0, np.searchsorted(start_ms, now_ms) - 1)
        share = (now_ms - start_ms[leg]) / (end_ms[leg] - start_ms[leg])
        found[0, place], found[3, place] = real[0, leg], real[1, leg]
        found[1, place] = real[4, leg] + (real[5, leg] - real[4, leg]) * share
        found[2, place] = real[6, leg] + (real[7, leg] - real[6, leg]) * share
        found[4, place] = real[2, leg] + (real[3, leg] - real[2, leg]) * share
    return found


class TruthTable:
    """Legs, one after another; the oldest may be forgotten, the newest taken back.

    They are written in place, by ``put_leg``: column ``count`` is that of the leg to come.
    """

    def __init__(self, bellows: Bellows, clock: ClockProfile) -> None:
        """Begin with none."""
        self._shape = bellows.shape
        self.clock = clock.turnover_c, clock.drift_ppm, clock.curvature_ppm_per_k2
        self.count = 0
        self.whole = np.zeros((_WHOLE, 1), dtype=np.int64)
        self.real = np.zeros((_REAL, 1))
        self._legs: TruthLegs | None = None
        self._leg: TruthLegs | None = None
        """The one that was asked for last."""

    def make_room(self, more: int) -> None:
        """Have room for so many ``more`` legs."""
        room = self.count + more + 1
        if room > self.whole.shape[1]:
            room += room // _SPARE_SHARE  # or a table that grows leg by leg would be copied for each of them
            used, blocks = self.count + 1, (self.whole, self.real)
            self.whole, self.real = np.empty((_WHOLE, room), dtype=np.int64), np.empty((_REAL, room))
            self.whole[:, :used], self.real[:, :used] = (block[:, :used] for block in blocks)

    @property
    def last_nl(self) -> float | None:
        """Volume at the end of the last leg, or None if there is none."""
        return float(self.real[_END_NL, self.count - 1]) if self.count else None

    @property
    def legs(self) -> TruthLegs:
        """All legs."""
        if self._legs is None or self._legs.start_ms.size != self.count:
            self._legs = TruthLegs(*self.whole[:, : self.count], *self.real[:, : self.count])
        return self._legs

    def cut(self, now_ms: int) -> None:
        """Take back what comes after ``now_ms``.

        What was true at the very beginning stays: somebody may have seen it.
        """
        before = int(np.searchsorted(self.whole[_START_MS, : self.count], now_ms, side="left"))
        if self.count and not before:
            self._keep_beginning()
            before = 1
        self.count = before
        last = self.count - 1
        self._legs = self._leg = None
        if self.count and self.whole[1, last] > now_ms:
            leg = self._one(last)
            share = (now_ms - leg.start_ms) / (leg.end_ms - leg.start_ms)
            end_nl = leg.start_nl + (leg.end_nl - leg.start_nl) * share
            put_leg(
                self.whole,
                self.real,
                last,
                leg.start_ms,
                now_ms,
                leg.temperature_c,
                leg.ambient_kpa,
                leg.node_kpa,
                leg.source_kpa,
                leg.blocked,
                leg.start_nl,
                end_nl,
                leg.leaks_nl * share,
                self._shape,
                self.clock,
            )

    def _keep_beginning(self) -> None:
        """Have a leg of a millisecond before the first one, in which everything is as at the start of that."""
        first = self._one(0)
        still = first._replace(
            start_ms=first.start_ms - 1,
            end_ms=first.start_ms,
            crystal_ppb=0,
            end_nl=first.start_nl,
            reservoir_end_kpa=first.reservoir_start_kpa,
            outlet_end_kpa=first.outlet_start_kpa,
            leaks_nl=0.0,
        )
        self.whole[:, 0], self.real[:, 0] = still[:_WHOLE], still[_WHOLE:]
        self.whole[2, 1], self.real[8, 1] = first.crystal_ppb_ms, first.leaked_nl

    def forget(self, before_ms: int) -> None:
        """Forget the legs that ended before a time, but never the last one."""
        first = min(int(np.searchsorted(self.whole[_END_MS, : self.count], before_ms, side="left")), self.count - 1)
        if first > 0:
            for block in (self.whole, self.real):
                block[:, : self.count + 1 - first] = block[:, first : self.count + 1]
            self.count -= first
            self._legs = self._leg = None

    def at(self, times_ms: Times) -> Truth:
        """The truth at many times, just before anything that changes at them; arrays of their shape, (times,)."""
        return Truth(*truth_of(times_ms, self.whole, self.real, self.count))

    def at_one(self, now_ms: int) -> Truth:
        """The same as ``at`` for one time: floats, and no array for each of them."""
        leg = self._leg_at(now_ms)
        share = (now_ms - leg.start_ms) / (leg.end_ms - leg.start_ms)
        return Truth(
            leg.temperature_c,
            leg.reservoir_start_kpa + (leg.reservoir_end_kpa - leg.reservoir_start_kpa) * share,
            leg.outlet_start_kpa + (leg.outlet_end_kpa - leg.outlet_start_kpa) * share,
            leg.ambient_kpa,
            leg.start_nl + (leg.end_nl - leg.start_nl) * share,
        )

    def _leg_at(self, now_ms: int) -> TruthLegs:
        """The leg in which a time is, or at whose end; it is often asked for many times in a row."""
        leg = self._leg
        if leg is None or not leg.start_ms < now_ms <= leg.end_ms:
            leg = self._leg = self._one(max(0, int(self.legs.start_ms.searchsorted(now_ms)) - 1))
        return leg

    def _one(self, place: int) -> TruthLegs:
        return TruthLegs(*self.whole[:, place].tolist(), *self.real[:, place].tolist())

    def volumes_nl(self, now_ms: int) -> tuple[float, float]:
        """Volume in the reservoir, and all that has leaked, just after anything that changes at ``now_ms``."""
        leg = self._one(max(0, int(self.legs.start_ms.searchsorted(now_ms, side="right")) - 1))
        share = min(1.0, (now_ms - leg.start_ms) / (leg.end_ms - leg.start_ms))
        return leg.start_nl + (leg.end_nl - leg.start_nl) * share, leg.leaked_nl + leg.leaks_nl * share

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
        start_ms, _, gained, ppb = self.whole[:, max(0, int(self.legs.start_ms.searchsorted(now_ms)) - 1)].tolist()
        return int(gained + (now_ms - start_ms) * ppb) // 1_000_000_000
