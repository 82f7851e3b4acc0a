"""A recording while it is made: MCAP, appended record by record.

mcap's own ``Writer`` collects messages in memory even without chunks; so its record classes are used here, and every
record goes to the file with one unbuffered write. The file is valid MCAP once sealed, and readable before.
"""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final

from mcap.records import Attachment, Channel, DataEnd, Header, McapRecord, Message, Metadata, Schema

from hil.errors import RecordingError
from hil.recording.append_file import AppendFile
from hil.recording.blocks import DamagedRecord, blocks
from hil.recording.disk_watch import AlarmSink, DiskWatch
from hil.recording.layout import (
    JSON_ENCODING,
    LIBRARY,
    MAGIC,
    MESSAGE_ENCODING,
    METADATA_NAME,
    PROFILE,
    SCHEMA_ENCODING,
)
from hil.recording.ledger import Ledger, encode
from hil.recording.spans import parse, spans

__all__ = ["LiveFile"]

_MEDIA_TYPES: Final = {".json": "application/json", ".toml": "application/toml", ".txt": "text/plain"}


class LiveFile:
    """An MCAP file that grows. A failed write or sync is fatal: what cannot be kept must not look as if it were.

    An exception out of nowhere (Ctrl-C) may leave a record in the file that the ledger does not know, or half a
    record. Then the file is the truth: the ledger is made again from it before anything else is written.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str], sink: AlarmSink) -> None:
        """Create ``path``; alarms go to ``sink``. Raises RecordingError if that fails."""
        self.path = path
        self._ledger = Ledger()
        self._ledger_is_true = True
        self._file = AppendFile(path)
        try:
            self._file.append(MAGIC)
            self._append(Header(profile=PROFILE, library=LIBRARY))
            self._append(Metadata(name=METADATA_NAME, metadata=dict(metadata)))
        except BaseException:
            self._file.close()
            raise
        self.watch = DiskWatch(self._file, sink)

    def message(self, topic: str, log_time_ns: int, publish_time_ns: int, data: bytes, schema: str = "") -> None:
        """Keep a message; of JSON if it has a ``schema``, which was declared. It is in the file when this returns."""
        self._make_ledger_true()
        channel = self._channel(topic, schema)
        sequence = self._ledger.next_sequence(channel)
        self._append(
            Message(
                channel_id=channel.id,
                log_time=log_time_ns,
                publish_time=publish_time_ns,
                sequence=sequence,
                data=data,
            )
        )

    def knows(self, schema: str) -> bool:
        """Whether a schema of that name was declared."""
        return schema in self._ledger.schemas

    def declare(self, schema: str, data: bytes) -> None:
        """Keep a JSON schema."""
        self._make_ledger_true()
        if not self.knows(schema):
            number = len(self._ledger.schemas) + 1
            self._append(Schema(id=number, name=schema, encoding=SCHEMA_ENCODING, data=data))

    def attach(self, name: str, data: bytes, time_ns: int) -> None:
        """Keep a file as it is."""
        self._make_ledger_true()
        media_type = _MEDIA_TYPES.get(PurePath(name).suffix, "application/octet-stream")
        self._append(
            Attachment(create_time=time_ns, log_time=time_ns, name=name, media_type=media_type, data=data),
        )

    def seal(self) -> None:
        """Write summary and footer, and wait until the disk has it all. Raises RecordingError."""
        self._make_ledger_true()
        self._append(DataEnd(data_section_crc=self._ledger.data_crc))
        self._file.append(self._ledger.closing())
        self._file.sync()

    def close(self) -> None:
        """Give the file back. Must be called once."""
        self.watch.stop()
        self._file.close()

    def _channel(self, topic: str, schema: str) -> Channel:
        channel = self._ledger.channels.get(topic)
        if channel is None:
            number = len(self._ledger.channels) + 1
            encoding, schema_id = (JSON_ENCODING, self._ledger.schemas[schema].id) if schema else (MESSAGE_ENCODING, 0)
            channel = Channel(id=number, topic=topic, message_encoding=encoding, metadata={}, schema_id=schema_id)
            self._append(channel)
        return channel

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
