"""Writes a recording: bytes first, what they mean behind them, and at the end all of it anew for those who read."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from hil.errors import RecordingError
from hil.recording.disk_watch import AlarmSink, say_on_stderr
from hil.recording.layout import (
    ALARMS_TOPIC,
    DIRECTIONS,
    KEYS_PREFIX,
    LAYOUT,
    LAYOUT_KEY,
    NOTES_TOPIC,
    START_KEY,
    Direction,
    event_topic,
    topic_of,
)
from hil.recording.link_count import fits_count, received_in
from hil.recording.live_file import LiveFile
from hil.recording.pump_record import Meaning, PumpRecord
from hil.recording.rewrite import rewrite
from hil.recording.schemas import SCHEMA_NAMES, schema_of
from protocols.session.keys import SessionKey
from protocols.session.noise import SessionKeys

__all__ = ["RecordingWriter"]

_SESSION_DIGITS = 16


class RecordingWriter:
    """One recording being made. What was told to be kept is in the file when a call returns.

    Every failure to keep something is fatal: nothing more is taken, and closing says so again.
    """

    def __init__(
        self,
        path: Path,
        *,
        start_utc_ms: int,
        metadata: Mapping[str, str],
        attachments: Mapping[str, bytes],
        pump_wires: Collection[str] = (),
        wall_utc_ns: Callable[[], int] | None = None,
        on_alarm: AlarmSink = say_on_stderr,
        on_meaning: Callable[[Meaning], None] | None = None,
        compact: bool = True,
    ) -> None:
        """Create ``path`` and write down what is known at the start. Raises RecordingError if that fails.

        The messages of ``pump_wires`` are decoded, and shown to ``on_meaning``. ``wall_utc_ns`` is the system's
        clock; without it all time is bench time. ``compact`` rewrites the file when it is closed.
        """
        self.path = path
        self.counts: Counter[str] = Counter()
        """Bytes by topic, as they were acknowledged."""
        self._start_utc_ms = start_utc_ms
        self._wall_utc_ns = wall_utc_ns
        self._on_meaning = on_meaning
        self._compact = compact
        self._pumps = {wire: PumpRecord(wire) for wire in pump_wires}
        self._last_ms = 0
        self._mismatch = ""
        self._closed = False
        whole = {START_KEY: str(start_utc_ms), LAYOUT_KEY: LAYOUT, **metadata}
        self._file = LiveFile(path, whole, on_alarm)
        try:
            for name, data in attachments.items():
                self._file.attach(name, data, start_utc_ms * 1_000_000)
        except BaseException:
            self._file.close()
            raise

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep ``data`` that went over ``wire`` at bench time ``time_ms``. It is in the file when this returns."""
        self._begin(time_ms)
        topic = topic_of(wire, direction)
        self._message(topic, time_ms, data)
        self.counts[topic] += len(data)
        pump = self._pumps.get(wire)
        if pump is not None:
            for meaning in pump.overhear(direction, time_ms, data):
                self._keep(meaning, time_ms)

    def note(self, time_ms: int, text: str) -> None:
        """Keep a remark for people at bench time ``time_ms``. It is in the file when this returns."""
        self._begin(time_ms)
        self._json(NOTES_TOPIC, SCHEMA_NAMES["notes"], time_ms, {"time_ms": time_ms, "text": text})

    def session(self, wire: str, keys: SessionKeys, key: SessionKey, *, insecure: bool) -> None:
        """A session has begun on ``wire``: read what it seals. Its keys are kept only if the key is ``insecure``."""
        self._begin(self._last_ms)
        if insecure:
            name = f"{KEYS_PREFIX}{keys.handshake_hash.hex()[:_SESSION_DIGITS]}.json"
            self._file.attach(name, _keys_json(keys, key), (self._start_utc_ms + self._last_ms) * 1_000_000)
        if wire in self._pumps:
            self._pumps[wire].learn(keys)

    def counted(self, wire: str, time_ms: int, sent_bytes: int, received_bytes: int) -> None:
        """The link of ``wire`` was closed, and this is what it has counted itself. Another count is an alarm."""
        self._begin(time_ms)
        content = {"time_ms": time_ms, "sent_bytes": sent_bytes, "received_bytes": received_bytes}
        self._json(event_topic(wire, "counted"), SCHEMA_NAMES["counted"], time_ms, content)
        topics = {each: topic_of(wire, each) for each in DIRECTIONS}
        ours: dict[str, int] = {each: self.counts[topic] for each, topic in topics.items() if topic in self.counts}
        if not fits_count(ours, sent_bytes, received_bytes):
            said = (
                f"{wire}: {ours.get('tx', 0)} bytes to it and {received_in(ours)} from it were recorded, but its link "
                f"has counted {sent_bytes} and {received_bytes}"
            )
            self._mismatch = said
            self._file.watch.raise_alarm("count-mismatch", said)

    def idle(self, time_ms: int) -> None:
        """Nothing came up to ``time_ms``: what is overdue is recorded as a gap."""
        for pump in self._pumps.values():
            for meaning in pump.idle(time_ms):
                self._begin(time_ms)
                self._keep(meaning, time_ms)
        self._flush_alarms(time_ms)

    def close(self) -> None:
        """Write summary and footer, wait until the disk has it all, and compact it. Closing twice is harmless.

        Raises RecordingError if the recording is not whole, also if that was said before: nobody who closes it may
        take it for whole. One that is whole but cannot be compacted stays as it is, with an alarm.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._flush_alarms(self._last_ms)
            self._file.seal()
            if self._compact:
                self._rewrite()
        finally:
            self._file.close()
        if self._mismatch:
            raise RecordingError(f"{self.path}: {self._mismatch}; do not trust it")

    def _rewrite(self) -> None:
        try:
            rewrite(self.path)
        except RecordingError as error:
            self._file.watch.raise_alarm("not-compacted", f"it is whole, but stays as it was written: {error}")

    def _begin(self, time_ms: int) -> None:
        if self._closed:
            raise RecordingError(f"{self.path}: is closed; nothing more can be recorded")
        self._last_ms = max(self._last_ms, time_ms)
        self._file.watch.check()
        self._flush_alarms(time_ms)

    def _flush_alarms(self, time_ms: int) -> None:
        unrecorded = self._file.watch.unrecorded
        while unrecorded:
            content = {"time_ms": time_ms, **unrecorded[0]._asdict()}
            self._json(ALARMS_TOPIC, SCHEMA_NAMES["alarms"], time_ms, content)
            unrecorded.popleft()

    def _keep(self, meaning: Meaning, time_ms: int) -> None:
        self._json(meaning.topic, meaning.schema, time_ms, meaning.content)
        if self._on_meaning is not None:
            self._on_meaning(meaning)

    def _json(self, topic: str, schema: str, time_ms: int, content: dict[str, Any]) -> None:
        if not self._file.knows(schema):
            self._file.declare(schema, schema_of(schema))
        self._message(topic, time_ms, json.dumps(content, separators=(",", ":")).encode(), schema)

    def _message(self, topic: str, time_ms: int, data: bytes, schema: str = "") -> None:
        log_time_ns = (self._start_utc_ms + time_ms) * 1_000_000
        publish_time_ns = log_time_ns if self._wall_utc_ns is None else self._wall_utc_ns()
        self._file.message(topic, log_time_ns, publish_time_ns, data, schema)


def _keys_json(keys: SessionKeys, key: SessionKey) -> bytes:
    kept = {
        "session": keys.handshake_hash[:4].hex(),
        "kid": key.kid,
        "role": key.role.name,
        "handshake_hash": keys.handshake_hash.hex(),
        "to_pump": bytes(keys.to_pump).hex(),
        "from_pump": bytes(keys.from_pump).hex(),
        "why": "of an insecure test key: anybody can work it out; keys of provisioned pumps are never recorded",
    }
    return json.dumps(kept, indent=2).encode()
