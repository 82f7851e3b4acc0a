"""What the bytes of a pump's wire mean, as the JSON objects that a recording holds beside them."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from hil.recording.gaps import GapWatch
from hil.recording.layout import GAPS_TOPIC, Direction, event_topic, message_topic
from hil.recording.schemas import SCHEMA_NAMES, message_schema
from protocols.json_form import json_of, topic_name
from protocols.listener import MAX_SESSIONS, Greeted, Heard, Listener, Overheard, Refused, Sealed, WireDirection
from protocols.session.noise import SessionKeys

__all__ = ["Meaning", "PumpRecord"]

_SHOWN_BYTES: Final = 64


class Meaning(NamedTuple):
    """One JSON object: its topic and the name of its schema."""

    topic: str
    schema: str
    content: dict[str, Any]
    said: Overheard | None = None
    """What it was made from; None of a gap."""


class PumpRecord:
    """Listens to one wire; what it says follows from the bytes and the session's keys alone."""

    def __init__(self, wire: str, max_sessions: int = MAX_SESSIONS) -> None:
        """Listen to ``wire`` from its first byte on, and remember the keys of so many sessions."""
        self._wire = wire
        self._listener = Listener(max_sessions)
        self._gaps = GapWatch(wire)
        self._recent: dict[WireDirection, bytes] = {"tx": b"", "rx": b""}

    def learn(self, keys: SessionKeys) -> None:
        """Read sealed frames under these keys."""
        self._listener.learn(keys)

    def overhear(self, direction: Direction, time_ms: int, data: bytes) -> Iterator[Meaning]:
        """What ``data`` completes."""
        side: WireDirection = "tx" if direction == "tx" else "rx"
        seen = self._recent[side] + data
        end = self._listener.heard_bytes(side) + len(data)
        for overheard in self._listener.feed(side, data):
            for gap in self._gaps.after(time_ms, overheard):
                yield Meaning(GAPS_TOPIC, SCHEMA_NAMES["gaps"], gap)
            begin = overheard.place.offset - (end - len(seen))
            yield self._meaning(time_ms, overheard, seen[max(0, begin) : begin + overheard.place.length])
        self._recent[side] = seen[len(seen) - self._listener.pending(side) :][:_SHOWN_BYTES]

    def idle(self, time_ms: int) -> Iterator[Meaning]:
        """Said at ``time_ms`` when nothing came: that a notice is overdue, once."""
        for gap in self._gaps.idle(time_ms):
            yield Meaning(GAPS_TOPIC, SCHEMA_NAMES["gaps"], gap)

    def _meaning(self, time_ms: int, overheard: Overheard, data: bytes) -> Meaning:
        place = {"time_ms": time_ms, **vars(overheard.place)}
        match overheard:
            case Heard():
                return self._heard(place, overheard)
            case Refused():
                content = {
                    **place,
                    "reason": type(overheard.reason).__name__,
                    "detail": str(overheard.reason),
                    "bytes": data[:_SHOWN_BYTES].hex(),
                }
                return Meaning(event_topic(self._wire, "rejected"), SCHEMA_NAMES["rejected"], content, overheard)
            case Sealed():
                content = {
                    **place,
                    "session": overheard.session.hex(),
                    "counter": overheard.counter,
                    "payload_bytes": overheard.payload_bytes,
                }
                return Meaning(event_topic(self._wire, "sealed"), SCHEMA_NAMES["sealed"], content, overheard)
            case Greeted():
                uid = None if overheard.uid is None else overheard.uid.hex()
                content = {**place, "kind": overheard.kind, "uid": uid, "kid": overheard.kid, "session": None}
                return Meaning(event_topic(self._wire, "session"), SCHEMA_NAMES["session"], content, overheard)

    def _heard(self, place: dict[str, Any], heard: Heard) -> Meaning:
        session = None if heard.session is None else heard.session.hex()
        frame = {**place, "seq": heard.seq, "session": session, "counter": heard.counter}
        message = type(heard.message)
        content = {**json_of(heard.message), "frame": frame}
        return Meaning(message_topic(self._wire, topic_name(message)), message_schema(message.__name__), content, heard)
