"""Sealed frames: ``01 10 sid[4] ctr u32 len u16 | ciphertext | tag[16]``, in one direction.

Counters rise from 0; a frame that is sent again gets a new one. A receiver takes each counter once, and none that is
more than 63 behind the newest; it moves on only after the tag was found right.
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.errors import FrameError
from protocols.framing import MAX_FRAME_BYTES
from protocols.messages import Secret
from protocols.session.noise import TAG_BYTES

__all__ = [
    "MAX_FRAMES",
    "MAX_SEALED_PAYLOAD_BYTES",
    "SEALED",
    "SID_BYTES",
    "FrameOpener",
    "FrameSealer",
    "SealedFrameError",
    "sealed_header",
]

SEALED = b"\x01\x10"
SID_BYTES = 4
MAX_FRAMES = 1 << 20
"""In one direction of one session."""
_HEADER = struct.Struct(">2s4sIH")
_WINDOW = 64
MAX_SEALED_PAYLOAD_BYTES = MAX_FRAME_BYTES - _HEADER.size - TAG_BYTES


class SealedFrameError(FrameError):
    """A frame that is not of this session, was altered, or came before."""


def sealed_header(frame: bytes) -> tuple[bytes, int, int]:
    """Session, counter, and length of the payload. Raises SealedFrameError for what no sender could have sealed."""
    if len(frame) < _HEADER.size + TAG_BYTES:
        raise SealedFrameError(f"{len(frame)} bytes are too few for a sealed frame")
    kind, sid, counter, length = _HEADER.unpack_from(frame)
    if kind != SEALED or len(frame) != _HEADER.size + length + TAG_BYTES or counter >= MAX_FRAMES:
        raise SealedFrameError("a sealed frame whose header does not fit")
    return sid, counter, length


class FrameSealer:
    """Payloads to frames."""

    def __init__(self, key: Secret, sid: bytes) -> None:
        """Seal under one direction's key."""
        self._cipher = AESGCM(bytes(key))
        self._sid = sid
        self.next_counter = 0

    @property
    def is_spent(self) -> bool:
        """Whether the session has had all its frames in this direction."""
        return self.next_counter >= MAX_FRAMES

    def seal(self, payload: bytes) -> bytes:
        """The next frame. Raises ValueError if the payload is too long, or the session has had all its frames."""
        if len(payload) > MAX_SEALED_PAYLOAD_BYTES:
            raise ValueError(f"a sealed payload has at most {MAX_SEALED_PAYLOAD_BYTES} bytes, not {len(payload)}")
        if self.is_spent:
            raise ValueError(f"a session has at most {MAX_FRAMES} frames")
        header = _HEADER.pack(SEALED, self._sid, self.next_counter, len(payload))
        sealed = self._cipher.encrypt(_nonce(self.next_counter), payload, header)
        self.next_counter += 1
        return header + sealed


class FrameOpener:
    """Frames to payloads, each once."""

    def __init__(self, key: Secret, sid: bytes) -> None:
        """Open under one direction's key."""
        self._cipher = AESGCM(bytes(key))
        self._sid = sid
        self.newest = -1
        self._seen = 0
        """Bit n: the counter ``newest - n`` was taken."""

    def open(self, frame: bytes) -> bytes:
        """The payload. Raises SealedFrameError, with no effect."""
        sid, counter, _ = sealed_header(frame)
        if sid != self._sid:
            raise SealedFrameError("not a sealed frame of this session")
        behind = self.newest - counter
        if behind >= 0 and (behind >= _WINDOW or self._seen >> behind & 1):
            raise SealedFrameError(f"frame {counter} came before, or is too old")
        try:
            payload = self._cipher.decrypt(_nonce(counter), frame[_HEADER.size :], frame[: _HEADER.size])
        except InvalidTag:
            raise SealedFrameError("a sealed frame whose tag does not fit") from None
        if behind < 0:
            self._seen = (self._seen << -behind | 1) & ((1 << _WINDOW) - 1) if -behind < _WINDOW else 1
            self.newest = counter
        else:
            self._seen |= 1 << behind
        return payload


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "big")
