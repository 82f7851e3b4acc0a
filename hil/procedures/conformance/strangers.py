"""Whether a pump in the secure mode keeps out whoever holds no key, or the wrong one, and nobody else."""

from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest

from hil.bench import Bench
from hil.procedures.conformance.blame import blamed
from hil.pump.programmer import CommandNotApplied, Programmer, PumpFault
from hil.pump.pump_wire import PumpWire, wire_of
from protocols.framing import encode_frame
from protocols.messages import Identify, encode_message

__all__ = ["check_lockout", "check_reader"]


def check_reader(reader: Programmer, pump: Programmer) -> None:
    """Who holds a reader's key may read, and nothing else; trying ends its session, but locks nobody out."""
    reader.read_status()
    for _ in range(6):
        if _begins_refill(reader):
            for _ in range(2):  # the first may be meant for the state before the reader's command
                with suppress(CommandNotApplied):
                    pump.cancel_refill()
            pytest.fail("roles: BeginRefill was carried out for a reader")
    assert pump.read_status().mode is not None
    assert reader.identify().uid == pump.identify().uid, "roles: a reader whose session was ended is locked out"


def check_lockout(pump: Programmer, bench: Bench) -> None:
    """Junk and strangers get silence; who holds a key gets in afterwards, within a minute."""
    wire = PumpWire(bench.pump_link)
    uid = pump.identify().uid
    bench.sleep(minutes=1.1)
    for junk in _junk(uid):
        heard = wire.send(encode_frame(junk), 100)
        assert heard.is_silence, f"lockout: {heard} came after junk ({junk[:16].hex(' ')}...)"
    heard = wire.send(wire_of(encode_message(1, Identify())), wire.silence_ms())
    assert heard.is_silence, f"lockout: {heard} came after an open frame"
    begin_ms = bench.now_ms()
    with blamed("lockout"):
        pump.begin_refill()
        pump.cancel_refill()
    assert bench.now_ms() - begin_ms <= 60_000, f"lockout: it took {bench.now_ms() - begin_ms} ms to get in"


def _begins_refill(reader: Programmer) -> bool:
    try:
        reader.begin_refill()
    except (CommandNotApplied, PumpFault):
        return False
    return True


def _junk(uid: bytes) -> Iterator[bytes]:
    """First frames that no key made, for this pump and for another, and sealed frames of no session."""
    chance = Random(2)  # noqa: S311 - noise
    for number in range(200):
        body = bytes(chance.randrange(256) for _ in range(58))
        whom = uid if number % 2 else bytes(len(uid))
        yield b"\x01\x10" + body if number % 3 == 0 else b"\x01\x01" + whom + bytes([0, 0, 0, 1]) + body
