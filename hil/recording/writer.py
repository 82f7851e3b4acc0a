"""Writes a recording: MCAP, appended record by record so that a killed run loses nothing it was told is kept.

mcap's own ``Writer`` collects messages in memory even without chunks; so its record classes are used here, and every
record goes to the file with one unbuffered write. The file is valid MCAP once closed, and readable before.
"""

import os
import struct
import time
import zlib
from collections.abc import Mapping
from pathlib import Path

from mcap.data_stream import RecordBuilder
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
    Statistics,
)

from hil.errors import RecordingError
from hil.recording.tap import Direction

__all__ = ["LIBRARY", "MAGIC", "METADATA_NAME", "PROFILE", "RecordingWriter"]

PROFILE = "pumprig"
LIBRARY = "pumprig recording 1"
METADATA_NAME = "pumprig"
MESSAGE_ENCODING = "x-pumprig-bytes"

MAGIC = b"\x89MCAP0\r\n"
_SYNC_PERIOD_NS = 1_000_000_000


class RecordingWriter:
    """One recording being made. A failed write or sync is fatal: what cannot be kept must not look as if it were."""

    def __init__(
        self, path: Path, *, start_utc_ms: int, metadata: Mapping[str, str], attachments: Mapping[str, bytes]
    ) -> None:
        """Create ``path`` and write down what is known at the start. Raises RecordingError if that fails."""
        self.path = path
        self._start_utc_ms = start_utc_ms
        self._channels: dict[tuple[str, str], Channel] = {}
        self._counts: dict[int, int] = {}
        self._times: tuple[int, int] | None = None
        self._attachments: list[AttachmentIndex] = []
        self._metadata: list[MetadataIndex] = []
        self._offset = 0
        self._data_crc = 0
        self._closed = False
        self._synced_ns = time.monotonic_ns()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be made: {error.strerror}") from error
        self._append(MAGIC)
        self._append_record(Header(profile=PROFILE, library=LIBRARY))
        self._write_metadata({"start_utc_ms": str(start_utc_ms), **metadata})
        for name, data in attachments.items():
            self._write_attachment(name, data)

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep ``data`` that went over ``wire`` at bench time ``time_ms``. It is in the file when this returns."""
        channel = self._channel(wire, direction)
        time_ns = (self._start_utc_ms + time_ms) * 1_000_000
        sequence = self._counts[channel.id]
        self._append_record(
            Message(channel_id=channel.id, log_time=time_ns, publish_time=time_ns, sequence=sequence, data=data)
        )
        self._counts[channel.id] = sequence + 1
        first, last = self._times or (time_ns, time_ns)
        self._times = min(first, time_ns), max(last, time_ns)
        if time.monotonic_ns() - self._synced_ns > _SYNC_PERIOD_NS:
            self._sync()

    def close(self) -> None:
        """Write summary and footer, and wait until the disk has it all. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._append_record(DataEnd(data_section_crc=self._data_crc))
        self._append_summary()
        self._append(MAGIC)
        self._sync()
        os.close(self._file)

    def _append_summary(self) -> None:
        start, end = self._times or (0, 0)
        statistics = Statistics(
            attachment_count=len(self._attachments),
            channel_count=len(self._channels),
            channel_message_counts=self._counts,
            chunk_count=0,
            message_count=sum(self._counts.values()),
            message_end_time=end,
            message_start_time=start,
            metadata_count=len(self._metadata),
            schema_count=0,
        )
        summary_start = self._offset
        builder = RecordBuilder()
        for record in [*self._channels.values(), statistics, *self._attachments, *self._metadata]:
            record.write(builder)
        summary = bytes(builder.end())  # type: ignore[no-untyped-call] # mcap leaves it untyped
        # The summary's CRC covers the footer up to the CRC itself (MCAP specification, Footer).
        footer_head = struct.pack("<BQQQ", Opcode.FOOTER, 8 + 8 + 4, summary_start, 0)
        crc = zlib.crc32(footer_head, zlib.crc32(summary))
        self._append(summary)
        self._append_record(Footer(summary_start=summary_start, summary_offset_start=0, summary_crc=crc))

    def _channel(self, wire: str, direction: Direction) -> Channel:
        channel = self._channels.get((wire, direction))
        if channel is None:
            channel = Channel(
                id=len(self._channels) + 1,
                topic=f"/wire/{wire}/{direction}",
                message_encoding=MESSAGE_ENCODING,
                metadata={},
                schema_id=0,
            )
            self._append_record(channel)
            self._channels[wire, direction] = channel
            self._counts[channel.id] = 0
        return channel

    def _write_metadata(self, metadata: Mapping[str, str]) -> None:
        offset = self._offset
        self._append_record(Metadata(name=METADATA_NAME, metadata=dict(metadata)))
        self._metadata.append(MetadataIndex(offset=offset, length=self._offset - offset, name=METADATA_NAME))

    def _write_attachment(self, name: str, data: bytes) -> None:
        offset = self._offset
        time_ns = self._start_utc_ms * 1_000_000
        media_type = "application/json"
        self._append_record(
            Attachment(create_time=time_ns, log_time=time_ns, name=name, media_type=media_type, data=data)
        )
        self._attachments.append(
            AttachmentIndex(
                offset=offset,
                length=self._offset - offset,
                create_time=time_ns,
                log_time=time_ns,
                data_size=len(data),
                name=name,
                media_type=media_type,
            )
        )

    def _append_record(self, record: McapRecord) -> None:
        builder = RecordBuilder()
        record.write(builder)
        self._append(builder.end())  # type: ignore[no-untyped-call] # mcap leaves it untyped

    def _append(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written at byte {self._offset}: {error.strerror}") from error
        self._offset += len(data)
        self._data_crc = zlib.crc32(data, self._data_crc)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            raise RecordingError(f"{self.path}: the disk did not take it: {error.strerror}") from error
        self._synced_ns = time.monotonic_ns()
