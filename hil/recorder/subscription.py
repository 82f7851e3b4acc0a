"""Keeps a pump saying what it measures, for as long as somebody records it."""

from typing import Final

from hil.pump.programmer import Programmer, PumpFault

__all__ = ["Subscription"]

_MOST_NOTICES: Final = 0xFFFF
_RENEW_BELOW: Final = 16
_KEEP_ALIVE_MS: Final = 25_000
"""A session that hears nothing from its programmer ends after a minute."""
_RETRY_MS: Final = 5_000
_SLICE_MS: Final = 200


class Subscription:
    """Notices every ``period_s``; asked for again when they run out, or stop coming because the pump restarted."""

    def __init__(self, programmer: Programmer, period_s: int, *, keep_alive: bool) -> None:
        """Of a session that must be kept alive, or in the open. Nothing is sent yet."""
        self._programmer = programmer
        self._period_s = period_s
        self._keep_alive = keep_alive
        self._left = 0
        self._asked_ms = self._heard_ms = self._spoke_ms = 0
        self.problem = ""
        """Why the pump did not take the last request; empty if it did."""

    def begin(self, now_ms: int) -> None:
        """Ask who the pump is, how it is, and for notices. Raises PumpFault."""
        self._programmer.identify()
        self._programmer.read_status()
        self._subscribe(now_ms)

    def listen(self, now_ms: int) -> None:
        """Hear what comes within a moment, and say what is due. Raises LinkError if the port is lost."""
        notices = self._programmer.notices(_SLICE_MS)
        if notices:
            self._left -= len(notices)
            self._heard_ms = now_ms
        quiet_ms = now_ms - max(self._heard_ms, self._asked_ms)
        overdue = quiet_ms > 2 * self._period_s * 1000 + _RETRY_MS
        try:
            if self._left < _RENEW_BELOW or overdue:
                self._subscribe(now_ms)
            elif self._keep_alive and now_ms - self._spoke_ms > _KEEP_ALIVE_MS:
                self._programmer.read_status()
                self._spoke_ms = now_ms
        except PumpFault as fault:
            self.problem = str(fault)
            self._asked_ms = now_ms

    def end(self) -> None:
        """Have the pump send no more. Raises PumpFault if it does not say that it will not."""
        self._programmer.subscribe(0, 0)

    def _subscribe(self, now_ms: int) -> None:
        self._asked_ms = self._spoke_ms = now_ms
        self._left = self._programmer.subscribe(self._period_s, _MOST_NOTICES).notices
        self.problem = ""
