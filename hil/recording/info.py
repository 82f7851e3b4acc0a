"""What a recording holds, for a person and for other programs."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.recording.reader import Recording

__all__ = ["RecordingInfo", "describe"]


@dataclass(frozen=True)
class RecordingInfo:
    """A recording's contents at a glance."""

    path: Path
    truncated_at: int | None
    duration_ms: int
    metadata: dict[str, str]
    attachments: tuple[str, ...]
    counts: dict[str, int]
    """Records by wire and direction, such as ``pump/rx``."""

    def as_json(self) -> dict[str, Any]:
        """The contents for other programs."""
        return {
            "schema": "pumprig.info/1",
            "path": str(self.path),
            "complete": self.truncated_at is None,
            "truncated_at": self.truncated_at,
            "duration_ms": self.duration_ms,
            "records": self.counts,
            "metadata": self.metadata,
            "attachments": list(self.attachments),
        }

    def __str__(self) -> str:
        """A few lines of text."""
        state = "complete" if self.truncated_at is None else f"cut short at byte {self.truncated_at}"
        lines = [f"{self.path}: {state}, {self.duration_ms / 3_600_000:.3f} h of bench time"]
        lines += [f"  {wire:<16} {count:>8} records" for wire, count in self.counts.items()]
        lines += [f"  {key:<16} {value}" for key, value in self.metadata.items()]
        lines += [f"  attachment       {name}" for name in self.attachments]
        return "\n".join(lines)


def describe(path: Path) -> RecordingInfo:
    """What the recording at ``path`` holds, cut short or not. Raises RecordingError if it is none."""
    recording = Recording.open(path)
    counts = Counter(f"{record.wire}/{record.direction}" for record in recording.records)
    return RecordingInfo(
        path=path,
        truncated_at=recording.truncated_at,
        duration_ms=max((record.time_ms for record in recording.records), default=0),
        metadata=recording.metadata,
        attachments=tuple(recording.attachments),
        counts=dict(sorted(counts.items())),
    )
