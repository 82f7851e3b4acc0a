"""Reading a pump's log up to date: from where it was left, page by page, with the chain checked over every record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from protocols.chain import link
from protocols.errors import ExchangeError
from protocols.messages import (
    CHAIN_BYTES,
    HOURS_PER_CHAIN,
    MAX_EVENTS,
    MAX_RECORDS,
    EventRecord,
    Events,
    History,
    HistoryRecord,
    ReadEvents,
    ReadHistory,
    Telecommand,
)
from protocols.messages.body import BodyCodec

__all__ = ["BrokenLog", "Followed", "LogFollower", "event_log", "hour_log"]

Record = TypeVar("Record", EventRecord, HistoryRecord)
_BEGINNING = _UNKNOWN = bytes(CHAIN_BYTES)
"""All zeros say two things: before a chain's first record, that there is none; anywhere else, that nobody knows it."""


class BrokenLog(ExchangeError):
    """The pump's log is not what it was, or what came is not what was asked for."""


@dataclass(frozen=True)
class Followed(Generic[Record]):
    """One page."""

    records: tuple[Record, ...]
    lost: range
    """Sequence numbers that were overwritten, or damaged, before anybody read them."""
    is_last: bool


class LogFollower(Generic[Record]):
    """Where one reader of one log stands: ``next_seq`` and ``chain`` are all it needs to go on another day."""

    def __init__(
        self,
        ask: Callable[[int], Telecommand],
        codec: BodyCodec[Any],
        *,
        begins_anew_every: int | None,
        next_seq: int = 0,
        chain: bytes = _UNKNOWN,
    ) -> None:
        """Go on from ``next_seq``, to which ``chain`` has come."""
        self.next_seq, self.chain = next_seq, chain
        self._ask = ask
        self._codec = codec
        self._begins_anew_every = begins_anew_every

    def request(self) -> Telecommand:
        """What to ask next; asking again is harmless."""
        return self._ask(self.next_seq)

    def take(self, reply: Events | History) -> "Followed[Record]":
        """One answer's records. Raises BrokenLog, with nothing taken, if they do not follow on what is known."""
        records: tuple[Record, ...] = reply.events if isinstance(reply, Events) else reply.records  # type: ignore[assignment]
        first = records[0].seq if records else max(self.next_seq, reply.first_seq)
        if [record.seq for record in records] != list(range(first, first + len(records))) or first < self.next_seq:
            raise BrokenLog(f"records {[record.seq for record in records]} came, {self.next_seq} and on were asked for")
        if first + len(records) > reply.next_seq:
            raise BrokenLog(f"records up to {first + len(records) - 1} came, but the log ends before {reply.next_seq}")
        if not records and first < reply.next_seq:
            raise BrokenLog(
                f"no record came from {first} on, though the log ends before {reply.next_seq}: those left are damaged, "
                "or the pump keeps them back"
            )
        chain, is_known = reply.chain_before, reply.chain_before != _UNKNOWN
        if self._begins_at(first) and is_known:
            raise BrokenLog(f"the chain begins with record {first}, so that before it there is none, but one came")
        if first == self.next_seq and is_known and self.chain not in {_UNKNOWN, chain}:
            raise BrokenLog(f"what came before record {first} is no longer what was read: the chain is another")
        for record in records:
            if self._begins_at(record.seq):
                chain, is_known = _BEGINNING, True
            chain = link(chain, self._codec.build(record))
        if (is_known or not records) and chain != reply.chain_after:
            raise BrokenLog(f"the chain over records {first} to {first + len(records) - 1} does not fit them")
        lost = range(self.next_seq, first)
        self.next_seq, self.chain = first + len(records), reply.chain_after
        return Followed(records, lost, self.next_seq >= reply.next_seq)

    def _begins_at(self, seq: int) -> bool:
        return seq == 0 or (self._begins_anew_every is not None and seq % self._begins_anew_every == 0)


def event_log(next_seq: int = 0, chain: bytes = _UNKNOWN) -> "LogFollower[EventRecord]":
    """A reader of the event log."""
    return LogFollower(
        lambda seq: ReadEvents(from_seq=seq, max_events=MAX_EVENTS),
        BodyCodec(EventRecord),
        begins_anew_every=None,
        next_seq=next_seq,
        chain=chain,
    )


def hour_log(next_seq: int = 0, chain: bytes = _UNKNOWN) -> "LogFollower[HistoryRecord]":
    """A reader of the hourly history."""
    return LogFollower(
        lambda seq: ReadHistory(from_seq=seq, max_records=MAX_RECORDS),
        BodyCodec(HistoryRecord),
        begins_anew_every=HOURS_PER_CHAIN,
        next_seq=next_seq,
        chain=chain,
    )
