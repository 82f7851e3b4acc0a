"""Writes a recording: MCAP, appended record by record so that a killed run loses nothing it was told is kept.

mcap's own ``Writer`` collects messages in memory even without chunks; so its record classes are used here, and every
record goes to the file with one unbuffered write. The file is valid MCAP once closed, and readable before.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final

from mcap.records import Attachment, Channel, DataEnd, Header, McapRecord, Message, Metadata, Schema

from hil.errors import RecordingError
from hil.recording.append_file import AppendFile
from hil.recording.blocks import DamagedRecord, blocks
from hil.recording.layout import (
    JSON_ENCODING,
    LAYOUT,
    LAYOUT_KEY,
    LIBRARY,
    MAGIC,
    MESSAGE_ENCODING,
    METADATA_NAME,
    NOTES_TOPIC,
    PROFILE,
    SCHEMA_ENCODING,
    START_KEY,
    Direction,
    topic_of,
)
from hil.recording.ledger import Ledger, encode
from hil.recording.schemas import schema_data
from hil.recording.spans import parse, spans

__all__ = ["RecordingWriter"]

_SYNC_PERIOD_NS: Final = 1_000_000_000
_MEDIA_TYPES: Final = {".json": "application/json", ".toml": "application/toml", ".txt": "text/plain"}


class RecordingWriter:
    """One recording being made. A failed write or sync is fatal: what cannot be kept must not look as if it were.

    An exception out of nowhere (Ctrl-C) may leave a record in the file that the ledger does not know, or half a
    record. Then the file is the truth: the ledger is made again from it before anything else is written.
    """

    def __init__(
        self, path: Path, *, start_utc_ms: int, metadata: Mapping[str, str], attachments: Mapping[str, bytes]
    ) -> None:
        """Create ``path`` and write down what is known at the start. Raises RecordingError if that fails."""
        self.path = path
        self._start_utc_ms = start_utc_ms
        self._ledger = Ledger()
        self._ledger_is_true = True
        self._closed = False
        self._synced_ns = time.monotonic_ns()
        self._file = AppendFile(path)
        try:
            self._file.append(MAGIC)
            self._append(Header(profile=PROFILE, library=LIBRARY))
            self._append(
                Metadata(name=METADATA_NAME, metadata={START_KEY: str(start_utc_ms), LAYOUT_KEY: LAYOUT, **metadata})
            )
            for name, data in attachments.items():
                self._append(self._attachment(name, data))
        except BaseException:
            self._file.close()
            raise

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep ``data`` that went over ``wire`` at bench time ``time_ms``. It is in the file when this returns."""
        self._begin()
        channel = self._channel(topic_of(wire, direction), MESSAGE_ENCODING, 0)
        self._message(channel, time_ms, data)

    def note(self, time_ms: int, text: str) -> None:
        """Keep a remark for people at bench time ``time_ms``. It is in the file when this returns."""
        self._begin()
        channel = self._channel(NOTES_TOPIC, JSON_ENCODING, self._note_schema().id)
        self._message(channel, time_ms, json.dumps({"time_ms": time_ms, "text": text}).encode())

    def close(self) -> None:
        """Write summary and footer, and wait until the disk has it all. Closing twice is harmless.

        Raises RecordingError if the recording is not whole, also if that was said before: nobody who closes it may
        take it for whole.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._make_ledger_true()
            self._append(DataEnd(data_section_crc=self._ledger.data_crc))
            self._file.append(self._ledger.closing())
            self._file.sync()
        finally:
            self._file.close()

    def _begin(self) -> None:
        if self._closed:
            raise RecordingError(f"{self.path}: is closed; nothing more can be recorded")
        self._make_ledger_true()

    def _message(self, channel: Channel, time_ms: int, data: bytes) -> None:
        time_ns = (self._start_utc_ms + time_ms) * 1_000_000
        sequence = self._ledger.next_sequence(channel)
        message = Message(channel_id=channel.id, log_time=time_ns, publish_time=time_ns, sequence=sequence, data=data)
        self._append(message)
        if time.monotonic_ns() - self._synced_ns > _SYNC_PERIOD_NS:
            self._file.sync()
            self._synced_ns = time.monotonic_ns()

    def _channel(self, topic: str, encoding: str, schema_id: int) -> Channel:
        channel = self._ledger.channels.get(topic)
        if channel is None:
            number = len(self._ledger.channels) + 1
            channel = Channel(id=number, topic=topic, message_encoding=encoding, metadata={}, schema_id=schema_id)
            self._append(channel)
        return channel

    def _note_schema(self) -> Schema:
        schema = self._ledger.schemas.get("pumprig.Note")
        if schema is None:
            schema = Schema(id=1, name="pumprig.Note", encoding=SCHEMA_ENCODING, data=schema_data("pumprig.Note"))
            self._append(schema)
        return schema

    def _attachment(self, name: str, data: bytes) -> Attachment:
        time_ns = self._start_utc_ms * 1_000_000
        media_type = _MEDIA_TYPES.get(PurePath(name).suffix, "application/octet-stream")
        return Attachment(create_time=time_ns, log_time=time_ns, name=name, media_type=media_type, data=data)

    def _append(self, record: McapRecord) -> None:
        data = encode(record)
        self._ledger_is_true = False
        self._file.append(data)
        self._ledger.add(record, data)
        self._ledger_is_true = True

    def _make_ledger_true(self) -> None:
        if self._ledger_is_true:
            return
        ledger = Ledger()
        try:
            with self.path.open("rb") as file:
                for block in blocks(file, len(MAGIC), self._file.size):
                    for span in spans(block):
                        record = parse(span)
                        ledger.add(record, encode(record))
        except (OSError, DamagedRecord) as error:
            raise RecordingError(f"{self.path}: cannot be read back after an interruption: {error}") from error
        self._file.truncate(ledger.size)
        self._ledger = ledger
        self._ledger_is_true = True
