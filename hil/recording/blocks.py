"""The records of an MCAP file in pieces of bounded size: chunks expanded, records without chunks as they lie.

What reads millions of records takes a block at a time; ``spans`` takes it apart.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import zstandard
from mcap.opcode import Opcode
from zlib_ng.zlib_ng import crc32

from hil.recording.layout import CHUNK_BYTES, MAGIC, MAX_CHUNK_BYTES, MAX_RECORD_BYTES

__all__ = ["HEAD", "Block", "DamagedRecord", "begins_with_chunk", "blocks", "expand"]

HEAD: Final = struct.Struct("<BQ")
"""Opcode and length, before the content of every record (MCAP specification, Records)."""

_CHUNK_HEAD: Final = struct.Struct("<QQQII")
"""Start, end, expanded size, its CRC, length of the compression's name (MCAP specification, Chunk)."""
_LENGTH: Final = struct.Struct("<Q")


class DamagedRecord(Exception):
    """A record cannot be what was written. ``at`` is the byte of the file at which it, or its chunk, begins."""

    def __init__(self, at: int, why: str) -> None:
        """Say where and why."""
        super().__init__(f"damaged at byte {at}: {why}")
        self.at = at


class Block(NamedTuple):
    """Whole records, one behind the other."""

    at: int
    """The byte of the file at which they, or their chunk, begin."""
    data: bytes
    end: int
    """The byte of the file behind them, or behind their chunk."""
    is_chunk: bool
    crc: int = 0
    """Of the file up to ``at``, if reading began behind its magic."""


def begins_with_chunk(file: BinaryIO, size: int) -> bool:
    """Whether a chunk is the first record of ``file`` that holds messages; one that is cut counts as well."""
    at = len(MAGIC)
    while at < size:
        file.seek(at)
        head = file.read(HEAD.size)
        if head[0] in (Opcode.CHUNK, Opcode.MESSAGE) or len(head) < HEAD.size:
            return head[0] == Opcode.CHUNK
        at += HEAD.size + HEAD.unpack(head)[1]
    return False


def blocks(file: BinaryIO, at: int, size: int) -> Iterator[Block]:  # noqa: C901 - one branch for each way to go on
    """The whole records of ``file`` from byte ``at`` on, up to its footer or to where the next one is not whole.

    Keeps no more in memory than the longest record and a chunk. Raises DamagedRecord for a length that
    no record has, and for a chunk that cannot be expanded.
    """
    crc = crc32(MAGIC)
    kept, begin, place = b"", at, 0
    while True:
        opcode, end = _next(kept, place)
        while end is None or end > len(kept):
            file.seek(begin + len(kept))  # others may read in between
            cut = end is not None and begin + end > size
            if not cut and end is not None and end - place > MAX_RECORD_BYTES:
                if place:
                    yield Block(begin, kept[:place], begin + place, is_chunk=False, crc=crc)
                raise DamagedRecord(begin + place, f"a record of {end - place} bytes, which no recording holds")
            more = b"" if cut else file.read(max(CHUNK_BYTES, (end or 0) - len(kept)))
            if not more:
                if place:
                    yield Block(begin, kept[:place], begin + place, is_chunk=False, crc=crc)
                return
            kept += more
            opcode, end = _next(kept, place)
        is_chunk = opcode == Opcode.CHUNK
        if place and (is_chunk or place >= CHUNK_BYTES or opcode == 0):
            yield Block(begin, kept[:place], begin + place, is_chunk=False, crc=crc)
            crc = crc32(kept[:place], crc)
            kept, begin, end, place = kept[place:], begin + place, end - place, 0
        if opcode == 0:  # no record has kind 0: a disk that lost power pads with it
            return
        if is_chunk:
            yield Block(begin, expand(begin, kept[HEAD.size : end]), begin + end, is_chunk=True, crc=crc)
            crc = crc32(kept[:end], crc)
            kept, begin, place = kept[end:], begin + end, 0
        else:
            place = end
        if opcode == Opcode.FOOTER:
            yield Block(begin, kept[:place], begin + place, is_chunk=False, crc=crc)
            return


def expand(at: int, content: bytes) -> bytes:
    """The records in the chunk at byte ``at``. Raises DamagedRecord if they are not what was put in, or too many."""
    try:
        _, _, size, crc, name_length = _CHUNK_HEAD.unpack_from(content)
        name_at = _CHUNK_HEAD.size
        compression = content[name_at : name_at + name_length].decode()
        (length,) = _LENGTH.unpack_from(content, name_at + name_length)
    except (struct.error, UnicodeDecodeError) as error:
        raise DamagedRecord(at, "the chunk ends too early") from error
    packed = content[name_at + name_length + _LENGTH.size :]
    if length != len(packed):
        raise DamagedRecord(at, f"the chunk holds {len(packed)} bytes where it says {length}")
    if size > MAX_CHUNK_BYTES:
        raise DamagedRecord(at, f"the chunk says that it expands to {size} bytes, but none has over {MAX_CHUNK_BYTES}")
    if compression not in ("", "zstd"):
        raise DamagedRecord(at, f"a chunk compressed by {compression!r}, which no recording holds")
    data = _unpacked(at, packed, size) if compression else packed
    if len(data) != size:
        raise DamagedRecord(at, f"the chunk expands to {'more' if len(data) > size else len(data)} than {size} bytes")
    if crc32(data) != crc:
        raise DamagedRecord(at, "the checksum of the chunk is wrong")
    return data


def _unpacked(at: int, packed: bytes, size: int) -> bytes:
    """At most one byte more than ``size``, whatever the packed bytes say of themselves."""
    try:
        expander = zstandard.ZstdDecompressor(max_window_size=MAX_CHUNK_BYTES)
        with expander.stream_reader(packed) as reader:
            return reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise DamagedRecord(at, f"the chunk cannot be expanded: {error}") from error


def _next(kept: bytes, place: int) -> tuple[int, int | None]:
    """Kind of the record at ``place`` and where it ends; None if that cannot be told yet."""
    if len(kept) < place + HEAD.size:
        return -1, None
    opcode, length = HEAD.unpack_from(kept, place)
    return opcode, place + HEAD.size + length
