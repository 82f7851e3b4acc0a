"""The pump's idea of UTC: an offset to its uptime, and a crystal that drifts."""

__all__ = ["EARLIEST_UTC_MS", "LATEST_UTC_MS", "PumpClock"]

EARLIEST_UTC_MS = 946_684_800_000
"""2000-01-01; an earlier date is a programmer's mistake."""
LATEST_UTC_MS = 4_102_444_800_000
"""2100-01-01."""


class PumpClock:
    """Integer clock: UTC = offset + uptime (1 + drift). Setting it moves the offset and leaves uptime alone."""

    def __init__(self, *, utc_ms: int, drift_ppm: int) -> None:
        """Show ``utc_ms`` at uptime 0."""
        self._drift_ppm = drift_ppm
        self._set_utc_ms = utc_ms
        self._set_at_ms = 0

    def utc_ms(self, uptime_ms: int) -> int:
        """What the clock shows at an uptime, in ms since 1970."""
        elapsed_ms = uptime_ms - self._set_at_ms
        return self._set_utc_ms + elapsed_ms + elapsed_ms * self._drift_ppm // 1_000_000

    def set_utc(self, uptime_ms: int, utc_ms: int) -> int:
        """Show ``utc_ms`` from now on; gives what it showed before. Raises ValueError outside 2000 to 2099."""
        if not EARLIEST_UTC_MS <= utc_ms < LATEST_UTC_MS:
            raise ValueError(
                f"UTC must be {EARLIEST_UTC_MS} to {LATEST_UTC_MS - 1} ms (years 2000 to 2099), got {utc_ms}"
            )
        previous_ms = self.utc_ms(uptime_ms)
        self._set_utc_ms = utc_ms
        self._set_at_ms = uptime_ms
        return previous_ms
