"""What is played when: the bytes that came over one wire, at their bench times, long silences cut if wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from firmware_model.quantities import duration_ms
from hil.errors import UsageError
from hil.recording.contents import RecordedMessage
from hil.recording.layout import topic_of
from hil.recording.stream import RecordingStream

__all__ = ["Cue", "Schedule", "place_and_time", "speed_of", "time_of"]

_MAX_SPEED: Final = 1e6


class Cue(NamedTuple):
    """Bytes to send, at a time of the playing that counts from its start; and their bench time."""

    due_ms: int
    time_ms: int
    data: bytes


@dataclass(frozen=True)
class Schedule:
    """One wire of one recording, between two bench times. It streams: nothing is kept in memory."""

    path: Path
    wire: str
    from_ms: int | None = None
    to_ms: int | None = None
    skip_gaps_ms: int | None = None
    """A silence longer than this is cut to it."""

    def cues(self, from_ms: int | None = None) -> Iterator[Cue]:
        """What is due, in order, from bench time ``from_ms`` on; the first at once.

        Raises RecordingError for a recording that is damaged, behind all that stands before the damage.
        """
        begin_ms = self.from_ms if from_ms is None else max(from_ms, self.from_ms or 0)
        topics = [topic_of(self.wire, direction) for direction in ("rx", "timeout", "lost")]
        with RecordingStream.open(self.path) as stream:
            due_ms, before_ms = 0, begin_ms
            for message in stream.messages(topics, from_ms=begin_ms, to_ms=self.to_ms):
                if not message.data:
                    continue
                gap_ms = 0 if before_ms is None else message.time_ms - before_ms
                if self.skip_gaps_ms is not None:
                    gap_ms = min(gap_ms, self.skip_gaps_ms)
                due_ms += gap_ms
                before_ms = message.time_ms
                yield Cue(due_ms, message.time_ms, message.data)

    def span_ms(self) -> tuple[int, int]:
        """Bench times of the first and the last bytes. Raises UsageError if the wire is silent there."""
        first = last = None
        for cue in self.cues():
            first = cue.time_ms if first is None else first
            last = cue.time_ms
        if first is None or last is None:
            raise UsageError(self._nothing())
        return first, last

    def _nothing(self) -> str:
        with RecordingStream.open(self.path) as stream:
            wires = sorted({_wire(message) for message in stream.messages(lambda topic: topic.endswith("/rx"))})
        there = f"; bytes came on {', '.join(wires)}" if wires else "; no bytes came on any wire"
        return f"{self.path}: nothing came on wire {self.wire!r} in that time (--wire, --from, --to){there}"


def time_of(option: str, text: str | None) -> int | None:
    """A time in ms as ``option`` says it: ``90min``, ``1d2h``, or 0. Raises UsageError."""
    if text is None:
        return None
    try:
        return 0 if text.strip() == "0" else duration_ms(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error


def place_and_time(option: str, texts: Sequence[str]) -> tuple[str | None, int | None]:
    """Of an option that says both where to and until when, in either order: the place, and the time in ms.

    What begins with a digit is a time, which no place does. Raises UsageError for two of a kind.
    """
    times = [text for text in texts if text[:1].isdigit()]
    places = [text for text in texts if not text[:1].isdigit()]
    for several in (times, places):
        if len(several) > 1:
            raise UsageError(f"{option} {several[1]}: there is {option} {several[0]} already")
    return next(iter(places), None), time_of(option, next(iter(times), None))


def speed_of(text: str) -> float | None:
    """How many times as fast; None for ``max``. Raises UsageError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= _MAX_SPEED:
        raise UsageError(f"--speed {text}: write a number above 0, up to {_MAX_SPEED:g}, or max")
    return speed


def _wire(message: RecordedMessage) -> str:
    return message.topic.split("/")[2]
