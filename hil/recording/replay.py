"""A recording in the place of the bench: what was said then is answered now, and nothing else."""

from hil.errors import LinkError, LinkTimeout
from hil.links.link import Link
from hil.recording.layout import Direction
from hil.recording.reader import Record, Recording
from hil.recording.tape import Tape

__all__ = ["ReplayClock", "ReplayLink"]

_CLOCK_GRAIN_MS = 100
"""By how much a wait on a wall clock may end early: Windows counts in steps of 16 ms."""


class ReplayClock:
    """Bench time as it was recorded: that of the last record that was played, plus what was slept since."""

    def __init__(self, recording: Recording) -> None:
        """Begin at bench time 0 of ``recording``."""
        self.start_utc_ms = recording.start_utc_ms
        self.tape = Tape(recording)
        self._now_ms = 0

    def now_ms(self) -> int:
        """Bench time now, in ms."""
        return self._now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` pass at once."""
        self._now_ms += max(0, duration_ms)

    def played(self, record: Record) -> None:
        """A record has been played: its time is now. Raises RecordingError if the procedure waited for longer."""
        if record.time_ms < self._now_ms - _CLOCK_GRAIN_MS:
            raise self.tape.diverges(record.wire, f"has waited until {self._now_ms} ms", record)
        self._now_ms = record.time_ms


class ReplayLink(Link):
    """One wire of a recording. What the rig sends must be what it sent then, byte for byte and in the same order."""

    def __init__(self, recording: Recording, wire: str, clock: ReplayClock) -> None:
        """Play what happened on ``wire``, from the tape that all wires of ``clock`` share."""
        self.resource = f"{recording.path}:{wire}"
        self._wire = wire
        self._clock = clock
        self._waited_ms = 0
        self._unread = b""

    def write(self, data: bytes) -> None:
        """Compare ``data`` with what was sent. Raises RecordingError at the first difference."""
        if not data:
            return
        self._fail_if_lost()
        self.sent_bytes += len(data)  # also where it diverges: whoever listens in has recorded it by now
        self._play("tx", f"sends {data!r}", data)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """The answer that came, or the timeout that happened instead."""
        self._fail_if_lost()
        asked_ms = self.monotonic_ms()
        if self._clock.tape.next_direction(self._wire) == "timeout":
            record = self._play("timeout", "reads")
            # A link's wait may have taken no bench time (lock step), but who asked must see it pass.
            self._waited_ms += max(0, asked_ms + timeout_ms - self.monotonic_ms())
            raise LinkTimeout(self.resource, timeout_ms, record.data)
        asked = f"reads up to {terminator!r}"
        record = self._play("rx", asked)
        if not record.data.endswith(terminator):
            raise self._clock.tape.diverges(self._wire, asked, record)
        return record.data

    def drain(self) -> bytes:
        """What was drained then."""
        unread, self._unread = self._unread, b""
        if unread:
            return unread
        self._fail_if_lost()
        if self._clock.tape.next_direction(self._wire) != "rx":
            return b""  # closing a link, which leaves a record only if there was something to drain
        return self._play("rx", "drains").data

    def monotonic_ms(self) -> int:
        """Recorded bench time, plus the waits that took none."""
        return self._clock.now_ms() + self._waited_ms

    def close(self) -> None:
        """Nothing is left behind."""

    def _play(self, direction: Direction, asked: str, data: bytes | None = None) -> Record:
        record = self._clock.tape.take(self._wire, direction, asked, data)
        self._clock.played(record)
        if direction != "tx":
            self.received_bytes += len(record.data)
        return record

    def _fail_if_lost(self) -> None:
        """Raise LinkError where the port failed when this was recorded."""
        if self._clock.tape.next_direction(self._wire) == "lost":
            record = self._play("lost", "goes on")
            self._unread = record.data
            raise LinkError(f"{self.resource}: the port failed here, at {record.time_ms} ms of bench time")
