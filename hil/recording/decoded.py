"""The decoded messages of one wire: as the recording has them, or made from its bytes where it has only those."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hil.errors import RecordingError
from hil.recording.contents import Contents
from hil.recording.layout import Topic, parse_topic
from hil.recording.pump_record import PumpRecord
from hil.recording.session_keys import recorded_keys
from hil.recording.stream import RecordingStream

__all__ = ["Decoded", "decoded_messages"]


class Decoded(NamedTuple):
    """One message, in the order in which it came to be whole."""

    time_ms: int
    name: str
    """The last part of its topic: ``read_status``."""
    content: Mapping[str, Any]

    @property
    def is_telemetry(self) -> bool:
        """Whether the pump sent it."""
        return bool(self.content["frame"]["direction"] == "rx")

    @property
    def seq(self) -> int:
        """What joins an answer to its question."""
        return int(self.content["frame"]["seq"])


def decoded_messages(path: Path, wire: str = "pump") -> Iterator[Decoded]:
    """Every message on ``wire``. Raises RecordingError for a recording that is damaged."""
    with RecordingStream.open(path) as stream:
        has_meanings = False
        for message in stream.messages(lambda topic: topic.startswith(f"/{wire}/")):
            has_meanings = True
            try:
                content = json.loads(message.data)
                Decoded(message.time_ms, "", content).seq  # noqa: B018 - is it there?
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(f"{path}: damaged at byte {message.at}: {message.topic}: {error}") from error
            yield Decoded(message.time_ms, Topic.parse(message.topic).name, content)
    if not has_meanings:
        yield from _remade(path, wire)


def _remade(path: Path, wire: str) -> Iterator[Decoded]:
    with RecordingStream.open(path) as stream:
        keys = tuple(recorded_keys(stream.attachments()))
        record = PumpRecord(wire, max(8, len(keys)))
        for each in keys:
            record.learn(each)
        for message in stream.read_into(Contents(path, lambda topic: topic.startswith(f"/wire/{wire}/"))):
            if Topic.parse(message.topic).kind != "bytes":
                continue
            for meaning in record.overhear(parse_topic(message.topic)[1], message.time_ms, message.data):
                topic = Topic.parse(meaning.topic)
                if topic.kind == "message":
                    yield Decoded(message.time_ms, topic.name, meaning.content)
