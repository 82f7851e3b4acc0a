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
from numpy.typing import NDArray

from protocols.channel import OpenChannel
from protocols.column_frames import (
    HEADER_BYTES,
    LONG,
    MALFORMED,
    OK,
    REASONS,
    UNKNOWN,
    Bytes,
    Integers,
    crc_tables,
    gathered,
    split,
)
from protocols.declaration import Field, fields_of
from protocols.errors import MessageError
from protocols.framing import MAX_ENCODED_BYTES
from protocols.messages import MESSAGES, Message, decode_message

__all__ = ["REASONS", "ColumnDecoder", "Decoded", "NotColumnar", "Rows", "column_dtype", "decode_columns"]

_SEQ_AT, _OPCODE_AT = 2, 4
_CHUNK_BYTES = 4 << 20


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
        monster = np.array([(begin, length, LONG)], dtype=_REJECTED)
        return Decoded(rest.rows, rest.messages, np.concatenate([monster, rest.rejected]), rest.frames + 1)

    def feed_all(self, chunks: Iterable[bytes]) -> Iterator[Decoded]:
        """The same for many pieces, one after another."""
        for chunk in chunks:
            for start in range(0, len(chunk), _CHUNK_BYTES):
                yield self.feed(chunk[start : start + _CHUNK_BYTES])

    def _decode(self, data: bytes) -> Decoded:
        stream = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(stream == 0)
        starts, lengths, places, sizes = np.empty((4, ends.size), np.int64)
        status = np.empty(ends.size, np.uint8)
        frames = np.empty(stream.size, np.uint8)
        count = split(stream, ends, crc_tables(), frames, starts, lengths, places, sizes, status)
        consumed = int(ends[-1]) + 1 if ends.size else 0
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
    opcodes = np.where(status == OK, frames[np.minimum(places + _OPCODE_AT, frames.size - 1)], 0)
    rows: dict[type[Message], Rows] = {}
    messages: list[tuple[int, int, Message]] = []
    for opcode in np.flatnonzero(np.bincount(opcodes[status == OK], minlength=1)).tolist():
        which = np.flatnonzero((opcodes == opcode) & (status == OK))
        if opcode not in MESSAGES:
            status[which] = UNKNOWN
            continue
        layout = _layouts()[opcode]
        if layout is None:
            for place in which.tolist():
                begin = int(places[place])
                payload = frames[begin + len(OpenChannel.HEADER) : begin + int(sizes[place])].tobytes()
                try:
                    messages.append((int(offsets[place]), *decode_message(payload)))
                except MessageError:
                    status[place] = MALFORMED
            continue
        size = layout.dtype.itemsize
        fits = sizes[which] == HEADER_BYTES + size
        status[which[~fits]] = MALFORMED
        which = which[fits]
        data = gathered(frames, places[which] + HEADER_BYTES, size).view(layout.dtype)[:, 0] if size else None
        if data is None:
            data = np.zeros(which.size, dtype=layout.dtype)
        good = _are_valid(layout, data)
        if not good.all():
            status[which[~good]] = MALFORMED
            which, data = which[good], data[good]
        if which.size:
            seqs = gathered(frames, places[which] + _SEQ_AT, 2).view(">u2")[:, 0].astype(np.uint16)
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
