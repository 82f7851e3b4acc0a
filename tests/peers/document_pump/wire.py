"""Frames, and the pump's end of a secure session: sections 1, 5 and 6 of the reference, and the Noise specification."""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Session", "Untrue", "answered", "first_payload", "framed", "unframed"]

_TAG_BYTES = 16
_WINDOW = 64


class Untrue(Exception):
    """Bytes that are no frame, or not from who holds the key."""


def _crc(data: bytes) -> bytes:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return (value ^ 0xFFFFFFFF).to_bytes(4, "big")


def framed(frame: bytes) -> bytes:
    """A frame as it goes on the wire."""
    whole = frame + _crc(frame)
    out, runs = bytearray(), whole.split(b"\0")
    for number, run in enumerate(runs):
        pieces = [run[at : at + 254] for at in range(0, len(run), 254)] or [b""]
        if len(pieces[-1]) == 254 and number < len(runs) - 1:  # the zero behind it needs a count of its own
            pieces.append(b"")
        for piece in pieces:
            out += bytes([len(piece) + 1]) + piece
    return bytes(out) + b"\0"


def unframed(piece: bytes) -> bytes:
    """The frame between two zeros. Raises Untrue."""
    if len(piece) > 519:
        raise Untrue("too long")
    out, at = bytearray(), 0
    while at < len(piece):
        count = piece[at]
        if at + count > len(piece):
            raise Untrue("a count points past the end")
        out += piece[at + 1 : at + count]
        at += count
        if count < 255 and at < len(piece):
            out.append(0)
    if not 5 <= len(out) <= 516 or _crc(bytes(out[:-4])) != out[-4:]:
        raise Untrue("no frame")
    return bytes(out[:-4])


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _hkdf(chaining: bytes, material: bytes, count: int) -> list[bytes]:
    key, out = _mac(chaining, material), [b""]
    for number in range(1, count + 1):
        out.append(_mac(key, out[-1] + bytes([number])))
    return out[1:]


def _nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "big")


class _Symmetric:
    """The SymmetricState of the Noise specification, section 5.2."""

    def __init__(self, prologue: bytes) -> None:
        self.hash = self.chaining = b"Noise_NNpsk0_25519_AESGCM_SHA256"
        self.key, self.number = b"", 0
        self.mix(prologue)

    def mix(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        (self.chaining, self.key), self.number = _hkdf(self.chaining, material, 2), 0

    def mix_psk(self, psk: bytes) -> None:
        self.chaining, middle, self.key = _hkdf(self.chaining, psk, 3)
        self.mix(middle)
        self.number = 0

    def seal(self, data: bytes) -> bytes:
        out = AESGCM(self.key).encrypt(_nonce(self.number), data, self.hash)
        self.number += 1
        self.mix(out)
        return out

    def open(self, data: bytes) -> bytes:
        try:
            out = AESGCM(self.key).decrypt(_nonce(self.number), data, self.hash)
        except InvalidTag:
            raise Untrue("tag") from None
        self.number += 1
        self.mix(data)
        return out


def first_payload(prologue: bytes, psk: bytes, message: bytes) -> tuple[_Symmetric, bytes]:
    """What stands in the first message's ``e | AEAD``. Raises Untrue."""
    state = _Symmetric(prologue)
    state.mix_psk(psk)
    state.mix(message[:32])
    state.mix_key(message[:32])
    return state, state.open(message[32:])


def answered(state: _Symmetric, theirs: bytes, payload: bytes, secret: bytes) -> tuple[bytes, "Session"]:
    """The second message's ``e | AEAD``, and the session that it begins."""
    own = X25519PrivateKey.from_private_bytes(secret)
    public = own.public_key().public_bytes_raw()
    state.mix(public)
    state.mix_key(public)
    state.mix_key(own.exchange(X25519PublicKey.from_public_bytes(theirs)))
    message = public + state.seal(payload)
    to_pump, from_pump = _hkdf(state.chaining, b"", 2)
    return message, Session(state.hash[:4], to_pump, from_pump)


class Session:
    """Sealed frames, as the pump opens and makes them."""

    def __init__(self, sid: bytes, to_pump: bytes, from_pump: bytes) -> None:
        self.sid = sid
        self._to_pump, self._from_pump = AESGCM(to_pump), AESGCM(from_pump)
        self._sent = 0
        self._newest, self._taken = -1, set[int]()

    def seal(self, payload: bytes) -> bytes:
        """The frame that carries ``payload``."""
        head = b"\1\x10" + self.sid + struct.pack(">IH", self._sent, len(payload))
        self._sent += 1
        return head + self._from_pump.encrypt(_nonce(self._sent - 1), payload, head)

    def open(self, frame: bytes) -> bytes:
        """The payload of a frame that was not taken before. Raises Untrue."""
        head, sealed = frame[:12], frame[12:]
        number, length = struct.unpack(">IH", head[6:])
        if length > 484 or len(sealed) != length + _TAG_BYTES:
            raise Untrue("length")
        if number in self._taken or number <= self._newest - _WINDOW:
            raise Untrue("old")
        try:
            payload = self._to_pump.decrypt(_nonce(number), sealed, head)
        except InvalidTag:
            raise Untrue("tag") from None
        self._newest = max(self._newest, number)
        self._taken.add(number)
        return payload
