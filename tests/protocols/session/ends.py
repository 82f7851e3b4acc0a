"""Both ends of a secure link, for tests: a key store in memory, and random bytes from a seed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from protocols.messages import Role
from protocols.session.handshake import Greeting
from protocols.session.keys import SessionKey, insecure_test_key
from protocols.session.programmer_channel import ProgrammerChannel
from protocols.session.pump_channel import PumpChannel

UID = bytes.fromhex("a0b1c2d3e4f50617")


class Keys:
    """A pump's keys, and what was noted of them."""

    def __init__(self, *keys: SessionKey) -> None:
        self.slots = {key.kid: key for key in keys}

    def key(self, kid: int) -> SessionKey | None:
        """The key of that number."""
        return self.slots.get(kid)

    def note_wake(self, kid: int, wake: int) -> None:
        """Keep that it was used."""
        self.slots[kid] = replace(self.slots[kid], last_wake=wake)


def random_bytes(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random, and never repeat."""
    numbers = count()
    return lambda size: hashlib.shake_256(f"{seed} {next(numbers)}".encode()).digest(size)


def pump_end(*keys: SessionKey, seed: str = "pump") -> PumpChannel:
    """A pump that holds these keys."""
    return PumpChannel(UID, Keys(*keys), lambda: Greeting(3, 42, 9000), random_bytes(seed))


def programmer_end(key: SessionKey, seed: str = "programmer", first_wake: int = 1) -> ProgrammerChannel:
    """A programmer that holds this key."""
    wakes = count(first_wake)
    return ProgrammerChannel(UID, key, lambda: next(wakes), random_bytes(seed))


def in_session(
    role: Role = Role.PROGRAMMER, *, name: str = "", now_ms: int = 0
) -> tuple[ProgrammerChannel, PumpChannel]:
    """Two ends whose session is open and confirmed."""
    key = insecure_test_key(0, 7, role)
    programmer, pump = programmer_end(key, "programmer" + name), pump_end(key, seed="pump" + name)
    shake_hands(programmer, pump, now_ms)
    return programmer, pump


def shake_hands(programmer: ProgrammerChannel, pump: PumpChannel, now_ms: int = 0) -> None:
    """Have them begin a session."""
    assert pump.open(programmer.wake(), now_ms) is None
    reply = pump.take_reply()
    assert reply is not None
    assert programmer.open(reply, now_ms) is None
    assert pump.open(programmer.seal(b"confirm", now_ms), now_ms) == b"confirm"
