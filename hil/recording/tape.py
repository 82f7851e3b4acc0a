"""A recording as it is played: one thing after the other, in the order in which they happened on all wires together."""

from hil.errors import RecordingError
from hil.recording.layout import Direction
from hil.recording.reader import Record, Recording

__all__ = ["Tape"]

_SHOWN_BYTES = 64
_HAPPENED: dict[Direction, str] = {
    "tx": "{data} was sent",
    "rx": "{data} came",
    "timeout": "the wait for an answer was given up after {data}",
    "lost": "the port failed",
}


class Tape:
    """The records of a recording, each taken once.

    Wires are not played each for itself: a procedure that asks the same in another order, or at another
    time, is another procedure, and its answers would not belong together.
    """

    def __init__(self, recording: Recording) -> None:
        """Begin at the first record."""
        self._recording = recording
        self._next = 0

    @property
    def unplayed(self) -> int:
        """How many records are left."""
        return len(self._recording.records) - self._next

    @property
    def position(self) -> int:
        """Number of the next record."""
        return self._next

    def peek(self, wire: str, direction: Direction) -> Record | None:
        """The next record, if it is that of ``wire`` and ``direction``."""
        record = self._recording.records[self._next] if self.unplayed else None
        return record if record is not None and (record.wire, record.direction) == (wire, direction) else None

    def says(self, wire: str, asked: str) -> str:
        """What is wrong with asking this here, in words."""
        if not self.unplayed:
            return f"{self._recording.path}:{wire}: the procedure {asked}, but {self._end()}"
        return str(self.diverges(wire, asked, self._recording.records[self._next]))

    def next_direction(self, wire: str) -> Direction | None:
        """What happened next, if it happened on ``wire``."""
        if not self.unplayed:
            return None
        record = self._recording.records[self._next]
        return record.direction if record.wire == wire else None

    def take(self, wire: str, direction: Direction, asked: str, data: bytes | None = None) -> Record:
        """The next record. Raises RecordingError unless it is what was asked for, with ``data`` if that is known."""
        if not self.unplayed:
            raise RecordingError(self.says(wire, asked))
        record = self._recording.records[self._next]
        if (record.wire, record.direction) != (wire, direction) or (data is not None and record.data != data):
            raise self.diverges(
                wire, asked, record, data if (record.wire, record.direction) == (wire, direction) else None
            )
        self._next += 1
        return record

    def diverges(self, wire: str, asked: str, record: Record, data: bytes | None = None) -> RecordingError:
        """The error that names the first difference: where and when, what was asked, and what happened instead.

        With ``data``, the bytes that were meant to be those of ``record``, it says which byte is the first other one.
        """
        happened = _HAPPENED[record.direction].format(data=_shown(record.data))
        elsewhere = "" if record.wire == wire else f" on wire {record.wire}"
        return RecordingError(
            f"{self._recording.path}:{wire}: diverges at {record.time_ms} ms of bench time: the procedure {asked}, but "
            f"the recording goes on with {record.direction}{elsewhere}: {happened}{_first_other(data, record.data)}; "
            "replay it with the version of the procedure that made it"
        )

    def _end(self) -> str:
        if self._recording.truncated_at is None:
            return "the recording has ended"
        return f"the recording has ended: it is cut short at byte {self._recording.truncated_at}"


def _first_other(data: bytes | None, recorded: bytes) -> str:
    """``, byte 3 is the first to differ``."""
    if data is None:
        return ""
    pairs = enumerate(zip(data, recorded, strict=False))
    at = next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(data), len(recorded)))
    return f", byte {at} is the first to differ"


def _shown(data: bytes) -> str:
    if not data:
        return "nothing"
    return repr(data) if len(data) <= _SHOWN_BYTES else f"{data[:_SHOWN_BYTES]!r}... ({len(data)} bytes)"
