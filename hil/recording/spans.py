"""The records of a recording where they lie, each parsed within its own bytes.

mcap's StreamReader reads on from wherever a damaged length takes it, passes over kinds that it does not know, expands
chunks without a bound and skips the checksums of attachments and of the summary. Here each record is cut out first, so
that an error says which.
"""

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from zlib_ng.zlib_ng import crc32

from hil.recording.blocks import HEAD, Block, DamagedRecord

__all__ = ["FOOTER_SIZE", "Span", "parse", "spans"]

FOOTER_SIZE: Final = HEAD.size + 8 + 8 + 4

_ATTACHMENT_CRC: Final = struct.Struct("<I")
_READERS: Final[dict[int, Callable[[ReadDataStream], McapRecord]]] = {
    Opcode.HEADER: Header.read,
    Opcode.FOOTER: Footer.read,
    Opcode.SCHEMA: Schema.read,
    Opcode.CHANNEL: Channel.read,
    Opcode.ATTACHMENT: Attachment.read,
    Opcode.ATTACHMENT_INDEX: AttachmentIndex.read,
    Opcode.STATISTICS: Statistics.read,
    Opcode.METADATA: Metadata.read,
    Opcode.METADATA_INDEX: MetadataIndex.read,
    Opcode.DATA_END: DataEnd.read,
    Opcode.MESSAGE_INDEX: MessageIndex.read,
    Opcode.CHUNK_INDEX: ChunkIndex.read,
    Opcode.SUMMARY_OFFSET: SummaryOffset.read,
}
"""The kinds that a recording holds, beside messages and chunks."""
_IN_CHUNKS: Final = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE)


class Span(NamedTuple):
    """One whole record: the byte of the file at which it, or its chunk, begins, its kind, content without head."""

    at: int
    opcode: int
    content: bytes
    place: int = 0
    """Where its head begins in its block."""


def spans(block: Block) -> Iterator[Span]:
    """The records of a block. Raises DamagedRecord for what no chunk holds."""
    data, place = block.data, 0
    while place < len(data):
        if len(data) < place + HEAD.size:
            raise DamagedRecord(block.at, "the chunk's last record is not whole")
        opcode, length = HEAD.unpack_from(data, place)
        begin, end = place + HEAD.size, place + HEAD.size + length
        if end > len(data):
            raise DamagedRecord(block.at, "the chunk's last record is not whole")
        if block.is_chunk and opcode not in _IN_CHUNKS:
            raise DamagedRecord(block.at, f"the chunk holds a record of kind {opcode:#04x}, which no chunk does")
        yield Span(block.at if block.is_chunk else block.at + place, opcode, data[begin:end], place)
        place = end


def parse(span: Span) -> McapRecord:
    """The record in ``span``. Raises DamagedRecord if it is none that a recording holds."""
    stream = ReadDataStream(BytesIO(span.content))
    read = _READERS.get(span.opcode)
    if read is None and span.opcode != Opcode.MESSAGE:
        raise DamagedRecord(span.at, f"a record of kind {span.opcode:#04x}, which no recording holds")
    try:
        record = Message.read(stream, len(span.content)) if read is None else read(stream)
    except (McapError, struct.error, ValueError, OverflowError) as error:
        raise DamagedRecord(span.at, str(error) or "the record ends too early") from error
    if isinstance(record, Attachment):
        _check_attachment(span, record)
    return record


def _check_attachment(span: Span, attachment: Attachment) -> None:
    (stated,) = _ATTACHMENT_CRC.unpack_from(span.content, len(span.content) - _ATTACHMENT_CRC.size)
    if crc32(span.content[: -_ATTACHMENT_CRC.size]) != stated:
        raise DamagedRecord(span.at, f"the checksum of attachment {attachment.name!r} is wrong")
