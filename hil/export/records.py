"""The records of a block of a recording, found in one compiled pass: where each message stands, and what is none."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from mcap.opcode import Opcode
from numpy.typing import NDArray

from hil.recording.blocks import HEAD, Block, DamagedRecord
from hil.recording.layout import SEQUENCES
from hil.recording.spans import Span, spans
from protocols.compiled import compiled

__all__ = ["Records", "SequenceCheck", "copied", "other_records"]

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

_HEAD_BYTES: Final = HEAD.size
_MESSAGE_HEAD_BYTES: Final = 22
"""Channel, sequence, log_time, publish_time (MCAP specification, Message)."""
_MESSAGE_OPCODE: Final = int(Opcode.MESSAGE)


class Records(NamedTuple):
    """The messages of a block in their order: one row of each array for each of them."""

    data: Bytes
    channel: Integers
    sequence: Integers
    log_time_ns: Integers
    begin: Integers
    """Where its own bytes begin in ``data``."""
    end: Integers
    stop: int
    """Where the last whole record ends."""

    @classmethod
    def of(cls, block: Block) -> "Records":
        """The messages of ``block``, up to the first record that is not whole."""
        data = np.frombuffer(block.data, np.uint8)
        most = data.size // (_HEAD_BYTES + _MESSAGE_HEAD_BYTES) + 1
        table = np.empty((5, most), np.int64)
        count, end = _walk(data, table)
        columns = table[:, :count]
        return cls(data, columns[0], columns[1], columns[2], columns[3], columns[4], int(end))

    def first(self, count: int) -> "Records":
        """The first ``count`` of them."""
        return self._replace(
            channel=self.channel[:count],
            sequence=self.sequence[:count],
            log_time_ns=self.log_time_ns[:count],
            begin=self.begin[:count],
            end=self.end[:count],
        )

    @property
    def is_whole(self) -> bool:
        """Whether these are all there are."""
        return self.stop == self.data.size


class SequenceCheck:
    """Whether the messages of each counter follow each other without a gap."""

    def __init__(self, counter_of: Integers, names: list[str], *, from_start: bool) -> None:
        """``counter_of`` gives the counter of each channel, by number; ``names`` are theirs."""
        self._counter_of = counter_of
        self._names = names
        self._expected = np.full(len(names), 0 if from_start else -1, np.int64)

    def first_wrong(self, at: int, records: Records) -> tuple[int, DamagedRecord | None]:
        """The first message that is not the next one, or on a channel that was not announced, and what is wrong."""
        wrong = int(_out_of_step(records.channel, records.sequence, self._counter_of, self._expected))
        if wrong == records.channel.size:
            return wrong, None if records.is_whole else DamagedRecord(at, "a record is not whole")
        channel, sequence = int(records.channel[wrong]), int(records.sequence[wrong])
        counter = int(self._counter_of[channel])
        if counter < 0:
            return wrong, DamagedRecord(at, f"a message on channel {channel}, which was not announced")
        expected = int(self._expected[counter])
        why = f"message {sequence} of {self._names[counter]} stands where message {expected} belongs"
        return wrong, DamagedRecord(at, why)


def copied(records: Records, which: Integers) -> tuple[Bytes, Integers]:
    """The bytes of those messages, one behind the other, and where each ends among them."""
    ends = np.cumsum(records.end[which] - records.begin[which])
    joined = np.empty(int(ends[-1]) if ends.size else 0, np.uint8)
    _copy(records.data, records.begin[which], records.end[which], joined)
    return joined, ends


def other_records(block: Block) -> Iterator[Span]:
    """The records of ``block`` that are no messages. A block with messages only costs one compiled pass."""
    if _has_others(np.frombuffer(block.data, np.uint8)) or not block.data:
        yield from (span for span in spans(block) if span.opcode not in {Opcode.MESSAGE, Opcode.MESSAGE_INDEX})


@compiled
def _number(data: Bytes, place: int, size: int) -> Any:
    """An unsigned little-endian number; what has its highest bit set of eight bytes is too large for anything here."""
    value = np.int64(0)
    for byte in range(size):
        value |= np.int64(data[place + byte]) << np.int64(8 * byte)
    return value


@compiled
def _walk(data: Bytes, columns: NDArray[np.int64]) -> tuple[int, int]:
    """Every message's channel, sequence, log_time, begin and end; gives how many there are, and where it stopped."""
    place, count = 0, 0
    while place + _HEAD_BYTES <= data.size:
        begin = place + _HEAD_BYTES
        length = _number(data, place + 1, 8)
        if length < 0 or length > data.size - begin:
            break
        if data[place] == _MESSAGE_OPCODE:
            if length < _MESSAGE_HEAD_BYTES:
                break
            columns[0, count] = _number(data, begin, 2)
            columns[1, count] = _number(data, begin + 2, 4)
            columns[2, count] = _number(data, begin + 6, 8)
            columns[3, count] = begin + _MESSAGE_HEAD_BYTES
            columns[4, count] = begin + length
            count += 1
        place = begin + length
    return count, place


@compiled
def _has_others(data: Bytes) -> bool:
    """Whether there is anything but messages; also if that cannot be told."""
    place = 0
    while place + _HEAD_BYTES <= data.size:
        length = _number(data, place + 1, 8)
        if data[place] != _MESSAGE_OPCODE or length < 0 or length > data.size - place - _HEAD_BYTES:
            return True
        place += _HEAD_BYTES + length
    return place < data.size


@compiled
def _out_of_step(channel: Integers, sequence: Integers, counter_of: Integers, expected: Integers) -> int:
    """The first message that is not the next one of its counter, or whose channel has none; else their number."""
    for row in range(channel.size):
        counter = counter_of[channel[row]]
        if counter < 0:
            return row
        if expected[counter] < 0:
            expected[counter] = sequence[row]
        if expected[counter] != sequence[row]:
            return row
        expected[counter] = (expected[counter] + 1) % SEQUENCES
    return channel.size


@compiled
def _copy(data: Bytes, begin: Integers, end: Integers, joined: Bytes) -> None:
    to = np.uintp(0)  # unsigned: of a signed place it is asked whether it counts from the end
    for row in range(begin.size):
        place, size = np.uintp(begin[row]), np.uintp(end[row] - begin[row])
        for byte in range(size):
            joined[to + np.uintp(byte)] = data[place + np.uintp(byte)]
        to += size
