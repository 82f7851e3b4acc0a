"""Reads a recording, whole or cut short."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, DataEnd, Footer, Header, McapRecord, Message, Metadata

from hil.errors import RecordingError
from hil.recording.layout import (
    LAYOUT_KEY,
    MAGIC,
    METADATA_NAME,
    PROFILE,
    SEQUENCES,
    START_KEY,
    Direction,
    Topic,
    parse_topic,
    sequence_of,
)
from hil.recording.spans import FOOTER_SIZE, HEAD, DamagedRecord, Span, parse, spans

__all__ = ["Note", "Record", "Recording"]

_FOOTER_HEAD = HEAD.pack(Opcode.FOOTER, FOOTER_SIZE - HEAD.size)
_CRC_SIZE = 4


@dataclass(frozen=True)
class Record:
    """Bytes that went over one wire in one go, at a bench time."""

    wire: str
    direction: Direction
    time_ms: int
    data: bytes


@dataclass(frozen=True)
class Note:
    """A remark for people, at a bench time."""

    time_ms: int
    text: str


@dataclass(frozen=True)
class Recording:
    """A recording's contents, in the order in which they were written."""

    path: Path
    start_utc_ms: int
    """UTC at bench time 0; 0 if the recording was cut before it says so, and then it holds no records."""
    metadata: dict[str, str]
    attachments: dict[str, bytes]
    records: tuple[Record, ...]
    truncated_at: int | None
    """Where the last whole record ends, if the file is cut short there; None if it is whole."""
    notes: tuple[Note, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the recording was closed: everything up to its footer is there."""
        return self.truncated_at is None

    @classmethod
    def open(cls, path: Path) -> "Recording":
        """The recording at ``path``; of one that was cut short, all whole records.

        Raises RecordingError if there is no such file, it is no MCAP, or another program's, or damaged. Damage is
        certain to be found in a recording that was closed; one that was cut has no checksum over its messages.
        """
        try:
            return _read(path, path.read_bytes())
        except FileNotFoundError:
            raise RecordingError(f"{path}: there is no such recording") from None
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
        except DamagedRecord as error:
            raise RecordingError(f"{path}: {error}") from error


def _read(path: Path, data: bytes) -> Recording:
    if not data.startswith(MAGIC):
        if data and MAGIC.startswith(data):
            raise RecordingError(f"{path}: cut short at byte {len(data)}, before anything was recorded")
        raise RecordingError(f"{path}: is no MCAP recording (byte 0)")
    contents = _Contents(path)
    end = len(MAGIC)
    for span in spans(data):
        _take(contents, span, data)
        end = span.end
    rest = data[end:]
    complete = contents.has_footer and rest == MAGIC
    if not complete:
        _check_cut(contents, data, end, rest)
    return contents.recording(None if complete else end)


def _take(contents: "_Contents", span: Span, data: bytes) -> None:
    record = parse(span)
    if isinstance(record, DataEnd) and record.data_section_crc != zlib.crc32(data[: span.at]):
        raise DamagedRecord(span.at, f"the checksum over bytes 0 to {span.at} is wrong")
    if isinstance(record, Footer):
        summary = data[record.summary_start : span.end - _CRC_SIZE]
        if record.summary_crc != zlib.crc32(summary):
            raise DamagedRecord(span.at, "the checksum of the summary is wrong")
    contents.take(span.at, record)


def _check_cut(contents: "_Contents", data: bytes, end: int, rest: bytes) -> None:
    """Refuse what is not a file that was cut at byte ``end``, but a whole one with damage at that byte."""
    if contents.has_footer and not MAGIC.startswith(rest):
        raise DamagedRecord(end, "something else follows the footer than the end of the file")
    footer_at = len(data) - len(MAGIC) - FOOTER_SIZE
    if data.endswith(MAGIC) and (contents.has_data_end or data.startswith(_FOOTER_HEAD, max(0, footer_at))):
        raise DamagedRecord(end, "the file was closed, but this record does not lead on to its end")
    if rest.startswith(b"\0") and rest.strip(b"\0"):
        raise DamagedRecord(end, "a record of kind 0")


class _Topic(NamedTuple):
    sequence: str
    kind: str
    wire: tuple[str, Direction] | None
    """None unless it holds bytes."""

    @classmethod
    def of(cls, topic: str) -> "_Topic":
        kind = Topic.parse(topic).kind
        return cls(sequence_of(topic), kind, parse_topic(topic) if kind == "bytes" else None)


class _Contents:
    """Gathers records into a recording."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_utc_ms: int | None = None
        self._metadata: dict[str, str] = {}
        self._attachments: dict[str, bytes] = {}
        self._topics: dict[int, _Topic] = {}
        self._sequences: dict[str, int] = {}
        self._records: list[Record] = []
        self._notes: list[Note] = []
        self.has_data_end = False
        self.has_footer = False

    def take(self, at: int, record: McapRecord) -> None:
        try:
            self._take(record)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedRecord(at, str(error)) from error

    def recording(self, truncated_at: int | None) -> Recording:
        if truncated_at is None and (not self.has_data_end or self._start_utc_ms is None):
            raise DamagedRecord(len(MAGIC), "the file was closed without saying when its run began")
        return Recording(
            self._path,
            self._start_utc_ms or 0,
            self._metadata,
            self._attachments,
            tuple(self._records),
            truncated_at,
            tuple(self._notes),
        )

    def _take(self, record: McapRecord) -> None:
        self.has_footer = isinstance(record, Footer)
        if self.has_data_end:
            return  # the summary repeats what the data section has said
        match record:
            case Message():
                self._take_message(record)
            case Header():
                self._check_header(record)
            case Metadata() if record.name == METADATA_NAME:
                metadata = dict(record.metadata)
                self._start_utc_ms = int(metadata.pop(START_KEY))
                metadata.pop(LAYOUT_KEY, None)
                self._metadata = metadata
            case Attachment():
                self._attachments[record.name] = record.data
            case Channel():
                if self._topics.setdefault(record.id, topic := _Topic.of(record.topic)) != topic:
                    raise ValueError(f"channel {record.id} is announced twice, the second time as {record.topic!r}")
            case DataEnd():
                self.has_data_end = True

    def _check_header(self, header: Header) -> None:
        if header.profile != PROFILE:
            raise RecordingError(
                f"{self._path}: is MCAP of profile {header.profile!r} (byte {len(MAGIC)}), not a pumprig recording"
            )

    def _take_message(self, message: Message) -> None:
        topic = self._topics.get(message.channel_id)
        if topic is None or self._start_utc_ms is None:
            raise ValueError(f"a message on channel {message.channel_id}, which was not announced")
        self._count(topic.sequence, message.sequence)
        if topic.kind == "notes":
            note = json.loads(message.data)
            self._notes.append(Note(int(note["time_ms"]), str(note["text"])))
        if topic.wire is None:
            return
        time_ms = message.log_time // 1_000_000 - self._start_utc_ms
        self._records.append(Record(*topic.wire, time_ms, message.data))

    def _count(self, counter: str, sequence: int) -> None:
        expected = self._sequences.get(counter, 0)
        if sequence != expected:
            raise ValueError(f"message {sequence} of {counter} stands where message {expected} belongs")
        self._sequences[counter] = (expected + 1) % SEQUENCES
