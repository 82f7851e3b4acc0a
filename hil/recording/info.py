"""What a recording holds, for a person and for other programs."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hil.errors import RecordingError
from hil.recording.contents import Contents, RecordedMessage
from hil.recording.layout import ALARMS_TOPIC, GAPS_TOPIC, KEYS_PREFIX, NOTES_TOPIC, Topic
from hil.recording.reader import Note, note_in
from hil.recording.stream import RecordingStream

__all__ = ["RecordingInfo", "describe"]


@dataclass
class RecordingInfo:
    """A recording's contents at a glance."""

    path: Path
    start_utc_ms: int
    file_bytes: int
    chunks: int
    closed: bool
    """Whether it was closed, whatever became of the file since."""
    in_chunks: bool
    metadata: dict[str, str]
    truncated_at: int | None = None
    problem: str = ""
    """What is damaged, and where: all else says what stands before it."""
    duration_ms: int = 0
    """Bench time of the last thing that was recorded."""
    attachments: tuple[str, ...] = ()
    """But for the keys of sessions."""
    session_keys: int = 0
    """Sessions whose keys are in the recording."""
    counts: Counter[str] = field(default_factory=Counter)
    """Records by wire and direction, such as ``pump/rx``."""
    sizes: Counter[str] = field(default_factory=Counter)
    """Bytes by wire and direction."""
    messages: Counter[str] = field(default_factory=Counter)
    """Decoded messages by topic."""
    rejections: Counter[str] = field(default_factory=Counter)
    """Bytes that are no message, by wire and reason, such as ``pump/CrcMismatch``."""
    sealed: int = 0
    """Frames that nobody without their keys can read."""
    gaps: Counter[str] = field(default_factory=Counter)
    """By wire and kind."""
    alarms: list[str] = field(default_factory=list)
    """Of the recorder itself."""
    notes: list[Note] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether it is whole: closed, and nothing is damaged."""
        return self.truncated_at is None and not self.problem

    @property
    def form(self) -> str:
        """``chunked``, ``as written`` or ``cut``."""
        if not self.closed:
            return "cut"
        return "chunked" if self.in_chunks else "as written"

    def rate_per_s(self, count: int) -> float:
        """How often that is in a second of bench time."""
        return count * 1000 / self.duration_ms if self.duration_ms else 0.0

    def as_json(self) -> dict[str, Any]:
        """The contents for other programs."""
        return {
            "schema": "pumprig.info/1",
            "path": str(self.path),
            "complete": self.complete,
            "truncated_at": self.truncated_at,
            "problem": self.problem or None,
            "form": self.form,
            "file_bytes": self.file_bytes,
            "chunks": self.chunks,
            "start_utc_ms": self.start_utc_ms,
            "duration_ms": self.duration_ms,
            "records": dict(sorted(self.counts.items())),
            "bytes": dict(sorted(self.sizes.items())),
            "messages": dict(sorted(self.messages.items())),
            "rates_per_s": {
                name: round(self.rate_per_s(count), 6) for name, count in sorted((self.counts | self.messages).items())
            },
            "rejections": dict(sorted(self.rejections.items())),
            "sealed": self.sealed,
            "gaps": dict(sorted(self.gaps.items())),
            "alarms": self.alarms,
            "notes": [{"time_ms": note.time_ms, "text": note.text} for note in self.notes],
            "metadata": self.metadata,
            "attachments": list(self.attachments),
            "session_keys": self.session_keys,
        }

    def __str__(self) -> str:
        """A few lines of text."""
        state = "complete" if self.truncated_at is None else f"cut short at byte {self.truncated_at}"
        state = "damaged" if self.problem else state
        lines = [f"{self.path}: {state}, {self.duration_ms / 3_600_000:.3f} h of bench time from {self._start()}"]
        lines.append(f"  {'file':<16} {self.file_bytes} bytes, {self._form()}")
        lines += [
            f"  {wire:<16} {count:>8} records {self.sizes[wire]:>10} bytes {self._rate(count):>12}"
            for wire, count in sorted(self.counts.items())
        ]
        lines += [
            f"  {topic:<24} {count:>8} messages {self._rate(count):>12}"
            for topic, count in sorted(self.messages.items())
        ]
        lines += [f"  {key:<16} {value}" for key, value in self.metadata.items()]
        lines += [f"  attachment       {name}" for name in self.attachments]
        if self.session_keys:
            lines.append(f"  session keys     of {self.session_keys} sessions, under an insecure test key")
        if self.sealed:
            lines.append(f"  sealed           {self.sealed} frames, keys not known")
        lines += [f"  rejected         {count} {what}" for what, count in sorted(self.rejections.items())]
        lines += [f"  gaps             {count} {what}" for what, count in sorted(self.gaps.items())]
        lines += [f"  RECORDER ALARM   {alarm}" for alarm in self.alarms]
        lines += [f"  note             at {note.time_ms} ms: {note.text}" for note in self.notes]
        return "\n".join(lines)

    def _rate(self, count: int) -> str:
        rate = self.rate_per_s(count)
        return f"{rate:.2f}/s" if rate >= 0.1 or not rate else f"{rate * 3600:.1f}/h"

    def _form(self) -> str:
        if self.form == "chunked" and not self.chunks:
            return "compressed in chunks; it was closed, but its index is lost"
        if self.form == "chunked":
            return f"{self.chunks} chunk{'s' if self.chunks != 1 else ''}, compressed and indexed"
        return "records as they were written" + ("" if self.closed else "; it was never closed")

    def _start(self) -> str:
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.start_utc_ms)
        return f"{start:%Y-%m-%d %H:%M:%S} UTC"


def describe(path: Path) -> RecordingInfo:
    """What the recording at ``path`` holds, cut short or damaged or not. Raises RecordingError if it is none."""
    with RecordingStream.open(path) as stream:
        info = RecordingInfo(
            path,
            stream.start_utc_ms,
            path.stat().st_size,
            stream.chunks,
            stream.closed_properly,
            stream.in_chunks,
            stream.metadata,
        )
        contents = Contents(path)
        try:
            for message in stream.read_into(contents):
                info.duration_ms = max(info.duration_ms, message.time_ms)
                _count(info, message)
        except RecordingError as damage:
            info.problem = str(damage)
        info.truncated_at = stream.truncated_at
        keys = [name for name in contents.attachments if name.startswith(KEYS_PREFIX)]
        info.session_keys = len(keys)
        info.attachments = tuple(name for name in contents.attachments if name not in keys)
    return info


def _count(info: RecordingInfo, message: RecordedMessage) -> None:
    topic = Topic.parse(message.topic)
    if topic.kind == "bytes":
        info.counts[f"{topic.wire}/{topic.name}"] += 1
        info.sizes[f"{topic.wire}/{topic.name}"] += len(message.data)
    elif topic.kind == "message":
        info.messages[message.topic] += 1
    elif topic.name == "sealed":
        info.sealed += 1
    elif topic.name == "rejected":
        info.rejections[f"{topic.wire}/{_field(info.path, message, 'reason')}"] += 1
    elif message.topic == GAPS_TOPIC:
        info.gaps[f"{_field(info.path, message, 'wire')}/{_field(info.path, message, 'kind')}"] += 1
    elif message.topic == ALARMS_TOPIC:
        said = (_field(info.path, message, each) for each in ("alarm", "state", "detail"))
        info.alarms.append(f"at {message.time_ms} ms: {', '.join(said)}")
    elif message.topic == NOTES_TOPIC:
        info.notes.append(note_in(info.path, message))


def _field(path: Path, message: RecordedMessage, name: str) -> str:
    try:
        return str(json.loads(message.data)[name])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: damaged at byte {message.at}: {message.topic}: {error}") from error
