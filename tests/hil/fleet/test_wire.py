"""Pumps on a bad wire: the programmer ends up with what the pump remembers, or it is told."""

from pathlib import Path
from typing import Any

import pytest

from firmware_model.events import EventKind
from firmware_model.firmware.pump_memory import PumpMemory
from firmware_model.fleet.life import pump_life
from firmware_model.fleet.run import run_life
from firmware_model.pump import Pump
from hil.fleet.faulty_wire import FaultyWire
from hil.fleet.wire import WireCheck
from tests.firmware_model.fleet.populations import eventful


def checked(tmp_path: Path, pump: int, badness: float, make_pump: Any = Pump) -> WireCheck:
    """One pump of ten days, read over a wire."""
    loaded = eventful(tmp_path)
    life = pump_life(loaded, 1, pump, 10.0)
    check = WireCheck(life.seed, badness)
    result = run_life(loaded, life, loaded.population.variant[0], make_pump=make_pump, at_end=check.check)
    assert result.problem is None
    return check


def test_pumps_are_read_whole_over_a_bad_wire(tmp_path: Path) -> None:
    """With accidents by the dozen, event log, hours and the clock are as the pump has them."""
    checks = [checked(tmp_path, pump, 0.08) for pump in range(4)]
    assert [check.outcome for check in checks] == ["same"] * 4
    assert sum(check.accidents for check in checks) > 20


def test_nothing_comes_over_a_cut_wire(tmp_path: Path) -> None:
    """Where nothing comes through, that is the outcome, and no pass."""
    assert "no answer" in checked(tmp_path, 1, 1.0).outcome


class Forgetful(Pump):
    """A pump whose memory, when somebody looks into it, is another one than what it tells."""

    def memory_image(self, now_ms: int) -> bytes:
        """One event more than it told."""
        memory = PumpMemory(super().memory_image(now_ms))
        memory.log(memory.events(0, memory.next_event)[-1]._replace(kind=EventKind.BOOTED))
        return memory.nvram.image


def test_a_difference_is_told(tmp_path: Path) -> None:
    """What the programmer never got is no pass, however good the wire."""
    assert checked(tmp_path, 1, 0.0, Forgetful).outcome != "same"


class Echo:
    """A device that answers each frame with itself."""

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """The same."""
        del now_ms
        return data

    def next_emit_ms(self) -> int | None:
        """Never."""
        return None

    def emit(self, now_ms: int) -> bytes:
        """Nothing."""
        del now_ms
        return b""


@pytest.mark.parametrize("badness", [0.0, 0.1])
def test_a_wire_loses_doubles_damages_and_reorders(badness: float) -> None:
    """On a good one all frames come back in order; on a bad one every kind of accident happens to some."""
    wire = FaultyWire(Echo(), seed=1, badness=badness)
    sent = [bytes([1 + number % 250, 1 + number // 250]) for number in range(600)]
    came: list[bytes] = []
    for now_ms, frame in enumerate(sent):
        came += wire.receive(now_ms, frame + b"\x00").split(b"\x00")[:-1]
        came += wire.emit(now_ms).split(b"\x00")[:-1]
    came += wire.emit(10_000_000).split(b"\x00")[:-1]
    if not badness:
        assert came == sent
        return
    whole = [frame for frame in came if frame in set(sent)]
    assert len(set(whole)) < len(sent)
    assert len(whole) > len(set(whole))
    assert len(whole) < len(came)
    assert [sent.index(frame) for frame in whole] != sorted(sent.index(frame) for frame in whole)
