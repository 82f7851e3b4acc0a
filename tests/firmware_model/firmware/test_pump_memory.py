"""What the pump keeps without power: whenever the supply fails, nothing that was committed is lost."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_model.electronics.clock import PumpClock
from firmware_model.events import BootReason, EventKind
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import Calibration
from firmware_model.firmware.firmware import Firmware
from firmware_model.firmware.pump_memory import HISTORY_DTYPE, Counters, PumpMemory
from firmware_model.memory.nvram import PowerLost
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from protocols.channel import OpenChannel
from protocols.messages import Alarms, Identify, encode_message

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_FACTORY = Configuration.of(_PROFILE)
_OTHER = replace(_FACTORY, flow_high_permille=200)
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


def _pump() -> Pump:
    return Pump(
        _PROFILE,
        seed=1,
        serial_number="SN1",
        start_utc_ms=1_767_225_600_000,
        surroundings=Surroundings(37.0, 101.325, 12.4),
        passes_over=False,
    )


def _session(pump: Pump) -> Iterator[None]:
    """Two hours in which everything is written that there is to write, step by step."""
    pump.wake(_HOUR_MS - 1)
    yield
    pump.inject(_HOUR_MS - 1, "intrusion", 6.0)
    yield
    pump.command(_HOUR_MS - 1).acknowledge(_HOUR_MS - 1)
    yield
    pump.wake(_HOUR_MS + _MINUTE_MS)  # keeps an hour
    yield
    now_ms = _HOUR_MS + 2 * _MINUTE_MS
    pump.command(now_ms).configure(now_ms, _OTHER)
    yield
    pump.command(now_ms).begin_refill(now_ms)
    pump.command(now_ms).filled(now_ms, 1_000_000)
    pump.command(now_ms).complete_refill(now_ms)
    yield
    pump.command(now_ms).set_clock(now_ms, 1_800_000_000_000)
    pump.wake(2 * _HOUR_MS + _MINUTE_MS)
    yield


def _written() -> int:
    pump = _pump()
    before = pump.firmware.memory.nvram.bytes_written
    for _ in _session(pump):
        pass
    return pump.firmware.memory.nvram.bytes_written - before


_BYTES = _written()


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize("part", range(8))
def test_a_brown_out_at_any_write_loses_nothing(part: int) -> None:
    """Power fails at every 7th byte that is written: what was there is there, the rest is old or new, never torn."""
    assert _BYTES > 700
    for cut in range(part, _BYTES, 8 * 7):
        _cut_after(cut)


def _cut_after(cut: int) -> None:
    pump = _pump()
    nvram = pump.firmware.memory.nvram
    nvram.lose_power_after(cut)
    steps = _session(pump)
    boots = pump.firmware.counters.boots
    try:
        for _ in steps:
            if pump.firmware.counters.boots > boots:  # the firmware itself was cut while it took a sample
                break
    except PowerLost:
        pass
    found = PumpMemory(nvram.image)
    assert found.configuration() in (_FACTORY, _OTHER)
    assert found.counters().boots >= 1
    assert found.counters().refills in (0, 1)
    logged = [event.entry for event in pump.take_events() if event.entry.boot_count == boots]
    kept = [entry for entry in found.events(0, 1000) if entry.boot_count == boots]
    assert kept[: len(logged)] == logged[: len(kept)]
    assert len(kept) >= len(logged)
    assert [record.seq for record in found.hours(0, 100)] == list(range(found.next_hour))
    assert found.damage() <= 1


def test_after_a_torn_write_the_pump_starts_and_repairs() -> None:
    """Power fails in the middle of an hourly record: the pump is up again, the hour before is there, nothing alarms."""
    pump = _pump()
    pump.wake(2 * _HOUR_MS - 1)
    before = pump.status(2 * _HOUR_MS - 1).memory.hours(0, 10)
    pump.firmware.memory.nvram.lose_power_after(10)
    pump.wake(2 * _HOUR_MS + _MINUTE_MS)
    kinds = [event.entry.kind for event in pump.take_events()]
    assert kinds.count(EventKind.BOOTED) == 2
    assert EventKind.MEMORY_REPAIRED in kinds
    firmware = pump.status(3 * _HOUR_MS)
    assert firmware.memory.hours(0, 10)[: len(before)] == before
    assert Alarms.MEMORY_FAULT not in firmware.active


@pytest.mark.parametrize("cut", [0, 90, 180, 500])
def test_power_that_fails_again_during_a_start_is_no_fault_of_the_memory(cut: int) -> None:
    """A record was torn, and power fails while that is repaired or the start written down: the next start is clean."""
    memory = PumpMemory()
    memory.commit_configuration(_FACTORY)
    _start(memory, BootReason.POWER_ON)
    memory.nvram.lose_power_after(10)
    with pytest.raises(PowerLost):
        memory.keep_hours(np.zeros(1, dtype=HISTORY_DTYPE))
    memory = PumpMemory(memory.nvram.image)
    memory.nvram.lose_power_after(cut)
    with pytest.raises(PowerLost):
        _start(memory, BootReason.BROWN_OUT)
    again = PumpMemory(memory.nvram.image)
    assert again.damage() <= 1
    assert Alarms.MEMORY_FAULT not in _start(again, BootReason.BROWN_OUT).active


def _start(memory: PumpMemory, reason: BootReason) -> Firmware:
    clock = PumpClock(lambda _: 0, now_ms=0, utc_ms=1_767_225_600_000)
    return Firmware(
        Calibration(_PROFILE), memory, clock, factory=_FACTORY, now_ms=0, reason=reason, bellows_nl=lambda _: 0
    )


@pytest.mark.parametrize("how", ["telecommand", "fault", "reset"])
def test_power_fails_while_hours_that_were_passed_over_are_written(how: str) -> None:
    """Whatever has them written: the pump starts anew, and answers."""
    pump = Pump(
        _PROFILE,
        seed=1,
        serial_number="SN1",
        start_utc_ms=1_767_225_600_000,
        surroundings=Surroundings(37.0, 101.325, 12.4),
    )
    pump.wake(10 * _HOUR_MS)
    assert pump.firmware.hours_ahead
    pump.firmware.memory.nvram.lose_power_after(10)
    if how == "telecommand":
        assert pump.receive(10 * _HOUR_MS, OpenChannel().seal(encode_message(0, Identify()))) == b""
    else:
        pump.inject(10 * _HOUR_MS, *(("memory-bit-flip", 4e5) if how == "fault" else ("reset", 1.0)))
    assert pump.status(11 * _HOUR_MS).counters.boots == 2


def test_any_flipped_bit_is_found_within_the_hour() -> None:
    """A bit that turns over in the configuration is repaired from its copy, and the alarm says so."""
    for bit in range(0, 2000, 97):
        pump = _pump()
        pump.inject(_MINUTE_MS, "memory-bit-flip", float(bit))
        pump.wake(_HOUR_MS)
        kinds = [event.entry.kind for event in pump.take_events()]
        repaired = EventKind.MEMORY_REPAIRED in kinds
        assert repaired == (EventKind.ALARM_RAISED in kinds)
        assert pump.firmware.memory.configuration() == _FACTORY
        assert pump.firmware.memory.damage() == 0


def test_lost_hours_are_passed_over_for_those_behind() -> None:
    """A pump that still has records gives some, however many are damaged: an empty page would be the log's end."""
    pump = _pump()
    pump.wake(15 * _HOUR_MS)
    memory = pump.status(15 * _HOUR_MS).memory
    for lost in range(2, 12):
        memory._history.erase(lost)
    assert [hour.seq for hour in memory.hours(2, 9)] == list(range(12, memory.next_hour))
    assert [hour.seq for hour in memory.hours(0, 3)] == [0, 1, 12]


def test_both_copies_lost_is_a_safe_mode() -> None:
    """Without any configuration the factory's is used, in safe mode, with an alarm."""
    pump = _pump()
    size = len(_FACTORY.encode()) + 8
    pump.firmware.configure(_MINUTE_MS, _FACTORY)
    for copy in (0, 1):
        pump.inject(_MINUTE_MS, "memory-bit-flip", float(8 * (size * copy + 20)))
    pump.wake(_HOUR_MS)
    assert pump.firmware.mode.name == "SAFE"
    assert pump.firmware.memory.configuration() == _FACTORY


def test_the_codecs_are_inverse() -> None:
    """Configuration and counters come out of the memory as they went in; an erased memory holds neither."""
    memory = PumpMemory()
    assert memory.configuration() is None
    assert memory.counters() == Counters()
    counters = Counters(3, 2, 28_000_000, 400, 1, 9000, 0x20000, 0x20000, 7, 6, 5)
    memory.commit_configuration(_OTHER)
    memory.commit_counters(counters)
    again = PumpMemory(memory.nvram.image)
    assert again.configuration() == _OTHER
    assert again.counters() == counters
