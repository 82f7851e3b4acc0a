"""The frames in a stream of bytes, millions of them in one compiled pass: unstuffed, their CRC checked.

Places are unsigned: of a signed one it is asked at every byte whether it counts from the end, which is two thirds of
the work.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.channel import OpenChannel
from protocols.compiled import compiled
from protocols.framing import MAX_ENCODED_BYTES, MAX_FRAME_BYTES

__all__ = [
    "HEADER_BYTES",
    "LONG",
    "MALFORMED",
    "OK",
    "REASONS",
    "UNKNOWN",
    "Bytes",
    "Integers",
    "crc_tables",
    "gathered",
    "split",
]

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
OK, COBS, SHORT, LONG, CRC, OTHER, UNKNOWN, MALFORMED = range(len(REASONS))
HEADER_BYTES = len(OpenChannel.HEADER) + 3
"""Protocol, header of an open frame, seq, opcode."""

_CRC_BYTES = 4
_FULL_GROUP = 0xFF
"""The count of a group of COBS that ends without a zero (Cheshire and Baker, 1999)."""
_ONE, _EIGHT = np.uintp(1), np.uintp(8)


@lru_cache(maxsize=1)
def crc_tables() -> NDArray[np.uint32]:
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


@compiled
def split(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    stream: Bytes,
    ends: Integers,
    tables: NDArray[np.uint32],
    frames: Bytes,
    starts: Integers,
    lengths: Integers,
    places: Integers,
    sizes: Integers,
    status: Bytes,
) -> int:
    """Every segment before one of the zeros at ``ends``: where it is, and the frame in it, or why there is none.

    Gives how many segments there are.
    """
    count, begin, place = 0, 0, 0
    for end in ends:
        if end > begin:
            starts[count], lengths[count], places[count] = begin, end - begin, place
            size, verdict = _unstuffed(stream, begin, end, frames, place)
            if verdict == OK:
                size -= _CRC_BYTES
                verdict = _checked(frames, place, size, tables)
            sizes[count], status[count] = size, verdict
            if verdict == OK:
                place += size
            count += 1
        begin = end + 1
    return count


@compiled
def _unstuffed(stream: Bytes, begin: int, end: int, frames: Bytes, place: int) -> tuple[int, int]:
    """Take COBS off one segment, in which no byte is zero; gives the bytes with their CRC, and what is wrong."""
    if end - begin > MAX_ENCODED_BYTES:
        return 0, LONG
    first, stop, to = np.uintp(begin), np.uintp(end), np.uintp(place)
    if end - begin < _FULL_GROUP:
        size = _without_full_groups(stream, first, stop, frames, to)
    else:
        size = _of_any_groups(stream, first, stop, frames, to)
    if size < 0:
        return 0, COBS
    if size <= _CRC_BYTES:
        return size, SHORT
    if size - _CRC_BYTES > MAX_FRAME_BYTES:
        return size, LONG
    return size, OK


@compiled
def _without_full_groups(stream: Bytes, place: Any, stop: Any, frames: Bytes, to: Any) -> Any:
    """Every count but the first stands where a zero was. Gives how many bytes come out, -1 if it is no COBS."""
    size = stop - place - _ONE
    for byte in range(size):
        frames[to + np.uintp(byte)] = stream[place + _ONE + np.uintp(byte)]
    while True:
        count = np.uintp(stream[place])
        place, to = place + count, to + count
        if place >= stop:
            return np.int64(size) if place == stop else np.int64(-1)
        frames[to - _ONE] = 0


@compiled
def _of_any_groups(stream: Bytes, place: Any, stop: Any, frames: Bytes, to: Any) -> Any:
    """The same, group by group."""
    begin = to
    while True:
        count = np.uintp(stream[place])
        for byte in range(_ONE, min(count, stop - place)):
            frames[to] = stream[place + np.uintp(byte)]
            to += _ONE
        place += count
        if place >= stop:
            return np.int64(to - begin) if place == stop else np.int64(-1)
        if count < _FULL_GROUP:
            frames[to] = 0
            to += _ONE


@compiled
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
            return CRC
    if size < 2 or frames[place] != 1 or frames[place + 1] != 0:
        return OTHER
    return OK if size >= HEADER_BYTES else MALFORMED


@compiled
def gathered(frames: Bytes, places: Integers, size: int) -> Bytes:
    """``size`` bytes from each of ``places`` on; shape (places, size)."""
    rows = np.empty((places.size, size), np.uint8)
    for row in range(places.size):
        place = np.uintp(places[row])
        for byte in range(size):
            rows[row, byte] = frames[place + np.uintp(byte)]
    return rows
