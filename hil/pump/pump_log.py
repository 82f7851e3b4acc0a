"""The pump's event log from a moment on, as a procedure reads it: chain checked, dated in bench time."""

from collections.abc import Callable

from hil.bench import Bench
from protocols.log_follower import event_log
from protocols.messages import Alarms, EventKind, EventRecord, Mode

__all__ = ["PumpLog", "said"]

Progress = Callable[[str, float], None]


class PumpLog:
    """What the pump logged since this was made. Whatever it says of an alarm, it says here, and when.

    The pump counts its own uptime by the clock that its samples follow; one status tells what that is in bench time.
    So an alarm is dated to the sample that raised it, however seldom anybody asks. Raises PumpFault, on every read,
    if the chain over the log is broken.
    """

    def __init__(self, bench: Bench) -> None:
        """Read what is there already, so that its chain is known; it is not told."""
        self.bench = bench
        self._follower = event_log()
        self._started_ms: dict[int, int] = {}
        self.before = tuple(bench.pump.follow(self._follower))
        """What was in it before, oldest first."""
        self.events: list[EventRecord] = []
        """What came since, as far as it was read, oldest first."""

    def read(self) -> list[EventRecord]:
        """What came since the last reading."""
        news = self.bench.pump.follow(self._follower)
        status = self.bench.pump.read_status()
        self._started_ms[status.boot_count] = self.bench.now_ms() - status.uptime_ms
        self.events += news
        return news

    def time_ms(self, event: EventRecord) -> int:
        """When it was logged, in bench ms. Raises KeyError for a start of the firmware that nobody saw running."""
        return self._started_ms[event.boot_count] + event.uptime_ms

    def find(self, kind: EventKind, alarm: Alarms | None = None, *, after: EventRecord | None = None) -> "Found":
        """The first event of a ``kind`` (of one ``alarm``), later than ``after``; None if none was read."""
        since = -1 if after is None else after.seq
        return next((each for each in self.events if each.seq > since and _is(each, kind, alarm)), None)

    def wait(
        self,
        kind: EventKind,
        alarm: Alarms | None = None,
        *,
        within_min: float,
        every_min: float,
        progress: Progress,
        after: EventRecord | None = None,
    ) -> "Found":
        """The first event of that kind, asked for every so often; None if none came in time.

        How often says nothing of when it came: the pump's own date does.
        """
        end_ms = self.bench.now_ms() + round(within_min * 60_000)
        self.read()
        while (found := self.find(kind, alarm, after=after)) is None:
            left_ms = end_ms - self.bench.now_ms()
            if left_ms <= 0:
                return None
            what = kind if alarm is None else alarm
            progress(f"waiting for {said(what)}", 1 - left_ms / max(1.0, within_min * 60_000))
            self.bench.sleep(minutes=min(every_min, left_ms / 60_000))
            self.read()
        return found

    def raised(self) -> tuple[Alarms, ...]:
        """The alarms that were raised, each once, in the order in which they came first."""
        bits = [event.detail for event in self.events if event.kind == EventKind.ALARM_RAISED]
        return tuple(Alarms(1 << bit) for bit in dict.fromkeys(bits))

    def unexpected(self, *expected: Alarms) -> str:
        """The alarms that were raised beside those ``expected``, in words; empty if there were none."""
        return ", ".join(said(alarm) for alarm in self.raised() if alarm not in expected)


Found = EventRecord | None


def said(what: Alarms | EventKind | Mode) -> str:
    """``low-reservoir`` for ``Alarms.LOW_RESERVOIR``: how findings say it."""
    return str(what.name).lower().replace("_", "-")


def _is(event: EventRecord, kind: EventKind, alarm: Alarms | None) -> bool:
    return event.kind == kind and (alarm is None or alarm == Alarms(1 << event.detail))
