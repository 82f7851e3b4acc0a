"""What a recording's records mean, one after the other: the one place that knows what may follow what."""

import struct
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple

from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, DataEnd, Footer, Header, McapRecord, Metadata

from hil.errors import RecordingError
from hil.recording.blocks import DamagedRecord
from hil.recording.layout import LAYOUT_KEY, MAGIC, METADATA_NAME, PROFILE, SEQUENCES, START_KEY, sequence_of
from hil.recording.spans import Span, parse

__all__ = ["Contents", "RecordedMessage", "TopicFilter"]

_MESSAGE: Final = struct.Struct("<HIQQ")
"""Channel, sequence, log_time, publish_time (MCAP specification, Message)."""

TopicFilter = Collection[str] | Callable[[str], bool] | None
"""Which topics are wanted: those named, those for which it is true, or all."""


class RecordedMessage(NamedTuple):
    """One message of a recording."""

    topic: str
    time_ms: int
    """Bench time."""
    wall_utc_ns: int
    """The system's clock, in ns since 1970 UTC; on a simulated bench the bench's own."""
    sequence: int
    data: bytes
    at: int
    """The byte of the file at which it, or its chunk, begins."""


class _Channel(NamedTuple):
    topic: str
    counter: str
    wanted: bool


class Contents:
    """Takes the records of one recording in their order."""

    def __init__(self, path: Path, topics: TopicFilter = None) -> None:
        """Of the recording at ``path``, give the messages on ``topics``."""
        self.start_utc_ms: int | None = None
        self.metadata: dict[str, str] = {}
        self.attachments: dict[str, bytes] = {}
        self.keeps_attachments = True
        self.footer: Footer | None = None
        self.has_data_end = False
        self._path = path
        self._topics = topics
        self._channels: dict[int, _Channel] = {}
        self._sequences: dict[str, int] = {}
        self._from_start = True

    def take(self, span: Span) -> RecordedMessage | None:
        """The message in ``span``, if it holds one that is wanted. Raises DamagedRecord for what does not fit."""
        try:
            if span.opcode == Opcode.MESSAGE and not self.has_data_end:
                return self._message(span)
            if span.opcode != Opcode.MESSAGE_INDEX:
                self._take(parse(span))
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise DamagedRecord(span.at, str(error)) from error
        return None

    def announce(self, channel: Channel) -> None:
        """A channel of the summary: for a reader that goes straight to a chunk. Raises ValueError."""
        known = _Channel(channel.topic, sequence_of(channel.topic), self._is_wanted(channel.topic))
        if self._channels.setdefault(channel.id, known) != known:
            raise ValueError(f"channel {channel.id} is announced twice, the second time as {channel.topic!r}")

    def wanted_channels(self) -> set[int]:
        """Ids of the channels whose messages are wanted."""
        return {number for number, channel in self._channels.items() if channel.wanted}

    def skip(self) -> None:
        """Some messages were passed over: the next one of each wire may have any number."""
        self._sequences = {}
        self._from_start = False

    def _is_wanted(self, topic: str) -> bool:
        if self._topics is None:
            return True
        return self._topics(topic) if callable(self._topics) else topic in self._topics

    def _take(self, record: McapRecord) -> None:
        self.footer = record if isinstance(record, Footer) else None
        if self.has_data_end:
            return  # the summary repeats what the data section has said
        match record:
            case Header():
                if record.profile != PROFILE:
                    raise RecordingError(
                        f"{self._path}: is MCAP of profile {record.profile!r} (byte {len(MAGIC)}), "
                        "not a pumprig recording"
                    )
            case Metadata() if record.name == METADATA_NAME:
                metadata = dict(record.metadata)
                self.start_utc_ms = int(metadata.pop(START_KEY))
                metadata.pop(LAYOUT_KEY, None)
                self.metadata = metadata
            case Attachment() if self.keeps_attachments:
                self.attachments[record.name] = record.data
            case Channel():
                self.announce(record)
            case DataEnd():
                self.has_data_end = True

    def _message(self, span: Span) -> RecordedMessage | None:
        number, sequence, log_time, publish_time = _MESSAGE.unpack_from(span.content)
        channel = self._channels.get(number)
        if channel is None or self.start_utc_ms is None:
            raise ValueError(f"a message on channel {number}, which was not announced")
        self._count(channel.counter, sequence)
        if not channel.wanted:
            return None
        time_ms = log_time // 1_000_000 - self.start_utc_ms
        data = span.content[_MESSAGE.size :]
        return RecordedMessage(channel.topic, time_ms, publish_time, sequence, data, span.at)

    def _count(self, counter: str, sequence: int) -> None:
        expected = self._sequences.get(counter, 0 if self._from_start else sequence)
        self._sequences[counter] = (expected + 1) % SEQUENCES
        if sequence != expected:
            raise ValueError(f"message {sequence} of {counter} stands where message {expected} belongs")
