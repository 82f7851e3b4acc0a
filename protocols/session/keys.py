"""Keys: one for each pump, programmer and role, random, and never derived from what anybody can read off a pump."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from protocols.messages import KEY_BYTES, Role, Secret

__all__ = ["KeyStore", "SessionKey", "insecure_test_key", "simulated_uid"]


@dataclass(frozen=True)
class SessionKey:
    """One slot of a pump, or one key of a programmer."""

    kid: int
    role: Role
    psk: Secret
    last_wake: int = 0
    """The highest wake number that was accepted under this key: no handshake is taken twice."""
    enabled: bool = True


class KeyStore(Protocol):
    """Where a pump keeps its keys."""

    def key(self, kid: int) -> SessionKey | None:
        """The key of that number, enabled or not; None if there is none."""

    def note_wake(self, kid: int, wake: int) -> None:
        """Keep, without power too, that this wake number was used."""


def insecure_test_key(seed: int, kid: int, role: Role) -> SessionKey:
    """A key for simulated pumps that anybody can work out from the seed. Recordings say that it was used."""
    psk = hashlib.sha256(f"pumprig insecure test key {seed} {kid} {int(role)}".encode()).digest()
    return SessionKey(kid, role, Secret(psk[:KEY_BYTES]))


def simulated_uid(seed: int) -> bytes:
    """Eight bytes that tell one simulated pump from another, and give nothing of its serial number away."""
    return hashlib.blake2b(f"pumprig uid {seed}".encode(), digest_size=8).digest()
