"""What happened to the pump, event by event."""

from typing import ClassVar

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64sb, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Bounded
from protocols.messages.history import CHAIN_BYTES
from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Telecommand, Telemetry

__all__ = ["MAX_EVENTS", "EventRecord", "Events", "ReadEvents"]

MAX_EVENTS = 11
"""In one answer: as many as leave room in a frame for the secure session's header and tag."""


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
