"""The programmer: what the rig can ask a pump, as verbs over one link."""

from typing import TypeVar

from hil.errors import BenchFault, LinkTimeout
from hil.links.link import MAX_UNTERMINATED_BYTES, Link
from protocols.channel import Channel, OpenChannel
from protocols.errors import ExchangeError
from protocols.exchange import Exchange, PeerRefused
from protocols.messages import (
    ClockSet,
    History,
    HistoryRecord,
    Identify,
    Identity,
    Message,
    ReadHistory,
    ReadStatus,
    SetClock,
    Status,
)

__all__ = ["Programmer", "PumpFault"]

_DELIMITER = b"\x00"
_RECORDS_PER_REPLY = 10
_EVIDENCE_BYTES = 48

Reply = TypeVar("Reply", bound=Message)


class PumpFault(BenchFault):
    """The pump did not answer, or answered something else."""


class Programmer:
    """One pump behind one link. Every verb is one exchange: request, reply, retries in between."""

    def __init__(self, link: Link, channel: Channel | None = None, *, first_seq: int = 0) -> None:
        """Talk over ``link``; without a ``channel`` in the open, unauthenticated mode.

        ``first_seq`` should differ between programs that ask one pump in turn, so that none takes an answer that
        another no longer waited for.
        """
        self._link = link
        self._exchange = Exchange(channel or OpenChannel(), first_seq=first_seq)

    def identify(self) -> Identity:
        """Who the pump is. Raises PumpFault if it does not say so."""
        return self._ask(Identify(), Identity)

    def read_status(self) -> Status:
        """What the pump measures and estimates now. Raises PumpFault if it does not say so."""
        return self._ask(ReadStatus(), Status)

    def set_clock(self, utc_ms: int) -> ClockSet:
        """Set the pump's clock to ``utc_ms``; the reply says what it showed before."""
        return self._ask(SetClock(utc_ms=utc_ms), ClockSet)

    def read_history(self, from_seq: int) -> list[HistoryRecord]:
        """All hourly records from ``from_seq`` on, oldest first; those overwritten already are left out."""
        records: list[HistoryRecord] = []
        while True:
            reply = self._ask(ReadHistory(from_seq=from_seq, max_records=_RECORDS_PER_REPLY), History)
            if not reply.records:
                return records
            seqs = [record.seq for record in reply.records]
            if seqs[0] < from_seq or seqs != sorted(set(seqs)):
                raise PumpFault(f"{self._link.resource}: asked for history from {from_seq} on, but records {seqs} came")
            records += reply.records
            from_seq = reply.records[-1].seq + 1
            if from_seq >= reply.next_seq:
                return records

    def _ask(self, request: Message, expected: type[Reply]) -> Reply:
        heard = bytearray()
        try:
            reply = self._converse(request, heard)
        except PeerRefused as error:
            raise PumpFault(f"{self._link.resource}: {error}") from error
        except ExchangeError as error:
            raise PumpFault(f"{self._link.resource}: {error}; {_evidence(heard)}") from error
        if not isinstance(reply, expected):
            raise PumpFault(f"{self._link.resource}: {type(request).__name__} was answered by {type(reply).__name__}")
        return reply

    def _converse(self, request: Message, heard: bytearray) -> Message:
        """Drive the exchange to its reply; whatever came on the way is kept in ``heard``."""
        self._link.write(self._exchange.request(self._link.monotonic_ms(), request))
        while True:
            now_ms = self._link.monotonic_ms()
            deadline_ms = self._exchange.next_deadline_ms
            remaining_ms = max(0, deadline_ms - now_ms) if deadline_ms is not None else 0
            try:
                data = self._link.read_until(_DELIMITER, remaining_ms)
            except LinkTimeout as timeout:
                heard += timeout.partial
                self._link.write(self._exchange.on_deadline(self._link.monotonic_ms()))
                continue
            heard += data
            reply = self._exchange.receive(self._link.monotonic_ms(), data)
            if reply is not None:
                return reply
            if len(heard) > MAX_UNTERMINATED_BYTES:  # frame ends and no frames: no deadline would ever come
                raise PumpFault(f"{self._link.resource}: {_evidence(heard)}")


def _evidence(heard: bytearray) -> str:
    if not heard:
        return "nothing came; is the pump powered and in reach, and is this its port?"
    shown = bytes(heard[:_EVIDENCE_BYTES])
    more = "..." if len(heard) > _EVIDENCE_BYTES else ""
    return f"{len(heard)} bytes came that are no valid reply: {shown!r}{more}; is this the pump's port and baud rate?"
