"""A pump of a fleet on a bad wire: whether the programmer ends up with what the pump itself remembers."""

from collections.abc import Callable
from hashlib import shake_256
from itertools import count
from typing import TypeVar

from firmware_model.events import EventKind
from firmware_model.firmware.pump_memory import PumpMemory
from firmware_model.pump import Pump
from hil.errors import RigError
from hil.fleet.faulty_wire import FaultyWire
from hil.links.virtual import VirtualLink
from hil.pump.programmer import CommandNotApplied, Programmer, PumpFault
from hil.pump.programmer_memory import ProgrammerMemory
from protocols.errors import ProtocolError
from protocols.messages import EventRecord, HistoryRecord, Role
from protocols.session.keys import insecure_test_key, simulated_uid
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["WireCheck"]

_HOURS = 48
"""So much of the hourly history is read; all of the event log."""
_TRIES = 6

Read = TypeVar("Read")


class WireCheck:
    """One conversation, in a secure session, at the end of a pump's life."""

    def __init__(self, seed: int, badness: float = 0.05) -> None:
        """Nothing has been said yet. Key, session and accidents follow from ``seed``."""
        self.outcome = "not done"
        """``same``, or what the programmer has and the pump has not."""
        self.accidents = 0
        self._seed = seed
        self._badness = badness

    def check(self, pump: Pump, now_ms: int) -> None:
        """Talk to the pump from ``now_ms`` on, and compare."""
        try:
            self.outcome = self._differs(pump, now_ms) or "same"
        except (RigError, ProtocolError) as error:
            self.outcome = f"{type(error).__name__}: {error}"

    def _differs(self, pump: Pump, now_ms: int) -> str:
        key = insecure_test_key(pump.seed, 1, Role.PROGRAMMER)
        pump.secure(key)
        wire = FaultyWire(pump, self._seed, self._badness)
        time = _Time(pump, now_ms)
        memory = ProgrammerMemory()
        numbers = count()

        def random_bytes(size: int) -> bytes:
            return shake_256(f"pumprig insecure random fleet {self._seed} {next(numbers)}".encode()).digest(size)

        channel = ProgrammerChannel(simulated_uid(pump.seed), key, memory.next_wake, random_bytes)
        programmer = Programmer(VirtualLink("sim:fleet", wire, time.now, time.to), channel, memory=memory)
        before = PumpMemory(pump.memory_image(time.now_ms))
        clock_is_set = _until_known(lambda: _set_clock(programmer, memory, pump.firmware.clock.utc_ms(time.now_ms)))
        events = _until_known(programmer.read_events)
        first_hour = max(0, before.next_hour - _HOURS)
        hours = _until_known(lambda: programmer.read_history(first_hour))
        self.accidents = wire.accidents
        after = PumpMemory(pump.memory_image(time.now_ms))
        return (
            _events_differ(events, before, after)
            or _hours_differ(hours, before, after)
            or _clock_differs(events, before, clock_is_set=clock_is_set)
        )


class _Time:
    """The virtual time of one pump."""

    def __init__(self, pump: Pump, now_ms: int) -> None:
        self.now_ms = now_ms
        self._pump = pump

    def now(self) -> int:
        return self.now_ms

    def to(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self._pump.wake(now_ms)


def _until_known(ask: Callable[[], Read]) -> Read:
    """Ask again if nothing came: on such a wire that happens. Raises PumpFault after the last try."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except CommandNotApplied:
            raise
        except PumpFault:
            continue
    return ask()


def _set_clock(programmer: Programmer, memory: ProgrammerMemory, utc_ms: int) -> bool:
    """Whether the clock was set: a command, which must take effect once or not at all."""
    if memory.outstanding() is not None:
        result = programmer.settle()
        if result.outcome.name == "APPLIED":
            return True
    try:
        programmer.set_clock(utc_ms + 1000)
    except CommandNotApplied:
        return False
    return True


def _events_differ(events: list[EventRecord], before: PumpMemory, after: PumpMemory) -> str:
    ours = [(e.seq, e.boot_count, e.uptime_ms, e.utc_ms, e.kind, e.detail, e.value) for e in events]
    theirs = [
        (e.seq, e.boot_count, e.uptime_ms, e.utc_ms, int(e.kind), e.detail, e.value)
        for e in after.events(0, after.next_event)
        if ours and e.seq <= ours[-1][0]
    ]
    if not ours or ours[-1][0] < before.next_event - 1:
        return f"the programmer has {len(ours)} events, and misses the last"
    if ours[-len(theirs) :] == theirs:
        return ""
    first = next(
        (pair for pair in zip(ours[-len(theirs) :], theirs, strict=False) if pair[0] != pair[1]), ("none", "none")
    )
    return f"the programmer has event {first[0]}, the pump {first[1]}"


def _hours_differ(hours: list[HistoryRecord], before: PumpMemory, after: PumpMemory) -> str:
    first = max(0, before.next_hour - _HOURS)
    theirs = {record.seq: record for record in after.hours(first, after.next_hour - first)}
    missing = [seq for seq in range(first, before.next_hour) if seq in theirs and seq not in {h.seq for h in hours}]
    if missing:
        return f"the programmer misses hour {missing[0]}"
    other = [hour for hour in hours if hour.seq in theirs and theirs[hour.seq] != hour]
    return f"the programmer has hour {other[0]}, the pump {theirs[other[0].seq]}" if other else ""


def _clock_differs(events: list[EventRecord], before: PumpMemory, *, clock_is_set: bool) -> str:
    times = sum(event.kind == EventKind.CLOCK_SET and event.seq >= before.next_event for event in events)
    return "" if times == clock_is_set else f"the clock was set {times} times, the programmer knows of {clock_is_set:d}"
