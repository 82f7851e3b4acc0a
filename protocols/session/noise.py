"""The handshake ``Noise_NNpsk0_25519_AESGCM_SHA256`` of the Noise Protocol Framework, revision 34; both ends.

::

    -> psk, e        first message: authenticated by the pre-shared key alone, with symmetric work only
    <- e, ee         second message: forward secrecy
"""

import hashlib
import hmac
from copy import copy
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.errors import FrameError
from protocols.messages import Secret

__all__ = ["PUBLIC_KEY_BYTES", "TAG_BYTES", "HandshakeFailed", "Initiator", "Recipient", "SessionKeys"]

_PROTOCOL_NAME = b"Noise_NNpsk0_25519_AESGCM_SHA256"
PUBLIC_KEY_BYTES = 32
TAG_BYTES = 16


class HandshakeFailed(FrameError):
    """The other end does not hold the key, or the message is not what it sent."""


@dataclass(frozen=True)
class SessionKeys:
    """What a handshake gives both ends. ``handshake_hash`` is public; its first bytes name the session."""

    to_pump: Secret
    from_pump: Secret
    handshake_hash: bytes


class _Symmetric:
    """Noise's symmetric state: everything said so far, and the keys that follow from it."""

    def __init__(self, prologue: bytes) -> None:
        self._hash = _PROTOCOL_NAME  # has the length of a hash
        self._chaining_key = _PROTOCOL_NAME
        self._key = b""
        self._nonce = 0
        self.mix_hash(prologue)

    @property
    def handshake_hash(self) -> bytes:
        return self._hash

    def mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, self._key = _hkdf(self._chaining_key, material, 2)
        self._nonce = 0

    def mix_key_and_hash(self, material: bytes) -> None:
        self._chaining_key, mixed, self._key = _hkdf(self._chaining_key, material, 3)
        self.mix_hash(mixed)
        self._nonce = 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        ciphertext = AESGCM(self._key).encrypt(_nonce(self._nonce), plaintext, self._hash)
        self._nonce += 1
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        try:
            plaintext = AESGCM(self._key).decrypt(_nonce(self._nonce), ciphertext, self._hash)
        except InvalidTag:
            raise HandshakeFailed("a handshake message whose tag does not fit") from None
        self._nonce += 1
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> SessionKeys:
        to_pump, from_pump = _hkdf(self._chaining_key, b"", 2)
        return SessionKeys(Secret(to_pump), Secret(from_pump), self._hash)


class Initiator:
    """The programmer's half."""

    def __init__(self, psk: Secret, prologue: bytes, ephemeral: Secret) -> None:
        """Begin a handshake; ``ephemeral`` is 32 random bytes, never used before."""
        self._state = _Symmetric(prologue)
        self._psk = psk
        self._private = X25519PrivateKey.from_private_bytes(bytes(ephemeral))

    def first(self, payload: bytes) -> bytes:
        """The first message, with a ``payload`` that only a holder of the key can read."""
        return _begin(self._state, self._psk, self._private.public_key().public_bytes_raw()) + (
            self._state.encrypt_and_hash(payload)
        )

    def second(self, message: bytes) -> tuple[bytes, SessionKeys]:
        """The payload of the second message, and the keys. Raises HandshakeFailed; then another may still fit."""
        public, ciphertext = _parted(message)
        state = copy(self._state)
        state.mix_hash(public)
        state.mix_key(public)
        state.mix_key(_agreed(self._private, public))
        return state.decrypt_and_hash(ciphertext), state.split()


class Recipient:
    """The pump's half."""

    def __init__(self, psk: Secret, prologue: bytes) -> None:
        """Wait for a first message under this key."""
        self._state = _Symmetric(prologue)
        self._psk = psk
        self._theirs = b""

    def first(self, message: bytes) -> bytes:
        """The payload of the first message: hashes and one decryption, no curve. Raises HandshakeFailed."""
        self._theirs, ciphertext = _parted(message)
        _begin(self._state, self._psk, self._theirs)
        return self._state.decrypt_and_hash(ciphertext)

    def second(self, payload: bytes, ephemeral: Secret) -> tuple[bytes, SessionKeys]:
        """The second message, and the keys; ``ephemeral`` is 32 random bytes. Raises HandshakeFailed."""
        private = X25519PrivateKey.from_private_bytes(bytes(ephemeral))
        public = private.public_key().public_bytes_raw()
        self._state.mix_hash(public)
        self._state.mix_key(public)
        self._state.mix_key(_agreed(private, self._theirs))
        return public + self._state.encrypt_and_hash(payload), self._state.split()


def _begin(state: _Symmetric, psk: Secret, public: bytes) -> bytes:
    """The tokens ``psk, e``: in a handshake with a pre-shared key a public key is mixed into the key, too."""
    state.mix_key_and_hash(bytes(psk))
    state.mix_hash(public)
    state.mix_key(public)
    return public


def _parted(message: bytes) -> tuple[bytes, bytes]:
    if len(message) < PUBLIC_KEY_BYTES + TAG_BYTES:
        raise HandshakeFailed(f"{len(message)} bytes are too few for a handshake message")
    return message[:PUBLIC_KEY_BYTES], message[PUBLIC_KEY_BYTES:]


def _agreed(private: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise HandshakeFailed("a public key of low order") from None


def _hkdf(chaining_key: bytes, material: bytes, outputs: int) -> list[bytes]:
    secret = hmac.digest(chaining_key, material, "sha256")
    derived = [b""]
    for number in range(1, outputs + 1):
        derived.append(hmac.digest(secret, derived[-1] + bytes([number]), "sha256"))
    return derived[1:]


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "big")
