"""The propellant's temperature: it follows the surroundings with one time constant.

The flow path sees it as a staircase of *legs*. A leg ends where the surroundings change, and at every full hour; while
the temperature is far from where it tends to, also at every full minute by which it has moved by ``STEP_C``. On each
leg the temperature is its mean over the leg, which is exact: T(t) = T_s + (T_0 - T_s) exp(-(t - t_0)/tau).
"""

import bisect
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.course import Course
from protocols.compiled import compiled

__all__ = ["HOUR_MS", "STEP_C", "Legs", "ThermalLag", "mean_decay", "step_until_ms"]

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEP_C = 0.15
"""A leg's temperature moves by no more than this, unless the leg is but a minute long."""

Values = NDArray[np.float64]
Times = NDArray[np.int64]


class Legs(NamedTuple):
    """Legs of constant surroundings and temperature, each up to the next; all arrays have the shape (legs,)."""

    start_ms: Times
    end_ms: Times
    temperature_c: Values
    ambient_kpa: Values
    outlet_kpa: Values


@compiled
def mean_decay(reduced: float) -> float:
    """(1 - exp(-x))/x: how much of a difference is left on average while it decays by exp(-x)."""
    return -math.expm1(-reduced) / reduced if reduced != 0 else 1.0


@compiled
def step_until_ms(now_ms: int, end_ms: int, lag_c: float, time_constant_ms: float) -> int:
    """When a leg must end, at the latest at ``end_ms``, while a difference of ``lag_c`` decays."""
    if abs(lag_c) <= STEP_C:
        return end_ms
    reached_ms = now_ms - time_constant_ms * math.log1p(-STEP_C / abs(lag_c))
    return min(end_ms, max(int(reached_ms) // MINUTE_MS, now_ms // MINUTE_MS + 1) * MINUTE_MS)


@compiled
def _lags(duration_ms: Times, target_c: Values, before_c: float, time_constant_ms: float) -> tuple[Values, float]:
    """What the temperature lacks of each target at its start, negative if it must rise; and where it gets in the end.

    It starts at ``before_c``.
    """
    lags_c = np.empty(target_c.size)
    decay, decay_ms, now_c = 1.0, 0, before_c
    for piece in range(target_c.size):
        if duration_ms[piece] != decay_ms:
            decay_ms = duration_ms[piece]
            decay = math.exp(-decay_ms / time_constant_ms)
        lags_c[piece] = now_c - target_c[piece]
        now_c = target_c[piece] + lags_c[piece] * decay
    return lags_c, now_c


@compiled
def _staircase(
    start_ms: Times, end_ms: Times, target_c: Values, lag_c: Values, time_constant_ms: float
) -> tuple[Times, Times, Times, Values]:
    """Start, end, number of the piece that it belongs to, and mean temperature of every leg."""
    room = start_ms.size
    for piece in range(start_ms.size):
        if abs(lag_c[piece]) > STEP_C:
            room += (end_ms[piece] - start_ms[piece]) // MINUTE_MS + 1
    starts, ends, pieces, mean_c = (
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room),
    )
    leg, mean, mean_ms = 0, 1.0, 0
    for piece in range(start_ms.size):
        now_ms, left_c = start_ms[piece], lag_c[piece]
        while now_ms < end_ms[piece]:
            until_ms = step_until_ms(now_ms, end_ms[piece], left_c, time_constant_ms)
            if until_ms - now_ms != mean_ms:
                mean_ms = until_ms - now_ms
                mean = mean_decay(mean_ms / time_constant_ms)
            starts[leg], ends[leg], pieces[leg] = now_ms, until_ms, piece
            mean_c[leg] = target_c[piece] + left_c * mean
            if until_ms < end_ms[piece]:
                left_c *= math.exp(-mean_ms / time_constant_ms)
            now_ms = until_ms
            leg += 1
    return starts[:leg], ends[:leg], pieces[:leg], mean_c[:leg]


@compiled
def _parted(course_ms: Times, start_ms: int, end_ms: int) -> tuple[Times, Times, Times]:
    """Start and end of pieces, parted at full hours and where the course changes; and their places in the course."""
    following = int(np.searchsorted(course_ms, start_ms, side="right"))
    room = end_ms // HOUR_MS - start_ms // HOUR_MS + 1 + np.searchsorted(course_ms, end_ms) - following
    starts, ends, places = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    piece, now_ms = 0, start_ms
    while now_ms < end_ms:
        starts[piece], places[piece] = now_ms, max(0, following - 1)
        now_ms = min(end_ms, (now_ms // HOUR_MS + 1) * HOUR_MS)
        if following < course_ms.size and course_ms[following] <= now_ms:
            now_ms = course_ms[following]
            following += 1
        ends[piece] = now_ms
        piece += 1
    return starts[:piece], ends[:piece], places[:piece]


@compiled
def _worked_out(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    course_ms: Times,
    temperature_c: Values,
    ambient_kpa: Values,
    outlet_kpa: Values,
    start_ms: int,
    end_ms: int,
    before_c: float,
    time_constant_ms: float,
) -> tuple[Times, Values, Values, float, Legs]:
    """Start, target and lag of every piece of the course; the temperature at its end; and the legs."""
    starts, ends, piece = _parted(course_ms, start_ms, end_ms)
    target_c = temperature_c[piece]
    lag_c, end_c = _lags(ends - starts, target_c, before_c, time_constant_ms)
    leg_starts, leg_ends, leg, mean_c = _staircase(starts, ends, target_c, lag_c, time_constant_ms)
    piece = piece[leg]
    return starts, target_c, lag_c, end_c, Legs(leg_starts, leg_ends, mean_c, ambient_kpa[piece], outlet_kpa[piece])


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Times between which the temperature tends to one target; what it lacked of it at their start."""

    start_ms: Times
    target_c: Values
    lag_c: Values


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

    def follow(self, now_ms: int, course: Course) -> None:
        """Tend to ``course`` from ``now_ms`` on; legs given out for later are void."""
        if now_ms < self.until_ms:
            self._temperature_c = self.temperature_c(now_ms)
        del self._pieces[bisect.bisect_left(self._pieces, now_ms, key=_began_ms) :]
        self._course = course
        self.until_ms = now_ms

    def temperature_c(self, now_ms: int) -> float:
        """The temperature at a time for which legs were given out, and which was not forgotten."""
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
        starts, target_c, lag_c, self._temperature_c, legs = _worked_out(
            course.start_ms,
            course.temperature_c,
            course.ambient_kpa,
            course.outlet_kpa,
            start_ms,
            end_ms,
            self._temperature_c,
            self.time_constant_ms,
        )
        self.until_ms = end_ms
        self._pieces.append(_Pieces(starts, target_c, lag_c))
        return legs

    def forget(self, before_ms: int) -> None:
        """Forget pieces that no time from ``before_ms`` on needs."""
        first = bisect.bisect_right(self._pieces, before_ms, key=_began_ms) - 1
        del self._pieces[: max(0, first)]


def _began_ms(part: _Pieces) -> int:
    return int(part.start_ms[0])


def _place(start_ms: Times, now_ms: int) -> int:
    return max(0, int(np.searchsorted(start_ms, now_ms, side="right")) - 1)
