"""What a recording holds so far: all that its summary, checksums and next record depend on."""

import struct
from typing import Final

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Channel,
    Footer,
    McapRecord,
    Message,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
)
from zlib_ng.zlib_ng import crc32

from hil.recording.layout import MAGIC, SEQUENCES, sequence_of

__all__ = ["Ledger", "encode"]

_FOOTER_HEAD: Final = struct.Struct("<BQQQ")


def encode(*records: McapRecord) -> bytes:
    """``records`` as they stand in a file."""
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    data: bytes = builder.end()  # type: ignore[no-untyped-call] # mcap leaves it untyped
    return data


class Ledger:
    """A pure function of the records in the file, in their order: it can be made again from the file alone."""

    def __init__(self) -> None:
        """A file that holds its magic."""
        self.size = len(MAGIC)
        self.data_crc = crc32(MAGIC)
        self.schemas: dict[str, Schema] = {}
        """By name."""
        self.channels: dict[str, Channel] = {}
        """By topic."""
        self._sequences: dict[str, int] = {}
        self._sequence_of: dict[int, str] = {}
        self._counts: dict[int, int] = {}
        self._times: tuple[int, int] | None = None
        self._attachments: list[AttachmentIndex] = []
        self._metadata: list[MetadataIndex] = []

    def add(self, record: McapRecord, data: bytes) -> None:
        """``record`` was appended as ``data``."""
        match record:
            case Message():
                self._add_message(record)
            case Channel():
                self.channels[record.topic] = record
                self._counts[record.id] = 0
                self._sequence_of[record.id] = sequence_of(record.topic)
                self._sequences.setdefault(sequence_of(record.topic), 0)
            case Schema():
                self.schemas[record.name] = record
            case Attachment():
                self._attachments.append(_attachment_index(record, self.size, len(data)))
            case Metadata():
                self._metadata.append(MetadataIndex(offset=self.size, length=len(data), name=record.name))
        self.size += len(data)
        self.data_crc = crc32(data, self.data_crc)

    def next_sequence(self, channel: Channel) -> int:
        """The number of the next message on ``channel``: messages of one wire are counted together."""
        return self._sequences[self._sequence_of[channel.id]]

    def closing(self) -> bytes:
        """Summary, footer and magic: what follows the end of the data section. Only after that has been added."""
        # Grouped by kind, and channels before the statistics that speak of them (MCAP specification, Statistics).
        groups = (
            *self.schemas.values(),
            *self.channels.values(),
            self._statistics(),
            *self._attachments,
            *self._metadata,
        )
        summary = encode(*groups)
        # The checksum covers the footer up to the checksum itself (MCAP specification, Footer).
        footer_head = _FOOTER_HEAD.pack(Opcode.FOOTER, 8 + 8 + 4, self.size, 0)
        crc = crc32(footer_head, crc32(summary))
        return summary + encode(Footer(summary_start=self.size, summary_offset_start=0, summary_crc=crc)) + MAGIC

    def _add_message(self, message: Message) -> None:
        self._counts[message.channel_id] += 1
        self._sequences[self._sequence_of[message.channel_id]] = (message.sequence + 1) % SEQUENCES
        first, last = self._times or (message.log_time, message.log_time)
        self._times = min(first, message.log_time), max(last, message.log_time)

    def _statistics(self) -> Statistics:
        start, end = self._times or (0, 0)
        return Statistics(
            attachment_count=len(self._attachments),
            channel_count=len(self.channels),
            channel_message_counts=self._counts,
            chunk_count=0,
            message_count=sum(self._counts.values()),
            message_end_time=end,
            message_start_time=start,
            metadata_count=len(self._metadata),
            schema_count=len(self.schemas),
        )


def _attachment_index(attachment: Attachment, offset: int, length: int) -> AttachmentIndex:
    return AttachmentIndex(
        offset=offset,
        length=length,
        create_time=attachment.create_time,
        log_time=attachment.log_time,
        data_size=len(attachment.data),
        name=attachment.name,
        media_type=attachment.media_type,
    )
