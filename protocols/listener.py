"""Who listens to a pump's wire without a part in it: bytes of both directions in, what they mean out.

::

    bytes ── frames ──┬── open ───────────────────────────> Heard
                      ├── sealed, keys known ── unseal ───> Heard
                      ├── sealed, keys not known ─────────> Sealed
                      ├── handshake ──────────────────────> Greeted
                      └── anything else ──────────────────> Refused
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

from protocols.channel import OpenChannel, UnexpectedFrame
from protocols.errors import ProtocolError
from protocols.framing import FrameDecoder, Rejected
from protocols.messages import Message, decode_message
from protocols.session.handshake import FIRST, SECOND, UID_BYTES
from protocols.session.noise import SessionKeys
from protocols.session.records import SEALED, SID_BYTES, FrameOpener, sealed_header

__all__ = ["MAX_SESSIONS", "Greeted", "Heard", "Listener", "Overheard", "Place", "Refused", "Sealed", "WireDirection"]

WireDirection = Literal["tx", "rx"]
"""To the pump, from the pump."""

_FIRST_HEAD: Final = struct.Struct(f">2s{UID_BYTES}sI")
MAX_SESSIONS: Final = 8
"""So many are remembered: a listener for months must not grow. A pump has one, and one that may follow."""


@dataclass(frozen=True)
class Place:
    """Where an encoded frame stands in the stream of its direction; its length is without the zero behind it."""

    direction: WireDirection
    offset: int
    length: int


@dataclass(frozen=True)
class Heard:
    """A message; ``session`` and ``counter`` if it was sealed."""

    place: Place
    seq: int
    message: Message
    session: bytes | None = None
    counter: int | None = None


@dataclass(frozen=True)
class Sealed:
    """A sealed frame of a session whose keys are not known."""

    place: Place
    session: bytes
    counter: int
    payload_bytes: int


@dataclass(frozen=True)
class Greeted:
    """A handshake's frame: the first names pump and key; the second, with the keys known, the session."""

    place: Place
    kind: Literal["wake", "greeting"]
    uid: bytes | None = None
    kid: int | None = None


@dataclass(frozen=True)
class Refused:
    """Bytes that are no message, and why."""

    place: Place
    reason: ProtocolError


Overheard = Heard | Sealed | Greeted | Refused


class Listener:
    """Both directions of one pump's wire. Takes any bytes in any pieces, and raises nothing for them."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        """Begin at offset 0 of both directions; older sessions than ``max_sessions`` are forgotten."""
        self._max_sessions = max_sessions
        self._streams: dict[WireDirection, FrameDecoder] = {"tx": FrameDecoder(), "rx": FrameDecoder()}
        self._offsets: dict[WireDirection, int] = {"tx": 0, "rx": 0}
        self._openers: dict[bytes, dict[WireDirection, FrameOpener]] = {}

    def learn(self, keys: SessionKeys) -> bytes:
        """Unseal what comes under these keys; gives the id of their session."""
        session = keys.handshake_hash[:SID_BYTES]
        if session not in self._openers:
            self._openers[session] = {
                "tx": FrameOpener(keys.to_pump, session),
                "rx": FrameOpener(keys.from_pump, session),
            }
            while len(self._openers) > self._max_sessions:
                self._openers.pop(next(iter(self._openers)))
        return session

    def heard_bytes(self, direction: WireDirection) -> int:
        """How many bytes were fed of one direction."""
        return self._offsets[direction]

    def pending(self, direction: WireDirection) -> int:
        """Bytes since the last zero of one direction."""
        return self._streams[direction].pending

    def feed(self, direction: WireDirection, data: bytes) -> list[Overheard]:
        """What ``data`` completes, in order."""
        heard: list[Overheard] = []
        decoder = self._streams[direction]
        for piece in _pieces(data):
            begin = self._offsets[direction] - decoder.pending
            self._offsets[direction] += len(piece)
            for result in decoder.feed(piece):
                length = self._offsets[direction] - begin - 1
                heard.append(self._meaning(Place(direction, begin, length), result))
        return heard

    def _meaning(self, place: Place, result: bytes | Rejected) -> Overheard:
        if isinstance(result, Rejected):
            return Refused(place, result.reason)
        try:
            return self._frame(place, result)
        except ProtocolError as reason:
            return Refused(place, reason)

    def _frame(self, place: Place, frame: bytes) -> Overheard:
        kind = frame[: len(SEALED)]
        if kind == OpenChannel.HEADER:
            return Heard(place, *decode_message(frame[len(OpenChannel.HEADER) :]))
        if kind == SEALED:
            return self._sealed(place, frame)
        if kind == FIRST and len(frame) >= _FIRST_HEAD.size and place.direction == "tx":
            _, uid, kid = _FIRST_HEAD.unpack_from(frame)
            return Greeted(place, "wake", uid, kid)
        if kind == SECOND and place.direction == "rx":
            return Greeted(place, "greeting")
        raise UnexpectedFrame(f"frame begins {kind.hex(' ')}, which is none of version 1 in this direction")

    def _sealed(self, place: Place, frame: bytes) -> Overheard:
        session, counter, payload_bytes = sealed_header(frame)
        openers = self._openers.get(session)
        if openers is None:
            return Sealed(place, session, counter, payload_bytes)
        payload = openers[place.direction].open(frame)
        return Heard(place, *decode_message(payload), session=session, counter=counter)


def _pieces(data: bytes) -> list[bytes]:
    """``data`` cut behind each zero: each piece completes one frame at most."""
    pieces = [piece + b"\0" for piece in data.split(b"\0")]
    pieces[-1] = pieces[-1][:-1]
    return [piece for piece in pieces if piece]
