"""Playing time against the wall: how fast, where, whether it stands; and how late each piece was."""

import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np

__all__ = ["Lateness", "Pace", "wait_until_ns"]

_SPIN_NS: Final = 15_000_000 if sys.platform == "win32" else 200_000
"""Before the time is due, by which a sleep may be late: from here on the clock is watched.

On Linux a sleeper is late by some 60 us. To spin for longer makes it worse: on a busy machine the scheduler takes the
processor from whoever uses much of it, and wakes at once who has slept.
"""


def wait_until_ns(due_ns: int, is_over: Callable[[float], bool]) -> bool:
    """Wait until ``time.monotonic_ns()`` is ``due_ns``; False as soon as ``is_over(seconds)`` is true.

    ``is_over`` may take as long as it is given, and ends early when something happens. The last stretch is spun
    through, for a system wakes a sleeper when it likes.
    """
    while (left_ns := due_ns - time.monotonic_ns()) > _SPIN_NS:
        if is_over((left_ns - _SPIN_NS) / 1e9):
            return False
    while time.monotonic_ns() < due_ns:
        pass
    return True


class Pace:
    """Where the playing stands: ``position_ms`` of playing time, running at ``speed`` unless it is paused."""

    def __init__(self, speed: float | None) -> None:
        """Begin at 0, now. ``speed`` is None for as fast as it is taken."""
        self.speed = speed
        self.paused = False
        self._anchor_ms = 0.0
        self._anchor_ns = time.monotonic_ns()

    def position_ms(self) -> float:
        """Playing time now; means nothing at full speed."""
        if self.paused or self.speed is None:
            return self._anchor_ms
        return self._anchor_ms + (time.monotonic_ns() - self._anchor_ns) / 1e6 * self.speed

    def due_ns(self, due_ms: float) -> int:
        """When ``due_ms`` of playing time is, by ``time.monotonic_ns()``, if nothing is changed until then."""
        if self.speed is None:
            return 0
        return self._anchor_ns + round((due_ms - self._anchor_ms) * 1e6 / self.speed)

    def move_to(self, position_ms: float) -> None:
        """Go on from there, now."""
        self._anchor_ms, self._anchor_ns = position_ms, time.monotonic_ns()

    def set_speed(self, speed: float) -> None:
        """Go on as fast as that, from here."""
        self.move_to(self.position_ms())
        self.speed = speed

    def set_paused(self, *, paused: bool) -> None:
        """Stand still, or go on from here."""
        position_ms = self.position_ms()
        self.paused = paused
        self.move_to(position_ms)


class Lateness:
    """How far each piece was from its time, in ms of real time."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        self._late_ns: list[int] = []

    def add(self, late_ns: int) -> None:
        """One piece was sent so much after its time."""
        self._late_ns.append(late_ns)

    def __len__(self) -> int:
        """How many pieces."""
        return len(self._late_ns)

    def quantiles_ms(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum. Raises ValueError if nothing was sent."""
        if not self._late_ns:
            raise ValueError("nothing was sent")
        late_ms = np.abs(np.array(self._late_ns, dtype=np.float64)) / 1e6
        median, most, worst = np.percentile(late_ms, (50, 99, 100))
        return float(median), float(most), float(worst)
