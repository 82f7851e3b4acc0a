"""What a recording tells of its pumps, as tables, in bounded memory: from the bytes themselves, decoded anew.

What bytes cannot tell comes from the recording's JSON: what is missing, remarks, alarms of the recorder, and messages
of sessions whose keys are not in the recording.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hil.errors import RecordingError
from hil.export.kinds import EVENTS, Kind, kind_named, kinds, message_kind
from hil.export.pieces import PIECE_BYTES, Piece, Said, Side, Wanted, pieces, pump_wires
from hil.export.selection import Selection
from hil.export.tables import Encoded, Table, from_columns, from_objects, merged
from hil.export.wire import Columns, Single, WireDecoder
from hil.recording.layout import KEYS_PREFIX, Topic
from hil.recording.stream import RecordingStream
from protocols.json_form import json_of
from protocols.listener import Greeted, Heard, Refused, Sealed
from protocols.messages import Secret, encode_message
from protocols.session.noise import SessionKeys

__all__ = ["Telemetry"]

_FROM_BYTES: Final = frozenset({"rejected", "session", "sealed"})
_SHOWN_BYTES: Final = 64


class Telemetry:
    """One recording, open for reading."""

    def __init__(self, stream: RecordingStream) -> None:
        """Use ``open`` instead."""
        self.stream = stream
        self.topics = stream.channels()
        self._wires = pump_wires(self.topics)
        self._keys = {
            keys.handshake_hash[:4].hex(): keys
            for name, data in stream.attachments().items()
            if name.startswith(KEYS_PREFIX)
            for keys in [_session_keys(stream.path, name, data)]
        }

    @classmethod
    def open(cls, path: Path) -> Self:
        """The recording in the file ``path``. Raises RecordingError."""
        stream = RecordingStream.open(path)
        try:
            return cls(stream)
        except BaseException:
            stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stream.close()

    def tables(
        self, selection: Selection, *, piece_bytes: int = PIECE_BYTES, with_encoded: bool = False
    ) -> Iterator[list[Table]]:
        """All that is wanted, piece by piece; each piece comes whole before the next, with a table for each kind.

        Everything before damage is given before RecordingError says where it is.
        """
        wanted = Wanted(self.topics, self._wanted_topics(selection))
        decoders = {side: WireDecoder(side, self._keys.values()) for side in wanted.sides}
        found = pieces(self.stream, wanted, from_ms=selection.from_ms, to_ms=selection.to_ms, piece_bytes=piece_bytes)
        knows_offsets = selection.from_ms is None or not self.stream.chunks
        for piece in found:
            making = _Making(self, selection, with_encoded=with_encoded, knows_offsets=knows_offsets)
            making.add(piece, decoders)
            yield making.tables()

    def knows(self, session: str | None) -> bool:
        """Whether the recording holds the keys of that session."""
        return session in self._keys

    def _wanted_topics(self, selection: Selection) -> set[str]:
        """Topics whose JSON is wanted: events that bytes cannot tell, and messages of wires with sessions."""
        sealed = {topic.wire for topic in map(Topic.parse, self.topics.values()) if topic.name in {"session", "sealed"}}
        found = set()
        for text in self.topics.values():
            topic = Topic.parse(text)
            kind = _kind_of(topic)
            is_told = topic.kind != "message" or topic.wire in sealed
            if kind is not None and kind.name not in _FROM_BYTES and is_told and selection.takes(kind):
                found.add(text)
        return found


class _Making:
    """The tables of one piece."""

    def __init__(self, telemetry: Telemetry, selection: Selection, *, with_encoded: bool, knows_offsets: bool) -> None:
        self._telemetry = telemetry
        self._start_utc_ms = telemetry.stream.start_utc_ms
        self._selection = selection
        self._with_encoded = with_encoded
        self._knows_offsets = knows_offsets
        self._objects: dict[str, list[tuple[int, Mapping[str, Any], Encoded]]] = {}
        self._tables: dict[str, list[Table]] = {}

    def add(self, piece: Piece, decoders: Mapping[Side, WireDecoder]) -> None:
        for side, stream in piece.streams.items():
            for found in decoders[side].feed(stream):
                if isinstance(found, Columns):
                    self._columns(found)
                elif self._selection.takes_time(found.time_ms):
                    self._single(found)
        for said in piece.said:
            if self._selection.takes_time(said.time_ms):
                self._said(said)

    def tables(self) -> list[Table]:
        for name, rows in self._objects.items():
            rows.sort(key=lambda row: row[0])
            order, objects, encoded = zip(*rows, strict=True)
            table = from_objects(kind_named(name), objects, order, self._start_utc_ms)
            if self._with_encoded:
                table = Table(table.kind, table.rows, table.order, encoded)
            self._keep(table)
        return [merged(tables) for tables in self._tables.values()]

    def _keep(self, table: Table) -> None:
        selected = self._selection.of(table)
        if selected.rows.num_rows:
            self._tables.setdefault(table.kind.name, []).append(selected)

    def _columns(self, found: Columns) -> None:
        kind = message_kind(found.rows.message)
        if not self._selection.takes(kind):
            return
        table = from_columns(kind, found, self._start_utc_ms)
        if self._with_encoded:
            places = zip(found.rows.offset.tolist(), found.rows.length.tolist(), strict=True)
            encoded = [Encoded(found.window.encoded(offset, length)) for offset, length in places]
            table = Table(kind, table.rows, table.order, encoded)
        self._keep(table)

    def _single(self, single: Single) -> None:
        overheard, place, payload = single.overheard, single.overheard.place, b""
        where = {"offset": place.offset if self._knows_offsets else None, "length": place.length}
        match overheard:
            case Heard():
                name = message_kind(type(overheard.message)).name
                session = None if overheard.session is None else overheard.session.hex()
                content = {**json_of(overheard.message), "seq": overheard.seq}
                content |= {"session": session, "counter": overheard.counter}
                if session is not None and self._with_encoded:
                    payload = encode_message(overheard.seq, overheard.message)
            case Refused():
                name = "rejected"
                shown = single.encoded[: min(_SHOWN_BYTES, place.length)].hex()
                content = {**where, "reason": type(overheard.reason).__name__, "detail": str(overheard.reason)}
                content |= {"bytes": shown}
            case Sealed():
                name = "sealed"
                content = {**where, "session": overheard.session.hex(), "counter": overheard.counter}
                content |= {"payload_bytes": overheard.payload_bytes}
            case Greeted():
                name = "session"
                uid = None if overheard.uid is None else overheard.uid.hex()
                content = {**where, "kind": overheard.kind, "uid": uid, "kid": overheard.kid, "session": None}
        content |= {"time_ms": single.time_ms, "wire": single.side.wire, "direction": single.side.direction}
        self._object(name, single.order, content, Encoded(single.encoded, payload))

    def _said(self, said: Said) -> None:
        try:
            content = json.loads(said.data)
            if said.topic.kind == "message":
                frame = content["frame"]
                if frame["session"] is None or self._telemetry.knows(frame["session"]):
                    return  # its bytes tell it
                content |= {name: frame[name] for name in ("time_ms", "direction", "seq", "session", "counter")}
            kind = _kind_of(said.topic)
            if kind is None:
                return
            if said.topic.wire:
                content["wire"] = said.topic.wire
            self._object(kind.name, said.order, content, Encoded(b""))
        except (KeyError, TypeError, ValueError) as error:
            path = self._telemetry.stream.path
            raise RecordingError(f"{path}: damaged at byte {said.at}: {said.topic.name}: {error}") from error

    def _object(self, name: str, order: int, content: Mapping[str, Any], encoded: Encoded) -> None:
        if self._selection.takes(kind_named(name)):
            self._objects.setdefault(name, []).append((order, content, encoded))


def _kind_of(topic: Topic) -> Kind | None:
    """The kind of what is said on a topic; None of bytes, and of messages that this version does not have."""
    if topic.kind == "bytes":
        return None
    if topic.kind == "message":
        return kinds().get(topic.name)
    return next(kind for kind in EVENTS if kind.name == (topic.name or topic.kind))


def _session_keys(path: Path, name: str, data: bytes) -> SessionKeys:
    try:
        kept = json.loads(data)
        to_pump, from_pump, handshake = (
            bytes.fromhex(kept[each]) for each in ("to_pump", "from_pump", "handshake_hash")
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: attachment {name} holds no keys of a session: {error}") from error
    return SessionKeys(Secret(to_pump), Secret(from_pump), handshake)
