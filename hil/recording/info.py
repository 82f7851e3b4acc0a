"""What a recording holds, for a person and for other programs."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hil.recording.reader import Note, Recording

__all__ = ["RecordingInfo", "describe"]


@dataclass(frozen=True)
class RecordingInfo:
    """A recording's contents at a glance."""

    path: Path
    start_utc_ms: int
    truncated_at: int | None
    duration_ms: int
    """Bench time of the last thing that was recorded."""
    metadata: dict[str, str]
    attachments: tuple[str, ...]
    counts: dict[str, int]
    """Records by wire and direction, such as ``pump/rx``."""
    sizes: dict[str, int]
    """Bytes by wire and direction."""
    notes: tuple[Note, ...]

    def as_json(self) -> dict[str, Any]:
        """The contents for other programs."""
        return {
            "schema": "pumprig.info/1",
            "path": str(self.path),
            "complete": self.truncated_at is None,
            "truncated_at": self.truncated_at,
            "start_utc_ms": self.start_utc_ms,
            "duration_ms": self.duration_ms,
            "records": self.counts,
            "bytes": self.sizes,
            "notes": [{"time_ms": note.time_ms, "text": note.text} for note in self.notes],
            "metadata": self.metadata,
            "attachments": list(self.attachments),
        }

    def __str__(self) -> str:
        """A few lines of text."""
        state = "complete" if self.truncated_at is None else f"cut short at byte {self.truncated_at}"
        lines = [f"{self.path}: {state}, {self.duration_ms / 3_600_000:.3f} h of bench time from {self._start()}"]
        lines += [
            f"  {wire:<16} {count:>8} records {self.sizes[wire]:>10} bytes" for wire, count in self.counts.items()
        ]
        lines += [f"  {key:<16} {value}" for key, value in self.metadata.items()]
        lines += [f"  attachment       {name}" for name in self.attachments]
        lines += [f"  note             at {note.time_ms} ms: {note.text}" for note in self.notes]
        return "\n".join(lines)

    def _start(self) -> str:
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.start_utc_ms)
        return f"{start:%Y-%m-%d %H:%M:%S} UTC"


def describe(path: Path) -> RecordingInfo:
    """What the recording at ``path`` holds, cut short or not. Raises RecordingError if it is none."""
    recording = Recording.open(path)
    times_ms = [record.time_ms for record in recording.records] + [note.time_ms for note in recording.notes]
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for record in recording.records:
        counts[f"{record.wire}/{record.direction}"] += 1
        sizes[f"{record.wire}/{record.direction}"] += len(record.data)
    return RecordingInfo(
        path=path,
        start_utc_ms=recording.start_utc_ms,
        truncated_at=recording.truncated_at,
        duration_ms=max(times_ms, default=0),
        metadata=recording.metadata,
        attachments=tuple(recording.attachments),
        counts=dict(sorted(counts.items())),
        sizes=dict(sorted(sizes.items())),
        notes=recording.notes,
    )
