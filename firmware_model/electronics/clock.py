"""The pump's real-time clock: a crystal that counts, and what it was last set to."""

from collections.abc import Callable

__all__ = ["EARLIEST_UTC_MS", "LATEST_UTC_MS", "PumpClock"]

EARLIEST_UTC_MS = 946_684_800_000
"""2000-01-01: where a clock begins that was never set; an earlier date is a programmer's mistake."""
LATEST_UTC_MS = 4_102_444_800_000
"""2100-01-01."""


class PumpClock:
    """UTC in whole ms, as the pump knows it. Setting it leaves uptime alone."""

    def __init__(self, crystal_gain_ms: Callable[[int], int], *, now_ms: int, utc_ms: int) -> None:
        """Show ``utc_ms`` at ``now_ms``; ``crystal_gain_ms`` tells what the crystal gained until a time."""
        self._crystal_gain_ms = crystal_gain_ms
        self._gained_at_ms, self._gained_ms = -1, 0
        self.has_jumped = False
        """Whether it did since the firmware last compared it with uptime."""
        self._show(now_ms, utc_ms)

    def utc_ms(self, now_ms: int) -> int:
        """What the clock shows, in ms since 1970."""
        return self._offset_ms + now_ms + self._gain_ms(now_ms)

    def set_utc(self, now_ms: int, utc_ms: int) -> int:
        """Show ``utc_ms`` from now on; gives what it showed before. Raises ValueError outside 2000 to 2099."""
        if not EARLIEST_UTC_MS <= utc_ms < LATEST_UTC_MS:
            raise ValueError(
                f"UTC must be {EARLIEST_UTC_MS} to {LATEST_UTC_MS - 1} ms (years 2000 to 2099), got {utc_ms}"
            )
        previous_ms = self.utc_ms(now_ms)
        self._show(now_ms, utc_ms)
        return previous_ms

    def forget(self, now_ms: int) -> None:
        """Begin again in the year 2000: its supply failed."""
        self._show(now_ms, EARLIEST_UTC_MS)

    def jump(self, by_ms: int) -> None:
        """Show another time all of a sudden; never one before 1970."""
        self._offset_ms += by_ms
        self.has_jumped = True

    def ahead_ms(self, now_ms: int) -> int:
        """What it shows less the bench time: this changes by drift only."""
        return self._offset_ms + self._gain_ms(now_ms)

    def _gain_ms(self, now_ms: int) -> int:
        """What the crystal has gained; it is often asked for several times in the same millisecond."""
        if now_ms != self._gained_at_ms:
            self._gained_at_ms, self._gained_ms = now_ms, self._crystal_gain_ms(now_ms)
        return self._gained_ms

    def _show(self, now_ms: int, utc_ms: int) -> None:
        self._offset_ms = utc_ms - now_ms - self._gain_ms(now_ms)
