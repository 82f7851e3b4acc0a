"""A recording in pieces of bounded size: the bytes of each pump's wire as two streams, and what was said beside them.

::

    block ── records (compiled) ──┬── bytes of a pump's wire ──> Stream: joined, with the end and time of each record
                                  └── JSON that is wanted ─────> Said: topic, time, bytes
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import RecordingError
from hil.export.records import Records, SequenceCheck, copied, other_records
from hil.recording.blocks import Block, DamagedRecord
from hil.recording.layout import Topic, sequence_of
from hil.recording.stream import RecordingStream
from protocols.listener import WireDirection

__all__ = ["ORDER_STEP", "PIECE_BYTES", "Piece", "Said", "Side", "Stream", "Wanted", "pieces", "pump_wires"]

PIECE_BYTES: Final = 2 << 20
"""Of a wire's bytes: so many are decoded at once."""
ORDER_STEP: Final = 1 << 20
"""Leaves room for the order of what one record holds."""
_MAX_BLOCKS: Final = 64
_MAX_SAID: Final = 20_000
_CHANNELS: Final = 1 << 16
_DEFAULT_WIRE: Final = "pump"
_NS_PER_MS: Final = 1_000_000
_NOT_WANTED, _SAID = -1, -2


class Side(NamedTuple):
    """One direction of one wire."""

    wire: str
    direction: WireDirection


class Said(NamedTuple):
    """One JSON object of a recording."""

    topic: Topic
    time_ms: int
    order: int
    data: bytes
    at: int


@dataclass(frozen=True)
class Stream:
    """What follows in one direction of one wire; arrays of the shape (records,)."""

    data: bytes
    ends: NDArray[np.int64]
    """Where each record ends in ``data``."""
    time_ms: NDArray[np.int64]
    order: NDArray[np.int64]
    """Its place among all messages of the recording, in steps of ``ORDER_STEP``."""


@dataclass(frozen=True)
class Piece:
    """What follows in a recording."""

    streams: dict[Side, Stream]
    said: list[Said]


def pump_wires(topics: dict[int, str]) -> tuple[str, ...]:
    """The wires that speak the pump's protocol: those of which the recording says what their bytes mean.

    A recording in which nothing was decoded, such as an early one, is taken by the name of its wires.
    """
    parsed = [Topic.parse(topic) for topic in topics.values()]
    decoded = {
        topic.wire
        for topic in parsed
        if topic.kind == "message" or (topic.kind == "event" and topic.name in {"rejected", "session", "sealed"})
    }
    return tuple(sorted(decoded)) or tuple({_DEFAULT_WIRE} & {topic.wire for topic in parsed})


def pieces(
    stream: RecordingStream,
    wanted: "Wanted",
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    piece_bytes: int = PIECE_BYTES,
) -> Iterator[Piece]:
    """All of the recording, or from and to the chunks of those times.

    Everything before damage is given before RecordingError says where it is.
    """
    from_start = from_ms is None and to_ms is None
    check = SequenceCheck(wanted.counter_of, wanted.counters, from_start=from_start or not stream.chunks)
    building = _Building(stream.start_utc_ms, wanted)
    found = stream.blocks(other_records, from_ms=from_ms, to_ms=to_ms)
    while True:
        try:
            block = next(found, None)
            if block is not None:
                building.add(block, check)
        except RecordingError:
            yield building.taken()
            raise
        except DamagedRecord as damage:
            yield building.taken()
            raise RecordingError(f"{stream.path}: {damage}") from damage
        is_last = block is None or (to_ms is not None and building.last_ms > to_ms)
        if is_last or building.is_full(piece_bytes):
            yield building.taken()
        if is_last:
            return


class Wanted:
    """What is to be done with the messages of each channel."""

    def __init__(self, topics: dict[int, str], said: set[str]) -> None:
        """Of the channels that have these ``topics``; those in ``said`` hold JSON that is wanted."""
        self.topics = {number: Topic.parse(topic) for number, topic in topics.items()}
        self.sides: list[Side] = []
        self.slot_of = np.full(_CHANNELS, _NOT_WANTED, np.int64)
        self.counter_of = np.full(_CHANNELS, -1, np.int64)
        self.counters: list[str] = []
        self.wires = pump_wires(topics)
        for number, topic in topics.items():
            self.counter_of[number] = self._counter(sequence_of(topic))
            parsed = self.topics[number]
            if parsed.kind == "bytes" and parsed.wire in self.wires:
                self.slot_of[number] = self._slot(Side(parsed.wire, "tx" if parsed.name == "tx" else "rx"))
            elif topic in said:
                self.slot_of[number] = _SAID

    def _counter(self, name: str) -> int:
        if name not in self.counters:
            self.counters.append(name)
        return self.counters.index(name)

    def _slot(self, side: Side) -> int:
        if side not in self.sides:
            self.sides.append(side)
        return self.sides.index(side)


@dataclass
class _Parts:
    data: list[NDArray[np.uint8]] = field(default_factory=list)
    ends: list[NDArray[np.int64]] = field(default_factory=list)
    time_ms: list[NDArray[np.int64]] = field(default_factory=list)
    order: list[NDArray[np.int64]] = field(default_factory=list)
    size: int = 0

    def joined(self) -> Stream:
        return Stream(
            b"".join(data.data for data in self.data),
            np.concatenate(self.ends),
            np.concatenate(self.time_ms),
            np.concatenate(self.order),
        )


class _Building:
    """A piece in the making."""

    def __init__(self, start_utc_ms: int, wanted: Wanted) -> None:
        self._start_utc_ms = start_utc_ms
        self._wanted = wanted
        self._count = 0
        self.last_ms = -1
        self._begin()

    def _begin(self) -> None:
        self._parts: dict[Side, _Parts] = {}
        self._said: list[Said] = []
        self._blocks = 0

    def add(self, block: Block, check: SequenceCheck) -> None:
        """Take the messages of ``block``. Raises DamagedRecord when all before the damage was taken."""
        records = Records.of(block)
        good, damage = check.first_wrong(block.at, records)
        self._take(block, records.first(good))
        if damage is not None:
            raise damage

    def _take(self, block: Block, records: Records) -> None:
        slots = self._wanted.slot_of[records.channel]
        for number, side in enumerate(self._wanted.sides):
            which = np.flatnonzero(slots == number)
            if which.size:
                self._keep(side, records, which)
        for row in np.flatnonzero(slots == _SAID).tolist():
            topic = self._wanted.topics[int(records.channel[row])]
            data = block.data[int(records.begin[row]) : int(records.end[row])]
            self._said.append(Said(topic, int(self._times(records, row)), int(self._order(row)), data, block.at))
        self._count += slots.size
        self._blocks += 1
        if slots.size:
            self.last_ms = int(self._times(records, slots.size - 1))

    def _times(self, records: Records, which: Any) -> Any:
        return records.log_time_ns[which] // _NS_PER_MS - self._start_utc_ms

    def _order(self, which: Any) -> Any:
        return (which + self._count) * ORDER_STEP

    def _keep(self, side: Side, records: Records, which: NDArray[np.int64]) -> None:
        parts = self._parts.setdefault(side, _Parts())
        data, ends = copied(records, which)
        parts.data.append(data)
        parts.ends.append(ends + parts.size)
        parts.time_ms.append(self._times(records, which))
        parts.order.append(self._order(which))
        parts.size += data.size

    def is_full(self, piece_bytes: int) -> bool:
        """Whether what was taken is enough for a piece."""
        size = sum(parts.size for parts in self._parts.values())
        return size >= piece_bytes or self._blocks >= _MAX_BLOCKS or len(self._said) >= _MAX_SAID

    def taken(self) -> Piece:
        """The piece; another one is begun."""
        piece = Piece({side: parts.joined() for side, parts in self._parts.items()}, self._said)
        self._begin()
        return piece
