"""The records of an MCAP file where they lie, each parsed within its own bytes.

mcap's StreamReader reads on from wherever a damaged length takes it, passes over kinds that it does not know and skips
the checksums of attachments and of the summary. Here each record is cut out first, so that an error says which.
"""

import struct
import zlib
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
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
)

from hil.recording.layout import MAGIC

__all__ = ["FOOTER_SIZE", "HEAD", "DamagedRecord", "Span", "parse", "spans"]

HEAD: Final = struct.Struct("<BQ")
"""Opcode and length, before the content of every record (MCAP specification, Records)."""

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
}
"""The kinds that a recording holds, beside messages: no chunks and nothing that belongs to them."""


class DamagedRecord(Exception):
    """A record cannot be what was written. ``at`` is the byte of the file at which it begins."""

    def __init__(self, at: int, why: str) -> None:
        """Say where and why."""
        super().__init__(f"damaged at byte {at}: {why}")
        self.at = at


class Span(NamedTuple):
    """One whole record: where it begins, its kind, and its content without the head."""

    at: int
    opcode: int
    content: bytes

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.at + HEAD.size + len(self.content)


def spans(data: bytes) -> Iterator[Span]:
    """The whole records of a file, up to its footer or to where the next one is not whole."""
    at = len(MAGIC)
    while at + HEAD.size <= len(data):
        opcode, length = HEAD.unpack_from(data, at)
        end = at + HEAD.size + length
        if end > len(data) or opcode == 0:  # no record has kind 0: a disk that lost power pads with it
            return
        yield Span(at, opcode, data[at + HEAD.size : end])
        if opcode == Opcode.FOOTER:
            return
        at = end


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
    if zlib.crc32(span.content[: -_ATTACHMENT_CRC.size]) != stated:
        raise DamagedRecord(span.at, f"the checksum of attachment {attachment.name!r} is wrong")
