"""A recording in the place of the bench: what was said then is answered now, and nothing else."""

from collections import deque

from hil.errors import LinkTimeout, RecordingError
from hil.links.link import Link
from hil.recording.reader import Record, Recording

__all__ = ["ReplayClock", "ReplayLink"]


class ReplayClock:
    """Bench time as it was recorded: that of the last record that was played, plus what was slept since."""

    def __init__(self, recording: Recording) -> None:
        """Begin at bench time 0 of ``recording``."""
        self.start_utc_ms = recording.start_utc_ms
        self._now_ms = 0

    def now_ms(self) -> int:
        """Bench time now, in ms."""
        return self._now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` pass at once."""
        self._now_ms += max(0, duration_ms)

    def played(self, record: Record) -> None:
        """A record has been played: its time is now."""
        self._now_ms = record.time_ms


class ReplayLink(Link):
    """One wire of a recording. What the rig sends must be what it sent then, byte for byte."""

    def __init__(self, recording: Recording, wire: str, clock: ReplayClock) -> None:
        """Play the records of ``wire`` in order."""
        self.resource = f"{recording.path}:{wire}"
        self._wire = wire
        self._clock = clock
        self._records = deque(record for record in recording.records if record.wire == wire)

    def write(self, data: bytes) -> None:
        """Compare ``data`` with what was sent. Raises RecordingError at the first difference."""
        record = self._next("tx", f"sends {data!r}")
        if record.data != data:
            raise self._diverged(f"the procedure sends {data!r}, but {record.data!r} was sent", record)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """The answer that came, or the timeout that happened instead."""
        if self._records and self._records[0].direction == "timeout":
            record = self._next("timeout", "reads")
            raise LinkTimeout(self.resource, timeout_ms, record.data)
        record = self._next("rx", "reads an answer")
        if not record.data.endswith(terminator):
            raise self._diverged(f"the procedure reads up to {terminator!r}, but {record.data!r} came", record)
        return record.data

    def drain(self) -> bytes:
        """What was drained then; nothing if the next thing that happened was something else."""
        if self._records and self._records[0].direction == "rx":
            return self._next("rx", "drains").data
        return b""

    def monotonic_ms(self) -> int:
        """Recorded bench time."""
        return self._clock.now_ms()

    def close(self) -> None:
        """Nothing is left behind."""

    def _next(self, direction: str, what: str) -> Record:
        if not self._records:
            raise RecordingError(f"{self.resource}: the procedure {what}, but the recording of this wire has ended")
        record = self._records[0]
        if record.direction != direction:
            raise self._diverged(f"the procedure {what}, but the recording goes on with {record.direction}", record)
        self._records.popleft()
        self._clock.played(record)
        return record

    def _diverged(self, difference: str, record: Record) -> RecordingError:
        return RecordingError(f"{self.resource}: diverges at {record.time_ms} ms of bench time: {difference}")
