"""The alarms that hold: raised, latched, seen by somebody, repeated."""

from collections.abc import Callable

from firmware_model.events import EventKind
from firmware_model.firmware.alarms import ALARMS
from protocols.messages import Alarms

__all__ = ["AlarmBoard"]

Log = Callable[[int, EventKind, int, int], None]
"""Called with the time in ms, what happened, the number of the alarm's bit, and the condition's place in its table."""


class AlarmBoard:
    """What the firmware knows of its alarms, whatever raised them. Every change of it goes into the log."""

    def __init__(self, latched: Alarms, acknowledged: Alarms, *, now_ms: int, log: Log) -> None:
        """Begin with what the memory kept: alarms that wait to be seen, and those of them that were."""
        self.active = latched
        self.latched = latched
        self.acknowledged = acknowledged
        self._acknowledged_ms = dict.fromkeys(acknowledged, now_ms)
        self._log = log

    def raise_(self, now_ms: int, alarm: Alarms, condition: int) -> None:
        """A condition for ``alarm`` began. It is news if the alarm was not there, or was seen already."""
        is_news = alarm not in self.active or alarm in self.acknowledged
        self.active |= alarm
        if ALARMS[alarm].latching:
            self.latched |= alarm
        self._unacknowledge(alarm)
        if is_news:
            self._log(now_ms, EventKind.ALARM_RAISED, bit_of(alarm), condition)

    def release(self, now_ms: int, alarm: Alarms) -> None:
        """No condition for ``alarm`` is left: so it clears, unless it is to wait until somebody has seen it."""
        waits = alarm in self.latched and (alarm not in self.acknowledged or ALARMS[alarm].needs_more_than_a_look)
        if not waits:
            self.clear(now_ms, alarm)

    def clear(self, now_ms: int, alarm: Alarms) -> None:
        """The alarm is over."""
        self.active &= ~alarm
        self.latched &= ~alarm
        self._unacknowledge(alarm)
        self._log(now_ms, EventKind.ALARM_CLEARED, bit_of(alarm), 0)

    def acknowledge(self, now_ms: int, alarms: Alarms, still_there: Callable[[Alarms], bool]) -> Alarms:
        """Somebody has seen ``alarms``; gives those that this is news for.

        A latched alarm whose condition is not ``still_there`` is over with that.
        """
        news = self.active & ~self.acknowledged & alarms
        for alarm in news:
            self.acknowledged |= alarm
            self._acknowledged_ms[alarm] = now_ms
            self._log(now_ms, EventKind.ALARM_ACKNOWLEDGED, bit_of(alarm), 0)
            if alarm in self.latched and not still_there(alarm):
                self.release(now_ms, alarm)
        return news

    def next_repeat_ms(self, after_ms: int) -> int | None:
        """When the first alarm that was acknowledged comes again, ``after_ms`` later; None if there is none."""
        return min(self._acknowledged_ms.values()) + after_ms if self._acknowledged_ms else None

    def repeat(self, now_ms: int, after_ms: int) -> None:
        """Have those come again whose time it is."""
        for alarm, at_ms in sorted(self._acknowledged_ms.items()):
            if now_ms >= at_ms + after_ms:
                self._unacknowledge(alarm)
                self._log(now_ms, EventKind.ALARM_REPEATED, bit_of(alarm), 0)

    def _unacknowledge(self, alarm: Alarms) -> None:
        self.acknowledged &= ~alarm
        self._acknowledged_ms.pop(alarm, None)


def bit_of(alarm: Alarms) -> int:
    """Number of an alarm's bit."""
    return int(alarm).bit_length() - 1
