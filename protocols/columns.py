"""Millions of frames at once: a stream of bytes in, one column for each field of each message out.

::

    bytes ── split, unstuff, check CRC (compiled) ──> frames ── by opcode ──> rows of equal size ──> columns
                        │                                          │
                        └── rejected: where, how long, why         └── messages of variable size: one by one, construct

Layouts come from the declarations, like everything else. What comes out is what construct gives for each frame.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from protocols.channel import OpenChannel
from protocols.declaration import Field, fields_of
from protocols.errors import MessageError
from protocols.framing import MAX_ENCODED_BYTES, MAX_FRAME_BYTES
from protocols.messages import MESSAGES, Message, decode_message

__all__ = ["REASONS", "ColumnDecoder", "Decoded", "NotColumnar", "Rows", "column_dtype", "decode_columns"]

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

REASONS = (
    "",
    "CobsInvalid",
    "FrameTooShort",
    "FrameTooLong",
    "CrcMismatch",
    "UnexpectedFrame",
    "UnknownOpcode",
    "MalformedMessage",
)
"""Why bytes between two zeros are no message: names of the errors that the protocol raises for them, by number."""
_OK, _COBS, _SHORT, _LONG, _CRC, _OTHER, _UNKNOWN, _MALFORMED = range(len(REASONS))
_HEADER_BYTES = len(OpenChannel.HEADER) + 3
_SEQ_AT, _OPCODE_AT = 2, 4
_CHUNK_BYTES = 4 << 20
_CRC_BYTES = 4
_EIGHT = np.uintp(8)


class NotColumnar(TypeError):
    """A message whose size varies: the error names the field that makes it so."""


@dataclass(frozen=True)
class Rows:
    """All messages of one kind and fixed size; arrays of the shape (messages,), in the order of the stream."""

    message: type[Message]
    offset: Integers
    """Bytes from the start of the stream to the frame's first byte."""
    length: Integers
    """Bytes of the encoded frame, without the zero behind it."""
    seq: NDArray[np.uint16]
    data: NDArray[np.void]
    """As they stand on the wire: big-endian, one field for each of the message's."""

    def column(self, name: str) -> NDArray[Any]:
        """One field, in the machine's own byte order. Raises KeyError for a field that is not there."""
        if name not in (self.data.dtype.names or ()):
            raise KeyError(f"{self.message.__name__} has no field {name!r}")
        column = self.data[name]
        return column.astype(column.dtype.newbyteorder("="))


@dataclass(frozen=True)
class Decoded:
    """What a piece of a stream holds."""

    rows: Mapping[type[Message], Rows]
    messages: tuple[tuple[int, int, Message], ...]
    """Messages of variable size: offset, seq, message."""
    rejected: NDArray[np.void]
    """Bytes that are no message: ``offset``, ``length`` (without the zero) and ``reason``, a place in ``REASONS``."""
    frames: int
    """Segments between zeros, rejected ones included."""


_REJECTED = np.dtype([("offset", np.int64), ("length", np.int64), ("reason", np.uint8)])


def decode_columns(data: bytes) -> Decoded:
    """All of ``data`` at once. Raises nothing, whatever the bytes."""
    return ColumnDecoder().feed(data)


class ColumnDecoder:
    """Bytes in, in any pieces; what they hold out. Never keeps more of them than a frame can have."""

    def __init__(self) -> None:
        """Begin at offset 0, between two frames."""
        self._carry = b""
        self._carry_offset = 0
        self._skipped = 0

    def feed(self, data: bytes) -> Decoded:
        """What ``data`` completes."""
        if not self._skipped:
            return self._decode(self._carry + data)
        end = data.find(b"\0")
        if end < 0:
            self._skipped += len(data)
            return _nothing()
        length = len(self._carry) + self._skipped + end
        begin = self._carry_offset
        self._carry, self._skipped = b"", 0
        self._carry_offset = begin + length + 1
        rest = self._decode(data[end + 1 :])
        monster = np.array([(begin, length, _LONG)], dtype=_REJECTED)
        return Decoded(rest.rows, rest.messages, np.concatenate([monster, rest.rejected]), rest.frames + 1)

    def feed_all(self, chunks: Iterable[bytes]) -> Iterator[Decoded]:
        """The same for many pieces, one after another."""
        for chunk in chunks:
            for start in range(0, len(chunk), _CHUNK_BYTES):
                yield self.feed(chunk[start : start + _CHUNK_BYTES])

    def _decode(self, data: bytes) -> Decoded:
        stream = np.frombuffer(data, dtype=np.uint8)
        most = data.count(0)
        starts, lengths = np.empty(most, np.int64), np.empty(most, np.int64)
        places, sizes = np.empty(most, np.int64), np.empty(most, np.int64)
        status = np.empty(most, np.uint8)
        frames = np.empty(stream.size + 8, np.uint8)
        count, consumed = _split(stream, _crc_tables(), frames, starts, lengths, places, sizes, status)
        base, self._carry_offset = self._carry_offset, self._carry_offset + consumed
        self._carry = data[consumed : consumed + MAX_ENCODED_BYTES + 1]
        self._skipped = max(0, len(data) - consumed - len(self._carry))
        return _by_message(
            frames, starts[:count] + base, lengths[:count], places[:count], sizes[:count], status[:count]
        )


def column_dtype(message: type[Message]) -> np.dtype[np.void]:
    """How a message's body lies on the wire. Raises NotColumnar if its size varies."""
    names, formats, offsets, size = [], [], [], 0
    for name, field, offset in _flat(message, fields_of(message), "", 0):
        names.append(name)
        formats.append(_format(field))
        offsets.append(offset)
        size = max(size, offset + (field.size or 0))
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def _flat(
    message: type[Message], fields: tuple[Field, ...], before: str, start: int
) -> Iterator[tuple[str, Field, int]]:
    for field in fields:
        if field.offset is None or field.size is None:
            raise NotColumnar(f"{message.__name__}: the size of {before}{field.name} varies")
        if field.fields:
            yield from _flat(message, field.fields, f"{before}{field.name}.", start + field.offset)
        else:
            yield before + field.name, field, start + field.offset


def _format(field: Field) -> str:
    if field.kind == "text":
        return f"S{field.size}"
    if field.kind in {"bytes", "secret"}:
        return f"V{field.size}"
    return f">{'i' if field.format.islower() else 'u'}{field.size}"


@dataclass(frozen=True)
class _Layout:
    message: type[Message]
    dtype: np.dtype[np.void]
    checked: tuple[tuple[str, Field], ...]


@lru_cache(maxsize=1)
def _layouts() -> Mapping[int, _Layout | None]:
    """Of each opcode; None for a message of variable size."""
    found: dict[int, _Layout | None] = {}
    for opcode, message in MESSAGES.items():
        try:
            flat = list(_flat(message, fields_of(message), "", 0))
            checked = tuple(
                (name, field) for name, field, _ in flat if field.kind in {"bool", "enumeration", "flags", "text"}
            )
            found[opcode] = _Layout(message, column_dtype(message), checked)
        except NotColumnar:
            found[opcode] = None
    return found


def _by_message(  # noqa: PLR0917 - columns of one table
    frames: Bytes, offsets: Integers, lengths: Integers, places: Integers, sizes: Integers, status: Bytes
) -> Decoded:
    opcodes = np.where(status == _OK, frames[np.minimum(places + _OPCODE_AT, frames.size - 1)], 0)
    rows: dict[type[Message], Rows] = {}
    messages: list[tuple[int, int, Message]] = []
    for opcode in np.flatnonzero(np.bincount(opcodes[status == _OK], minlength=1)).tolist():
        which = np.flatnonzero((opcodes == opcode) & (status == _OK))
        if opcode not in MESSAGES:
            status[which] = _UNKNOWN
            continue
        layout = _layouts()[opcode]
        if layout is None:
            for place in which.tolist():
                begin = int(places[place])
                payload = frames[begin + len(OpenChannel.HEADER) : begin + int(sizes[place])].tobytes()
                try:
                    messages.append((int(offsets[place]), *decode_message(payload)))
                except MessageError:
                    status[place] = _MALFORMED
            continue
        size = layout.dtype.itemsize
        fits = sizes[which] == _HEADER_BYTES + size
        status[which[~fits]] = _MALFORMED
        which = which[fits]
        data = _gathered(frames, places[which] + _HEADER_BYTES, size).view(layout.dtype)[:, 0] if size else None
        if data is None:
            data = np.zeros(which.size, dtype=layout.dtype)
        good = _are_valid(layout, data)
        if not good.all():
            status[which[~good]] = _MALFORMED
            which, data = which[good], data[good]
        if which.size:
            seqs = _gathered(frames, places[which] + _SEQ_AT, 2).view(">u2")[:, 0].astype(np.uint16)
            rows[layout.message] = Rows(layout.message, offsets[which], lengths[which], seqs, data)
    bad = np.flatnonzero(status)
    rejected = np.empty(bad.size, dtype=_REJECTED)
    rejected["offset"], rejected["length"], rejected["reason"] = offsets[bad], lengths[bad], status[bad]
    messages.sort(key=lambda each: each[0])
    return Decoded(rows, tuple(messages), rejected, status.size)


def _are_valid(layout: _Layout, data: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which rows hold only values that their types name."""
    good = np.ones(data.size, dtype=bool)
    for name, field in layout.checked:
        column = data[name]
        match field.kind:
            case "bool":
                good &= column <= 1
            case "enumeration" if field.values is not None:
                good &= _named(field.values)[np.minimum(column, 255)]
            case "flags" if field.values is not None:
                known = sum(int(value) for value in field.values)
                good &= column & np.array(~known & (1 << 8 * (field.size or 0)) - 1, column.dtype) == 0
            case _:
                text = np.ascontiguousarray(column).view(np.uint8).reshape(data.size, field.size or 0)
                is_nul = text == 0
                good &= (is_nul | ((text >= 0x20) & (text <= 0x7E))).all(axis=1)
                good &= ~(is_nul[:, :-1] & ~is_nul[:, 1:]).any(axis=1)
    return good


def _named(values: Any) -> NDArray[np.bool_]:
    """Which of 256 numbers an enumeration names."""
    table = np.zeros(256, dtype=bool)
    table[[int(value) for value in values]] = True
    return table


def _nothing() -> Decoded:
    return Decoded({}, (), np.empty(0, dtype=_REJECTED), 0)


@lru_cache(maxsize=1)
def _crc_tables() -> NDArray[np.uint32]:
    """CRC-32C of one byte that is followed by 0 to 7 zeros; shape (8, 256)."""
    tables = np.zeros((8, 256), dtype=np.uint32)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        tables[0, byte] = crc
    for zeros in range(1, 8):
        before = tables[zeros - 1]
        tables[zeros] = before >> np.uint32(8) ^ tables[0][before & np.uint32(0xFF)]
    return tables


def _compiled(function: Any) -> Any:
    return njit(cache=True)(function)


@_compiled
def _split(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    stream: Bytes,
    tables: NDArray[np.uint32],
    frames: Bytes,
    starts: Integers,
    lengths: Integers,
    places: Integers,
    sizes: Integers,
    status: Bytes,
) -> tuple[int, int]:
    """Every segment that ends with a zero: where it is, and the frame in it, or why there is none.

    Gives how many segments there are, and how many bytes they take.
    """
    count, begin, place = 0, 0, 0
    for end in range(stream.size):
        if stream[end] != 0:
            continue
        if end > begin:
            starts[count], lengths[count], places[count] = begin, end - begin, place
            size, verdict = _unstuffed(stream, begin, end, frames, place)
            if verdict == _OK:
                size -= _CRC_BYTES
                verdict = _checked(frames, place, size, tables)
            sizes[count], status[count] = size, verdict
            if verdict == _OK:
                place += size
            count += 1
        begin = end + 1
    return count, begin


@_compiled
def _unstuffed(stream: Bytes, begin: int, end: int, frames: Bytes, place: int) -> tuple[int, int]:
    """Take COBS off one segment; gives the bytes with their CRC, and what is wrong with them."""
    if end - begin > MAX_ENCODED_BYTES:
        return 0, _LONG
    size, left, count = 0, 0, 0xFF  # byte by byte without a branch: runs are short, and no guess about them holds
    for at in range(begin, end):
        byte = int(stream[at])
        is_count = left == 0
        frames[place + size] = 0 if is_count else byte
        size += 0 if is_count & (count == 0xFF) else 1
        count = byte if is_count else count
        left = (byte if is_count else left) - 1
    if left != 0:
        return 0, _COBS
    if size <= _CRC_BYTES:
        return size, _SHORT
    if size - _CRC_BYTES > MAX_FRAME_BYTES:
        return size, _LONG
    return size, _OK


@_compiled
def _checked(frames: Bytes, place: int, size: int, tables: NDArray[np.uint32]) -> int:
    """Whether the CRC behind a frame is its own, and the frame is an open one that holds a header."""
    crc = np.uint32(0xFFFFFFFF)
    at, end = np.uintp(place), np.uintp(place + size)
    while at + _EIGHT <= end:
        low = np.uint64(crc)
        for byte in range(8):
            low ^= np.uint64(frames[at + np.uintp(byte)]) << np.uint64(8 * byte)
        crc = np.uint32(0)
        for byte in range(8):
            crc ^= tables[np.uintp(7 - byte), np.uintp(low >> np.uint64(8 * byte) & np.uint64(0xFF))]
        at += _EIGHT
    while at < end:
        crc = tables[0, np.uintp((crc ^ np.uint32(frames[at])) & np.uint32(0xFF))] ^ crc >> np.uint32(8)
        at += np.uintp(1)
    crc ^= np.uint32(0xFFFFFFFF)
    for byte in range(4):
        if frames[end + np.uintp(byte)] != crc >> np.uint32(24 - 8 * byte) & np.uint32(0xFF):
            return _CRC
    if size < 2 or frames[place] != 1 or frames[place + 1] != 0:
        return _OTHER
    return _OK if size >= _HEADER_BYTES else _MALFORMED


@_compiled
def _gathered(frames: Bytes, places: Integers, size: int) -> Bytes:
    """``size`` bytes from each of ``places`` on; shape (places, size)."""
    rows = np.empty((places.size, size), np.uint8)
    for row in range(places.size):
        for byte in range(size):
            rows[row, byte] = frames[places[row] + byte]
    return rows
