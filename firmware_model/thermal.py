"""The propellant's temperature: it follows the surroundings with one time constant.

The flow path sees it as a staircase of *legs*. A leg ends where the surroundings change, and at every full hour; while
the temperature is far from where it tends to, also at every full minute by which it has moved by ``STEP_C``. On each
leg the temperature is its mean over the leg, which is exact: T(t) = T_s + (T_0 - T_s) exp(-(t - t_0)/tau).
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firmware_model.course import Course

__all__ = ["HOUR_MS", "STEP_C", "Legs", "ThermalLag", "with_decaying"]

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEP_C = 0.15
"""A leg's temperature moves by no more than this, unless the leg is but a minute long."""

_FORGOTTEN = 45
"""Time constants after which a float shows nothing of a step any more."""

Values = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Legs:
    """Legs of constant surroundings and temperature, each up to the next; all arrays have the shape (legs,)."""

    start_ms: Times
    end_ms: Times
    temperature_c: Values
    ambient_kpa: Values
    outlet_kpa: Values

    def part(self, first: int, last: int) -> "Legs":
        """Legs number ``first`` to ``last``, the latter not included."""
        return Legs(
            self.start_ms[first:last],
            self.end_ms[first:last],
            self.temperature_c[first:last],
            self.ambient_kpa[first:last],
            self.outlet_kpa[first:last],
        )

    def places(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Numbers of the first leg that is not over at ``start_ms``, and of the first that begins at ``end_ms``."""
        return int(self.end_ms.searchsorted(start_ms, side="right")), int(self.start_ms.searchsorted(end_ms))

    def between(self, start_ms: int, end_ms: int) -> "Legs":
        """The legs from ``start_ms`` to ``end_ms``, the first and the last cut to that."""
        part = self.part(*self.places(start_ms, end_ms))
        starts, ends = part.start_ms, part.end_ms
        if starts.size and starts[0] < start_ms:
            starts = np.maximum(starts, start_ms)
        if ends.size and ends[-1] > end_ms:
            ends = np.minimum(ends, end_ms)
        return Legs(starts, ends, part.temperature_c, part.ambient_kpa, part.outlet_kpa)

    @staticmethod
    def joined(parts: "list[Legs]") -> "Legs":
        """All of them, one after another."""
        return Legs(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


_COLUMNS = ("start_ms", "end_ms", "temperature_c", "ambient_kpa", "outlet_kpa")


def with_decaying(legs: Legs, lag_c: float, since_ms: int, time_constant_ms: float) -> Legs:
    """The legs, warmer by what is left of ``lag_c`` since ``since_ms``; each in as many as that takes."""
    sources: list[int] = []
    ends: list[int] = []
    for leg, (start_ms, end_ms) in enumerate(zip(legs.start_ms.tolist(), legs.end_ms.tolist(), strict=True)):
        left_c = lag_c * math.exp(-(start_ms - since_ms) / time_constant_ms)
        pieces = [*_extra_ends_ms(start_ms, end_ms, left_c, time_constant_ms), end_ms]
        sources += [leg] * len(pieces)
        ends += pieces
    end = np.array(ends, dtype=np.int64)
    start = np.concatenate([legs.start_ms[:1], end[:-1]])
    span = (end - start) / time_constant_ms
    added_c = lag_c * np.exp(-(start - since_ms) / time_constant_ms) * (-np.expm1(-span) / span)
    return Legs(start, end, legs.temperature_c[sources] + added_c, legs.ambient_kpa[sources], legs.outlet_kpa[sources])


def mean_decay(reduced: float) -> float:
    """(1 - exp(-x))/x: how much of a difference is left on average while it decays by exp(-x)."""
    return -math.expm1(-reduced) / reduced if reduced else 1.0


def _extra_ends_ms(start_ms: int, end_ms: int, lag_c: float, time_constant_ms: float) -> list[int]:
    """Where legs must end, beside at ``end_ms``, while a difference of ``lag_c`` decays."""
    ends = []
    now_ms, left_c = start_ms, abs(lag_c)
    while left_c > STEP_C:
        reached_ms = now_ms - time_constant_ms * math.log1p(-STEP_C / left_c)
        until_ms = max(int(reached_ms) // MINUTE_MS, now_ms // MINUTE_MS + 1) * MINUTE_MS
        if until_ms >= end_ms:
            break
        ends.append(until_ms)
        left_c *= math.exp(-(until_ms - now_ms) / time_constant_ms)
        now_ms = until_ms
    return ends


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Times between which the temperature tends to one target; what it lacked of it at their start."""

    start_ms: Times
    target_c: Values
    lag_c: Values


@dataclass(frozen=True, eq=False)
class _Past:
    """The last pieces, as far back as anything is left of their steps; arrays of the shape (pieces,)."""

    target_c: float | None
    """Of the last one; None if there was none yet."""
    lag_c: float
    step_c: Values
    decay: Values
    is_hour: NDArray[np.bool_]

    @classmethod
    def none(cls, time_constant_ms: float) -> Self:
        pieces = max(1, math.ceil(_FORGOTTEN * time_constant_ms / HOUR_MS))
        return cls(None, 0.0, np.zeros(pieces), np.zeros(pieces), np.ones(pieces, dtype=bool))


class ThermalLag:
    """A course of surroundings in, legs out; each is worked out once, as far ahead as was asked."""

    def __init__(self, course: Course, *, now_ms: int, time_constant_ms: float) -> None:
        """Start in equilibrium with the course. Raises ValueError unless the time constant is positive."""
        if not time_constant_ms > 0:
            raise ValueError(f"time constant must be > 0 ms, got {time_constant_ms}")
        self.time_constant_ms = time_constant_ms
        self.until_ms = now_ms
        """As far as legs were given out."""
        self._course = course
        self._temperature_c = float(course.temperature_c[_place(course.start_ms, now_ms)])
        self._pieces: list[_Pieces] = []
        self._past = _Past.none(time_constant_ms)

    def follow(self, now_ms: int, course: Course) -> None:
        """Tend to ``course`` from ``now_ms`` on; legs given out for later are void."""
        if now_ms < self.until_ms:
            self._temperature_c = self.temperature_c(now_ms)
        self._course = course
        self._past = _Past.none(self.time_constant_ms)
        self.until_ms = now_ms

    def temperature_c(self, now_ms: int) -> float:
        """The temperature at a time for which legs were given out, lately."""
        if now_ms >= self.until_ms:
            return self._temperature_c
        pieces = next(part for part in reversed(self._pieces) if part.start_ms[0] <= now_ms)
        place = _place(pieces.start_ms, now_ms)
        elapsed_ms = now_ms - int(pieces.start_ms[place])
        left_c = float(pieces.lag_c[place]) * math.exp(-elapsed_ms / self.time_constant_ms)
        return float(pieces.target_c[place]) + left_c

    def extend(self, until_ms: int) -> Legs:
        """The legs from where the last ones ended to the first full hour that is later than ``until_ms``."""
        start_ms, end_ms = self.until_ms, (until_ms // HOUR_MS + 1) * HOUR_MS
        course = self._course
        ends = np.arange(start_ms // HOUR_MS + 1, end_ms // HOUR_MS + 1, dtype=np.int64) * HOUR_MS
        first, last = course.start_ms.searchsorted(start_ms, side="right"), course.start_ms.searchsorted(end_ms)
        inner = course.start_ms[first:last]
        if (inner % HOUR_MS).any():
            ends = np.union1d(ends, inner)
        starts = np.concatenate([[start_ms], ends[:-1]])
        piece = np.maximum(np.searchsorted(course.start_ms, starts, side="right") - 1, 0)
        target_c = course.temperature_c[piece]
        lag_c, mean = self._lags(target_c, ends - starts)
        self.until_ms = end_ms
        self._pieces = [*self._pieces[-1:], _Pieces(starts, target_c, lag_c)]
        whole = Legs(starts, ends, target_c + lag_c * mean, course.ambient_kpa[piece], course.outlet_kpa[piece])
        far = np.flatnonzero(np.abs(lag_c) > STEP_C)
        return self._subdivided(whole, target_c, lag_c, far.tolist()) if far.size else whole

    def _lags(self, target_c: Values, duration_ms: Times) -> tuple[Values, Values]:
        """What the temperature lacks of its target at each piece's start, and which share of it on average.

        That is the step between the targets, and what is left of the lag before. Where the pieces before were full
        hours, all that is left comes from the last few steps, and many pieces are worked out at once.
        """
        tau_ms, size, memory = self.time_constant_ms, target_c.size, self._past.step_c.size
        hourly = duration_ms == HOUR_MS
        decays = np.full(size, math.exp(-HOUR_MS / tau_ms))
        mean = np.full(size, mean_decay(HOUR_MS / tau_ms))
        for place in np.flatnonzero(~hourly).tolist():
            reduced = int(duration_ms[place]) / tau_ms
            decays[place], mean[place] = math.exp(-reduced), mean_decay(reduced)
        past = self._past
        before_c = self._temperature_c if past.target_c is None else past.target_c
        step_c = np.concatenate([past.step_c, [before_c - target_c[0]], target_c[:-1] - target_c[1:]])
        decay = np.concatenate([past.decay, decays])
        known = np.concatenate([past.is_hour, hourly])
        lag_c = step_c[:size]
        for back in range(memory - 1, -1, -1):
            place = memory - back
            lag_c = step_c[place : place + size] + decay[place - 1 : place - 1 + size] * lag_c
        if not known.all():
            odd = np.concatenate([[0], np.cumsum(~known)])
            for piece in np.flatnonzero(odd[memory : memory + size] - odd[:size]).tolist():
                last_c = lag_c[piece - 1] if piece else past.lag_c
                lag_c[piece] = step_c[memory + piece] + decay[memory + piece - 1] * last_c
        self._past = _Past(float(target_c[-1]), float(lag_c[-1]), step_c[-memory:], decay[-memory:], known[-memory:])
        self._temperature_c = float(target_c[-1] + lag_c[-1] * decays[-1])
        return lag_c, mean

    def _subdivided(self, whole: Legs, target_c: Values, lag_c: Values, far: list[int]) -> Legs:
        """The pieces at ``far`` in as many legs as their lag needs."""
        parts, done = [], 0
        for index in far:
            piece = whole.part(index, index + 1)
            bare = Legs(piece.start_ms, piece.end_ms, target_c[index : index + 1], piece.ambient_kpa, piece.outlet_kpa)
            parts += [
                whole.part(done, index),
                with_decaying(bare, float(lag_c[index]), int(piece.start_ms[0]), self.time_constant_ms),
            ]
            done = index + 1
        return Legs.joined([*parts, whole.part(done, whole.start_ms.size)])


def _place(start_ms: Times, now_ms: int) -> int:
    return max(0, int(np.searchsorted(start_ms, now_ms, side="right")) - 1)
