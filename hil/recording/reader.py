"""Reads a recording, whole or cut short."""

import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from mcap.exceptions import EndOfFile, McapError
from mcap.records import Attachment, Channel, Header, McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader

from hil.errors import RecordingError
from hil.recording.tap import DIRECTIONS, Direction
from hil.recording.writer import MAGIC, METADATA_NAME, PROFILE

__all__ = ["Record", "Recording"]

_RECORD_HEAD = struct.Struct("<BQ")
"""Opcode and length, before every record (MCAP specification, Records)."""


@dataclass(frozen=True)
class Record:
    """Bytes that went over one wire in one go, at a bench time."""

    wire: str
    direction: Direction
    time_ms: int
    data: bytes


@dataclass(frozen=True)
class Recording:
    """A recording's contents, in the order in which they were written."""

    path: Path
    start_utc_ms: int
    metadata: dict[str, str]
    attachments: dict[str, bytes]
    records: tuple[Record, ...]
    truncated_at: int | None
    """Where the last whole record ends, if the file is cut short there; None if it is whole."""

    @property
    def complete(self) -> bool:
        """Whether the recording was closed: everything up to its footer is there."""
        return self.truncated_at is None

    @classmethod
    def open(cls, path: Path) -> "Recording":
        """The recording at ``path``; of one that was cut short, all whole records.

        Raises RecordingError if there is no such file, it is no MCAP, or another program's, or damaged.
        """
        try:
            return _read(path, path.read_bytes())
        except FileNotFoundError:
            raise RecordingError(f"{path}: there is no such recording") from None
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def _read(path: Path, data: bytes) -> Recording:
    if data[: len(MAGIC)] != MAGIC:
        raise RecordingError(f"{path}: is no MCAP recording (byte 0)")
    end = _whole_records(data)
    complete = data[end:] == MAGIC and end > len(MAGIC)
    contents = _Contents(path)
    stream = BytesIO(data[:end] + (MAGIC if complete else b""))
    at = len(MAGIC)
    try:
        for record in StreamReader(stream, validate_crcs=True).records:
            contents.take(record)
            at = stream.tell()
    except EndOfFile:
        complete = False  # cut short just behind a whole record
    except (McapError, ValueError, struct.error) as error:
        raise RecordingError(f"{path}: damaged at byte {at}: {error}") from error
    return contents.recording(None if complete else end)


def _whole_records(data: bytes) -> int:
    """Where the last record ends that is there as a whole."""
    at = len(MAGIC)
    while at + _RECORD_HEAD.size <= len(data) and data[at:] != MAGIC:
        _, length = _RECORD_HEAD.unpack_from(data, at)
        if at + _RECORD_HEAD.size + length > len(data):
            break
        at += _RECORD_HEAD.size + length
    return at


class _Contents:
    """Gathers records into a recording."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._metadata: dict[str, str] = {}
        self._attachments: dict[str, bytes] = {}
        self._wires: dict[int, tuple[str, Direction]] = {}
        self._records: list[Record] = []

    def take(self, record: McapRecord) -> None:
        if isinstance(record, Header) and record.profile != PROFILE:
            raise RecordingError(
                f"{self._path}: is an MCAP file of profile {record.profile!r}, not a pumprig recording"
            )
        if isinstance(record, Metadata) and record.name == METADATA_NAME:
            self._metadata = record.metadata
        elif isinstance(record, Attachment):
            self._attachments[record.name] = record.data
        elif isinstance(record, Channel):
            _, _, wire, direction = record.topic.split("/")
            if direction not in DIRECTIONS:
                raise ValueError(f"unknown topic {record.topic}")
            self._wires[record.id] = wire, direction
        elif isinstance(record, Message):
            if record.channel_id not in self._wires:
                raise ValueError(f"a message on channel {record.channel_id}, which was not announced")
            wire, direction = self._wires[record.channel_id]
            time_ms = record.log_time // 1_000_000 - self._start_utc_ms()
            self._records.append(Record(wire, direction, time_ms, record.data))

    def _start_utc_ms(self) -> int:
        return int(self._metadata.get("start_utc_ms", "0"))

    def recording(self, truncated_at: int | None) -> Recording:
        metadata = {key: value for key, value in self._metadata.items() if key != "start_utc_ms"}
        return Recording(
            self._path, self._start_utc_ms(), metadata, self._attachments, tuple(self._records), truncated_at
        )
