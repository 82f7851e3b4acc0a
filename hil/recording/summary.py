"""The end of a recording that was closed: where its summary stands, and what the summary says."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import AttachmentIndex, Channel, Footer, Statistics
from zlib_ng.zlib_ng import crc32

from hil.recording.blocks import HEAD, Block, DamagedRecord
from hil.recording.layout import MAGIC
from hil.recording.spans import FOOTER_SIZE, Span, parse, spans

__all__ = ["ChunkPlace", "Summary", "check_summary", "read_summary"]

_FOOTER_HEAD: Final = HEAD.pack(Opcode.FOOTER, FOOTER_SIZE - HEAD.size)
_PLACE: Final = struct.Struct("<QQQQI")
_OFFSET: Final = struct.Struct("<HQ")
_CRC_SIZE: Final = 4


class ChunkPlace(NamedTuple):
    """Where a chunk stands, and from when to when its messages are, in ns."""

    start_ns: int
    end_ns: int
    at: int
    length: int
    offsets: bytes

    def channels(self) -> Iterator[int]:
        """Ids of the channels that have messages in it."""
        return (number for number, _ in _OFFSET.iter_unpack(self.offsets))


@dataclass
class Summary:
    """What stands behind the data."""

    channels: list[Channel] = field(default_factory=list)
    chunks: list[ChunkPlace] = field(default_factory=list)
    attachments: list[AttachmentIndex] = field(default_factory=list)
    statistics: Statistics | None = None


def read_summary(file: BinaryIO, size: int) -> Summary | None:
    """The summary of a file that was closed; None if it was not. Raises DamagedRecord."""
    at = size - len(MAGIC) - FOOTER_SIZE
    if at < len(MAGIC):
        return None
    file.seek(at)
    end = file.read(FOOTER_SIZE + len(MAGIC))
    if not end.startswith(_FOOTER_HEAD) or not end.endswith(MAGIC):
        return None
    footer = Footer.read(ReadDataStream(BytesIO(end[HEAD.size : FOOTER_SIZE])))
    check_summary(file, at, footer)
    file.seek(footer.summary_start)
    summary = Summary()
    block = Block(footer.summary_start, file.read(at - footer.summary_start), at, is_chunk=False)
    for span in spans(block):
        _take(summary, span)
    return summary


def check_summary(file: BinaryIO, footer_at: int, footer: Footer) -> None:
    """Raise DamagedRecord unless the summary before the footer is what its checksum says."""
    if not len(MAGIC) <= footer.summary_start <= footer_at:
        raise DamagedRecord(footer_at, f"the summary cannot begin at byte {footer.summary_start}")
    file.seek(footer.summary_start)
    left, crc = footer_at + FOOTER_SIZE - _CRC_SIZE - footer.summary_start, 0
    while left and (piece := file.read(min(left, 1 << 20))):
        crc, left = crc32(piece, crc), left - len(piece)
    if left or crc != footer.summary_crc:
        raise DamagedRecord(footer_at, "the checksum of the summary is wrong")


def _take(summary: Summary, span: Span) -> None:
    try:
        if span.opcode == Opcode.CHUNK_INDEX:  # there may be thousands, and seeking must not wait for them
            start, end, at, length, offsets = _PLACE.unpack_from(span.content)
            if offsets % _OFFSET.size:
                raise DamagedRecord(span.at, "an index of a chunk is cut")
            names = span.content[_PLACE.size : _PLACE.size + offsets]
            summary.chunks.append(ChunkPlace(start, end, at, length, names))
            return
    except struct.error as error:
        raise DamagedRecord(span.at, "an index of a chunk is cut") from error
    match parse(span):
        case Channel() as channel:
            summary.channels.append(channel)
        case AttachmentIndex() as attachment:
            summary.attachments.append(attachment)
        case Statistics() as statistics:
            summary.statistics = statistics
