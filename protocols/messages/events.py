"""What happened to the pump, event by event."""

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64sb, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Bounded
from protocols.messages.history import CHAIN_BYTES
from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Telecommand, Telemetry

__all__ = ["EVENT_MEANINGS", "MAX_EVENTS", "BootReason", "EventKind", "EventRecord", "Events", "ReadEvents"]

MAX_EVENTS = 11
"""In one answer: as many as leave room in a frame for the secure session's header and tag."""


class EventKind(IntEnum):
    """What happened."""

    BOOTED = 1
    SELF_TEST_PASSED = 2
    SELF_TEST_FAILED = 3
    MODE_CHANGED = 4
    ALARM_RAISED = 16
    ALARM_CLEARED = 17
    ALARM_ACKNOWLEDGED = 18
    ALARM_REPEATED = 19
    REFILL_BEGUN = 32
    RETURNED_VOLUME = 33
    FILL_VOLUME = 34
    DRUG_SET = 35
    REFILL_COMPLETED = 36
    FLOW_OFF_LABEL = 37
    REFILL_CANCELLED = 38
    CLOCK_SET = 48
    CONFIGURATION_COMMITTED = 49
    MEMORY_REPAIRED = 50
    COMMAND_REFUSED = 51


class BootReason(IntEnum):
    """Why the firmware started."""

    POWER_ON = 0
    RESET = 1
    BROWN_OUT = 2
    WATCHDOG = 3


EVENT_MEANINGS: Mapping[EventKind, str] = {
    EventKind.BOOTED: "detail: BootReason",
    EventKind.MODE_CHANGED: "detail: the new Mode",
    EventKind.ALARM_RAISED: "detail: number of the alarm's bit; value: number of the condition that raised it",
    EventKind.ALARM_CLEARED: "detail: number of the alarm's bit",
    EventKind.ALARM_ACKNOWLEDGED: "detail: number of the alarm's bit",
    EventKind.ALARM_REPEATED: "detail: number of the alarm's bit; it was acknowledged, but its cause is still there",
    EventKind.REFILL_BEGUN: "value: estimated volume, nL",
    EventKind.RETURNED_VOLUME: "value: what the programmer says came out, nL",
    EventKind.FILL_VOLUME: "value: what the programmer says went in, nL",
    EventKind.DRUG_SET: "detail: number of the drug; value: its concentration, ug/mL",
    EventKind.REFILL_COMPLETED: "value: mean flow since the last refill, nL/day; 0 if there was none to tell it from",
    EventKind.FLOW_OFF_LABEL: "value: mean flow since the last refill, nL/day, which is too far from the label's",
    EventKind.REFILL_CANCELLED: "detail: 1 if the firmware gave up waiting",
    EventKind.CLOCK_SET: "value: how far it was set forward, ms",
    EventKind.CONFIGURATION_COMMITTED: "value: its generation",
    EventKind.MEMORY_REPAIRED: "value: how many damaged records were found",
}
"""What ``detail`` and ``value`` of an event mean; both are 0 where nothing is said."""


@declared
class EventRecord(Declared):
    """One event. All fields have a fixed size."""

    seq: int = csfield(Int32ub, "counts events since manufacture; never reused")
    boot_count: int = csfield(Int32ub, "starts of the firmware until then")
    uptime_ms: int = csfield(Int64ub, "ms since the firmware started")
    utc_ms: int = csfield(Int64ub, "ms since 1970 UTC, by the pump's clock")
    kind: int = csfield(Int8ub, "what happened: a number of the table of events")
    detail: int = csfield(Int16ub, "as the table of events says")
    value: int = csfield(Int64sb, "as the table of events says")


@declared
class Events(Telemetry):
    """Answers ReadEvents. What was overwritten is told by ``first_seq``, never hidden."""

    OPCODE: ClassVar[int] = 0x89

    first_seq: int = csfield(Int32ub, "seq of the oldest event that is still stored")
    next_seq: int = csfield(Int32ub, "seq that the next event will have")
    chain_before: bytes = csfield(Bytes(CHAIN_BYTES), "the chain's value before the first of these events")
    events: tuple[EventRecord, ...] = csfield(
        Bounded(Int8ub, Layout(EventRecord), most=MAX_EVENTS), "events from the one asked for on, oldest first"
    )
    chain_after: bytes = csfield(Bytes(CHAIN_BYTES), "the chain's value after the last of them")


@declared
class ReadEvents(Telecommand):
    """Asks for stored events. Asking again gives the same ones."""

    OPCODE: ClassVar[int] = 0x09
    REPLY: ClassVar[type[Telemetry]] = Events
    CHANGES_STATE: ClassVar[bool] = False

    from_seq: int = csfield(Int32ub, "seq of the first event wanted")
    max_events: int = csfield(Int8ub, f"events wanted; at most {MAX_EVENTS} come in one answer")
