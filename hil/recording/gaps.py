"""What should have come over a pump's wire and did not."""

from typing import Any, Final

from protocols.listener import Heard, Overheard, Sealed
from protocols.messages import Sampled, Subscribed

__all__ = ["GapWatch"]

_NUMBERS: Final = 1 << 16
"""Of notices, which begin anew here."""
_GRACE_MS: Final = 1000
_LATE: Final = 1.5
"""Periods after which a notice is overdue."""


class GapWatch:
    """Follows the numbers of notices and of sealed frames, and the time between notices."""

    def __init__(self, wire: str) -> None:
        """Of one wire."""
        self._wire = wire
        self._counters: dict[tuple[bytes, str], int] = {}
        self._number: int | None = None
        self._period_ms: int | None = None
        self._left = 0
        self._last_ms: int | None = None
        self._said_idle = False

    def after(self, time_ms: int, overheard: Overheard) -> list[dict[str, Any]]:
        """The gaps that something overheard at ``time_ms`` shows."""
        gaps = []
        if isinstance(overheard, (Heard, Sealed)) and overheard.session is not None and overheard.counter is not None:
            gaps += self._counted(time_ms, overheard.place.direction, overheard.session, overheard.counter)
        if isinstance(overheard, Heard):
            match overheard.message:
                case Subscribed(period_s=period_s, notices=notices):
                    self._subscribed(time_ms, period_s, notices)
                case Sampled(number=number):
                    gaps += self._noticed(time_ms, number)
        return gaps

    def idle(self, time_ms: int) -> list[dict[str, Any]]:
        """The gap if a notice is overdue at ``time_ms``; said once, until one comes."""
        if self._said_idle or self._last_ms is None or not self._left or not self._is_late(time_ms):
            return []
        self._said_idle = True
        silent_ms = time_ms - self._last_ms
        detail = f"no notice for {silent_ms / 1000:.1f} s, one is due every {(self._period_ms or 0) / 1000:g} s"
        return [self._gap(time_ms, "silence", silent_ms=silent_ms, detail=detail)]

    def _subscribed(self, time_ms: int, period_s: int, notices: int) -> None:
        self._period_ms = period_s * 1000 or None
        self._number, self._left = 0, notices if period_s else 0
        self._last_ms, self._said_idle = time_ms, False

    def _noticed(self, time_ms: int, number: int) -> list[dict[str, Any]]:
        gaps = []
        missing = 0 if self._number is None else (number - self._number) % _NUMBERS
        silent_ms = None if self._last_ms is None else time_ms - self._last_ms
        if 0 < missing < _NUMBERS // 2:
            detail = f"{missing} notices before number {number} did not come"
            gaps.append(
                self._gap(
                    time_ms,
                    "notices",
                    expected=self._number,
                    found=number,
                    missing=missing,
                    silent_ms=silent_ms,
                    detail=detail,
                )
            )
        elif self._is_late(time_ms) and not self._said_idle:
            detail = f"{(silent_ms or 0) / 1000:.1f} s between two notices, {(self._period_ms or 0) / 1000:g} s are due"
            gaps.append(self._gap(time_ms, "silence", silent_ms=silent_ms, detail=detail))
        self._number, self._last_ms, self._said_idle = (number + 1) % _NUMBERS, time_ms, False
        self._left = max(0, self._left - 1 - missing) if missing < _NUMBERS // 2 else self._left
        return gaps

    def _is_late(self, time_ms: int) -> bool:
        if self._period_ms is None or self._last_ms is None:
            return False
        return time_ms - self._last_ms > _LATE * self._period_ms + _GRACE_MS

    def _counted(self, time_ms: int, direction: str, session: bytes, counter: int) -> list[dict[str, Any]]:
        expected = self._counters.get((session, direction), 0)
        self._counters[session, direction] = max(expected, counter + 1)
        if counter <= expected:
            return []
        missing = counter - expected
        detail = f"{missing} sealed frames before number {counter} are not on this wire"
        return [
            self._gap(
                time_ms,
                "counter",
                direction=direction,
                session=session.hex(),
                expected=expected,
                found=counter,
                missing=missing,
                detail=detail,
            )
        ]

    def _gap(self, time_ms: int, kind: str, **known: Any) -> dict[str, Any]:
        unknown = dict.fromkeys(("session", "expected", "found", "missing", "silent_ms"))
        return {"time_ms": time_ms, "wire": self._wire, "kind": kind, "direction": "rx", **unknown, **known}
