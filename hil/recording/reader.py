"""Reads the bytes and notes of a recording into memory: for a replay, which goes back and forth in it."""

import json
from dataclasses import dataclass
from pathlib import Path

from hil.errors import RecordingError
from hil.recording.contents import Contents, RecordedMessage
from hil.recording.layout import NOTES_TOPIC, Direction, Topic, parse_topic
from hil.recording.stream import RecordingStream

__all__ = ["Note", "Record", "Recording", "note_in", "record_in"]


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
        with RecordingStream.open(path) as stream:
            contents = Contents(path, _is_replayed)
            records: list[Record] = []
            notes: list[Note] = []
            for message in stream.read_into(contents):
                if message.topic == NOTES_TOPIC:
                    notes.append(note_in(path, message))
                else:
                    records.append(record_in(message))
            return cls(
                path,
                contents.start_utc_ms or 0,
                contents.metadata,
                contents.attachments,
                tuple(records),
                stream.truncated_at,
                tuple(notes),
            )


def record_in(message: RecordedMessage) -> Record:
    """The bytes in a message of a wire. Raises ValueError for any other."""
    return Record(*parse_topic(message.topic), message.time_ms, message.data)


def note_in(path: Path, message: RecordedMessage) -> Note:
    """The remark in a message of ``/notes``. Raises RecordingError if it is none."""
    try:
        note = json.loads(message.data)
        return Note(int(note["time_ms"]), str(note["text"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: damaged at byte {message.at}: {error}") from error


def _is_replayed(topic: str) -> bool:
    return topic == NOTES_TOPIC or Topic.parse(topic).kind == "bytes"
