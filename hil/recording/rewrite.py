"""A recording that has ended, rewritten for those who read it: chunks, compressed and indexed.

At any moment one whole file has the recording's name: the live one until the other is on the disk and was compared
with it, record by record, by mcap's own reader.
"""

import os
import struct
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final

from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Header, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from hil.durable import sync_folder
from hil.errors import RecordingError
from hil.recording.blocks import DamagedRecord, blocks
from hil.recording.layout import CHUNK_BYTES, MAGIC
from hil.recording.spans import parse, spans

__all__ = ["REWRITING_SUFFIX", "rewrite"]

REWRITING_SUFFIX: Final = ".rewriting"
_MESSAGE: Final = struct.Struct("<HIQQ")


def rewrite(path: Path) -> None:
    """Put the recording at ``path``, which was sealed, into chunks.

    Raises RecordingError if that cannot be done, or what comes out is not what went in; then ``path`` is as it was.
    """
    beside = path.with_name(path.name + REWRITING_SUFFIX)
    try:
        try:
            with path.open("rb") as live:
                with beside.open("wb") as output:
                    _write(live, output)
                    output.flush()
                    os.fsync(output.fileno())
                with beside.open("rb") as written:
                    _compare(live, written, beside)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise RecordingError(f"{beside}: cannot be written: {error.strerror}") from error
    except (DamagedRecord, McapError, ValueError) as error:
        raise RecordingError(f"{beside}: {error}") from error


def _write(live: BinaryIO, output: BinaryIO) -> None:
    writer = Writer(output, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD, enable_data_crcs=True)
    for record in _records(live):
        match record:
            case Message():
                writer.add_message(
                    channel_id=record.channel_id,
                    log_time=record.log_time,
                    data=record.data,
                    publish_time=record.publish_time,
                    sequence=record.sequence,
                )
            case Header():
                writer.start(profile=record.profile, library=record.library)
            case Metadata():
                writer.add_metadata(record.name, record.metadata)
            case Attachment():
                writer.add_attachment(record.create_time, record.log_time, record.name, record.media_type, record.data)
            case Schema():
                writer.register_schema(record.name, record.encoding, record.data)
            case Channel():
                writer.register_channel(record.topic, record.message_encoding, record.schema_id, record.metadata)
    writer.finish()  # type: ignore[no-untyped-call] # mcap leaves it untyped


def _compare(live: BinaryIO, written: BinaryIO, beside: Path) -> None:
    """Raise RecordingError unless both hold the same: messages in their order, all else by its kind."""
    ours, theirs = _Others(), _Others()
    read = StreamReader(written, validate_crcs=True).records
    pairs = zip_longest(ours.messages(_records(live)), theirs.messages(_data(read)))
    for number, (before, after) in enumerate(pairs):
        if before != after:
            raise RecordingError(f"{beside}: message {number} is not what was recorded")
    if ours.kept != theirs.kept:
        raise RecordingError(f"{beside}: channels, schemas, metadata or attachments are not what was recorded")


def _data(records: Iterator[McapRecord]) -> Iterator[McapRecord]:
    """Up to the end of the data; the summary is read as well, for its checksums."""
    in_data = True
    for record in records:
        in_data = in_data and type(record).__name__ != "DataEnd"
        if in_data:
            yield record


class _Others:
    """What is not a message, by kind and in order."""

    def __init__(self) -> None:
        self.kept: dict[str, list[McapRecord]] = {}

    def messages(self, records: Iterator[McapRecord]) -> Iterator[Message]:
        """The messages; the rest is kept."""
        for record in records:
            if isinstance(record, Message):
                yield record
            elif isinstance(record, (Header, Metadata, Attachment, Schema, Channel)):
                self.kept.setdefault(type(record).__name__, []).append(record)


def _records(live: BinaryIO) -> Iterator[McapRecord]:
    """The records of the data section of a file without chunks."""
    size = live.seek(0, os.SEEK_END)
    for block in blocks(live, len(MAGIC), size):
        for span in spans(block):
            if span.opcode == Opcode.DATA_END:
                return
            if span.opcode == Opcode.MESSAGE:  # mcap's own reading of one takes five times as long
                channel, sequence, log_time, publish_time = _MESSAGE.unpack_from(span.content)
                data = span.content[_MESSAGE.size :]
                yield Message(
                    channel_id=channel, log_time=log_time, data=data, publish_time=publish_time, sequence=sequence
                )
            else:
                yield parse(span)
