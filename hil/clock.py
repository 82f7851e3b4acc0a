"""Bench time: what a procedure sleeps on, whether the bench is simulated, real or a recording."""

import sys
import time
from typing import Protocol

__all__ = ["Clock", "WallClock"]


class Clock(Protocol):
    """Bench time in integer milliseconds since the run began."""

    start_utc_ms: int
    """UTC at bench time 0, in ms since 1970. A simulated bench states it, so that runs repeat exactly."""

    def now_ms(self) -> int:
        """Bench time now, in ms."""

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` of bench time pass."""


def _passed_ns() -> int:
    """A time that only ever goes on, also while the computer sleeps: pump, bath and balance do not."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)  # time.monotonic stands still there, too
    return time.monotonic_ns()


class WallClock:
    """Real time, or ``rate`` times it, as a bench served with ``--rate`` runs."""

    def __init__(self, rate: float = 1.0) -> None:
        """Start at bench time 0 now. Raises ValueError unless ``rate`` is positive."""
        if not rate > 0:
            raise ValueError(f"rate must be > 0, got {rate}")
        self.rate = rate
        self.start_utc_ms = time.time_ns() // 1_000_000
        self._start_ns = _passed_ns()
        self._began_ms = 0

    def now_ms(self) -> int:
        """Bench time now, in ms; never runs backwards, whatever happens to the system's date."""
        return self._began_ms + int((_passed_ns() - self._start_ns) * self.rate) // 1_000_000

    def go_on(self, start_utc_ms: int, after_ms: int) -> None:
        """Be the clock of a run that began at ``start_utc_ms``: time passed while nobody looked at it.

        ``after_ms`` is a bench time that was seen already: if the system's date was set back since, time goes on there.
        """
        passed_ms = int((self.start_utc_ms - start_utc_ms) * self.rate)
        self.start_utc_ms, self._began_ms = start_utc_ms, max(passed_ms, after_ms)

    @staticmethod
    def utc_ns() -> int:
        """The system's clock, in ns since 1970 UTC; it may be set while a bench runs."""
        return time.time_ns()

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` of bench time pass: less than that of real time if the bench runs faster."""
        time.sleep(max(0, duration_ms) / 1000 / self.rate)
