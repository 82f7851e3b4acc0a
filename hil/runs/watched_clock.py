"""A clock that tells of every look at it: a run that neither sleeps nor looks at the time for long hangs."""

from collections.abc import Callable

from hil.clock import Clock, WallClock

__all__ = ["WatchedClock"]

_SLICE_MS = 200
"""Of real time: a long sleep is progress, too."""


class WatchedClock:
    """``clock``, with ``progressed`` called whenever it is used. Every record of every wire is dated by it."""

    def __init__(self, clock: Clock, progressed: Callable[[], None]) -> None:
        """Watch over ``clock``."""
        self._clock = clock
        self._progressed = progressed
        self.start_utc_ms = clock.start_utc_ms

    def now_ms(self) -> int:
        """Bench time now, in ms."""
        self._progressed()
        return self._clock.now_ms()

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` of bench time pass; where that takes real time, a little at a time."""
        slice_ms = max(1, round(_SLICE_MS * self._clock.rate)) if isinstance(self._clock, WallClock) else duration_ms
        while duration_ms > 0:
            step_ms = min(duration_ms, slice_ms)
            self._clock.sleep_ms(step_ms)
            self._progressed()
            duration_ms -= step_ms
