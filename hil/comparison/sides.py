"""One side of a comparison: what a recording and its run's folder say, each thing once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.comparison.telemetry import Telemetry, read_telemetry
from hil.errors import RecordingError
from hil.recording.layout import Topic
from hil.recording.place import only_recording_at, recordings_at, run_folder_of
from hil.recording.reader import Record, record_in
from hil.recording.stream import RecordingStream
from hil.verification.folder_checks import read_manifest

__all__ = ["Side", "read_side"]

_KEPT = ("versions", "pump", "instruments", "parameters", "overdue", "accepted_overdue")
"""Of a manifest; the rest differs between any two runs, or is compared elsewhere."""


@dataclass
class Side:
    """One recording."""

    path: Path
    telemetry: Telemetry
    manifest: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """By dotted name."""
    counts: Counter[str] = field(default_factory=Counter)
    """Records by topic."""
    duration_ms: int = 0
    latencies_ms: dict[str, list[int]] = field(default_factory=dict)
    """From each sending to the answer, by wire."""

    def records(self) -> Iterator[Record]:
        """Bytes in their order, not kept in memory."""
        with RecordingStream.open(self.path) as stream:
            for message in stream.messages(_is_bytes):
                yield record_in(message)


def read_side(path: Path) -> Side:
    """What the recording or run folder at ``path`` says. Raises RecordingError, UsageError for a run of several parts.

    Of one part of a resumed run its recording alone counts: the manifest is that of the whole run.
    """
    file, folder = only_recording_at(path), run_folder_of(path)
    side = Side(file, read_telemetry(file))
    if folder is not None and len(recordings_at(folder)) == 1:
        try:
            side.manifest = read_manifest(folder)
        except RecordingError:
            side.manifest = {}  # a run that never finished: its recording can be compared all the same
    side.settings = dict(_settings(side))
    asked: dict[str, int] = {}
    with RecordingStream.open(file) as stream:
        for message in stream.messages():
            side.counts[message.topic] += 1
            side.duration_ms = max(side.duration_ms, message.time_ms)
            topic = Topic.parse(message.topic)
            if topic.kind == "bytes" and topic.name == "tx":
                asked[topic.wire] = message.time_ms
            elif topic.kind == "bytes" and topic.name == "rx" and message.data and topic.wire in asked:
                side.latencies_ms.setdefault(topic.wire, []).append(message.time_ms - asked.pop(topic.wire))
    return side


def _settings(side: Side) -> Iterator[tuple[str, str]]:
    for name, value in side.telemetry.metadata.items():
        yield f"recording.{name}", value
    yield "recording.start_utc_ms", str(side.telemetry.start_utc_ms)
    for name, value in side.telemetry.bench_said.items():
        if name != "path":  # the same bench may stand elsewhere
            yield from _flat({"file": "bench"}.get(name, name), value)
    for name, value in side.manifest.items():
        if name in _KEPT:
            yield from _flat(f"run.{name}", value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}", each)
    elif isinstance(value, list) and any(isinstance(each, (Mapping, list)) for each in value):
        for number, each in enumerate(value):
            yield from _flat(f"{name}[{number}]", each)
    else:
        yield name, str(value)


def _is_bytes(topic: str) -> bool:
    return Topic.parse(topic).kind == "bytes"
