"""The handshake's two frames, as they stand on the wire.

::

    programmer -> pump   01 01 | uid[8] | kid u32 | e[32] | AEAD(wake u64, max_frame u16)
    pump -> programmer   01 02 | e[32] | AEAD(boot u32, state_seq u32, log_head u32)
"""

import struct
from typing import NamedTuple

from protocols.errors import FrameError
from protocols.session.keys import SessionKey

__all__ = ["FIRST", "SECOND", "UID_BYTES", "Greeting", "Wake", "addressed_to", "first_frame", "prologue"]

FIRST, SECOND = b"\x01\x01", b"\x01\x02"
UID_BYTES = 8
_FIRST_HEADER = struct.Struct(f">2s{UID_BYTES}sI")
_WAKE = struct.Struct(">QH")
_GREETING = struct.Struct(">III")


class Wake(NamedTuple):
    """What the first message tells the pump."""

    wake: int
    """Rises with every handshake under one key."""
    max_frame: int
    """Bytes of the longest frame that the programmer takes."""

    def encode(self) -> bytes:
        """As it stands in the message."""
        return _WAKE.pack(*self)

    @classmethod
    def decode(cls, payload: bytes) -> "Wake":
        """What a payload says. Raises FrameError."""
        if len(payload) != _WAKE.size:
            raise FrameError(f"a first payload has {_WAKE.size} bytes, not {len(payload)}")
        return cls(*_WAKE.unpack(payload))


class Greeting(NamedTuple):
    """What the second message tells the programmer."""

    boot: int
    """Starts of the firmware since manufacture."""
    state_seq: int
    """Changes of the pump's state: for the next Commit."""
    log_head: int
    """Seq that the next event will have."""

    def encode(self) -> bytes:
        """As it stands in the message."""
        return _GREETING.pack(*self)

    @classmethod
    def decode(cls, payload: bytes) -> "Greeting":
        """What a payload says. Raises FrameError."""
        if len(payload) != _GREETING.size:
            raise FrameError(f"a second payload has {_GREETING.size} bytes, not {len(payload)}")
        return cls(*_GREETING.unpack(payload))


def prologue(uid: bytes, key: SessionKey) -> bytes:
    """What both ends must agree on beforehand: protocol, pump, key and role."""
    return b"PTL1" + uid + struct.pack(">IB", key.kid, key.role)


def first_frame(uid: bytes, kid: int, message: bytes) -> bytes:
    """The frame that carries a first message."""
    return _FIRST_HEADER.pack(FIRST, uid, kid) + message


def addressed_to(uid: bytes, frame: bytes) -> tuple[int, bytes]:
    """The kid and the message of a first frame. Raises FrameError if it is for another pump, or cut."""
    if len(frame) < _FIRST_HEADER.size:
        raise FrameError(f"{len(frame)} bytes are too few for a first frame")
    _, whom, kid = _FIRST_HEADER.unpack_from(frame)
    if whom != uid:
        raise FrameError("a first frame for another pump")
    return kid, frame[_FIRST_HEADER.size :]
