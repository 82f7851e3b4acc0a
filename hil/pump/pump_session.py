"""How a bench talks to its pump: in the open, or in secure sessions; and under which key."""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import shake_256
from itertools import count
from pathlib import Path
from typing import Literal

from hil.errors import UsageError
from hil.pump.programmer_memory import FileMemory, ProgrammerMemory
from protocols.channel import Channel, OpenChannel
from protocols.messages import KEY_BYTES, Role, Secret
from protocols.session.handshake import UID_BYTES
from protocols.session.keys import SessionKey, insecure_test_key, simulated_uid
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["PumpSession", "SessionMode", "check_simulated_key", "open_session", "read_key", "said_of", "test_keys"]

SessionMode = Literal["open", "insecure-test-key", "key-file"]

_SAID = {
    "open": "open: not authenticated, not encrypted",
    "insecure-test-key": "secure, under an insecure test key that follows from the seed",
    "key-file": "secure, under a provisioned key",
}
_PROGRAMMER_KID, _READER_KID = 1, 2


@dataclass(frozen=True)
class PumpSession:
    """A channel to one pump, and what its programmer must not forget; ``reader`` is one under a reader's key."""

    channel: Channel
    memory: ProgrammerMemory
    reader: ProgrammerChannel | None = None


def said_of(mode: SessionMode) -> str:
    """What recordings and reports say of a link."""
    return _SAID[mode]


def test_keys(seed: int) -> tuple[SessionKey, SessionKey]:
    """A programmer's and a reader's key of a simulated pump."""
    return (
        insecure_test_key(seed, _PROGRAMMER_KID, Role.PROGRAMMER),
        insecure_test_key(seed, _READER_KID, Role.READER),
    )


def check_simulated_key(mode: SessionMode, key_file: Path | None, seed: int) -> None:
    """Raise UsageError if a simulated pump with ``seed`` would not know the key of ``key_file``: it never answered."""
    if mode != "key-file" or key_file is None:
        return
    uid, key = read_key(key_file)
    if uid != simulated_uid(seed) or key not in test_keys(seed):
        raise UsageError(
            f"{key_file}: is no key of the simulated pump, which has the two test keys that follow from its seed, "
            f'{seed}, and no other; let session = "insecure-test-key" say so, or run a pump that has this key'
        )


def open_session(mode: SessionMode, key_file: Path | None, seed: int, start_utc_ms: int) -> PumpSession:
    """What the bench file asks for. Raises UsageError for a key file that cannot be read."""
    if mode == "open":
        return PumpSession(OpenChannel(), ProgrammerMemory(first=start_utc_ms))
    if mode == "insecure-test-key":
        memory = ProgrammerMemory(first=start_utc_ms)
        programmer, reader = test_keys(seed)
        uid = simulated_uid(seed)
        return PumpSession(
            ProgrammerChannel(uid, programmer, memory.next_wake, _from_seed(f"programmer {seed}")),
            memory,
            ProgrammerChannel(uid, reader, memory.next_wake, _from_seed(f"reader {seed}")),
        )
    if key_file is None:
        raise UsageError('pump.key_file: session = "key-file" needs one')
    uid, key = read_key(key_file)
    memory = FileMemory(key_file.with_suffix(".memory.json"))
    return PumpSession(ProgrammerChannel(uid, key, lambda: memory.next_wake(start_utc_ms), os.urandom), memory)


def read_key(path: Path) -> tuple[bytes, SessionKey]:
    """The pump's uid and the key in a file of ``uid``, ``kid``, ``role`` and ``psk``; no error repeats the key.

    Raises UsageError.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read as a key file: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise UsageError(f"{path}: cannot be read as a key file: it is no TOML") from None
    try:
        uid, psk = bytes.fromhex(table["uid"]), bytes.fromhex(table["psk"])
        key = SessionKey(int(table["kid"]), Role[str(table["role"]).upper()], Secret(psk))
    except (KeyError, ValueError, TypeError):
        raise UsageError(
            f"{path}: needs uid and psk (hexadecimal), kid (a number) and role (reader, programmer)"
        ) from None
    if len(uid) != UID_BYTES or len(psk) != KEY_BYTES:
        raise UsageError(f"{path}: uid has {UID_BYTES} bytes and psk {KEY_BYTES}, not {len(uid)} and {len(psk)}")
    return uid, key


def _from_seed(text: str) -> Callable[[int], bytes]:
    """Bytes that a replay finds again."""
    numbers = count()
    return lambda size: shake_256(f"pumprig insecure random {text} {next(numbers)}".encode()).digest(size)
