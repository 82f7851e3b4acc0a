"""Alarms against what was measured: what must be said, and what must not."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware_model.firmware.configuration import Configuration
from hil.bench import Bench
from hil.recording.looks import Look, look_in
from hil.verification.alarm_check import AlarmCheck
from hil.verification.verify import verify
from protocols.json_form import json_of
from protocols.messages import Alarms, Message, Mode, ReadStatus, Status
from tests.hil.recorded import record_bench, record_messages, simulated_bench

MINUTE_MS = 60_000
CALM = Status(
    clock_utc_ms=0,
    uptime_ms=0,
    boot_count=1,
    mode=Mode.MONITORING,
    alarms=Alarms(0),
    sample_count=0,
    temperature_mc=37_000,
    reservoir_pa=150_000,
    outlet_pa=12_400,
    ambient_pa=101_325,
    battery_mv=2900,
    volume_nl=20_000_000,
    flow_nl_per_day=1_000_000,
    flow_valid=True,
    history_next=0,
)
LIMITS = Configuration.of(simulated_bench().profile)


def told(*looks: tuple[int, Status]) -> tuple[str, ...]:
    """What is found in looks at minutes."""
    check = AlarmCheck(LIMITS)
    for minute, status in looks:
        look = look_in("status", minute * MINUTE_MS, json_of(status))
        assert isinstance(look, Look)
        check.take(look)
    return check.check().findings


BLOCKED = replace(CALM, outlet_pa=LIMITS.occlusion_pa + 5000)


def test_calm_looks_say_nothing() -> None:
    """No alarm and no cause."""
    assert told(*((minute, CALM) for minute in range(60))) == ()


def test_an_occlusion_alarm_while_outlet_pressure_is_low_is_reported() -> None:
    """Once, at the first look by which it must have cleared; the finding has value, limit and times."""
    (found,) = told(*((minute, replace(CALM, alarms=Alarms.OCCLUSION)) for minute in range(30)))
    assert "the occlusion alarm holds, although outlet_pa is 12400" in found
    assert str(LIMITS.occlusion_pa) in found
    assert "since 0 ms" in found


def test_an_alarm_that_clears_in_time_is_not() -> None:
    """The firmware lets it go ten samples after its cause; that is no contradiction."""
    looks = [(0, replace(BLOCKED, alarms=Alarms.OCCLUSION))]
    looks += [(minute, replace(CALM, alarms=Alarms.OCCLUSION)) for minute in range(1, 11)]
    assert told(*looks, *((minute, CALM) for minute in range(11, 30))) == ()


def test_a_cause_for_long_without_its_alarm_is_reported() -> None:
    """Not before the debouncing can be over."""
    assert told(*((minute, BLOCKED) for minute in range(12))) == ()
    (found,) = told(*((minute, BLOCKED) for minute in range(20)))
    assert "no occlusion alarm, although outlet_pa is" in found
    assert "outlet pressure high" in found


def test_a_pressure_that_comes_and_goes_is_not() -> None:
    """It was never beyond the limit for long."""
    assert told(*((minute, BLOCKED if minute % 5 else CALM) for minute in range(60))) == ()


def test_flow_is_judged_by_the_hour() -> None:
    """A low estimate for a few hours may still be debounced, one for a day may not; none that is not valid counts."""
    slow = replace(CALM, flow_nl_per_day=400_000)
    assert told(*((60 * hour, slow) for hour in range(3))) == ()
    assert any("flow-low" in text for text in told(*((60 * hour, slow) for hour in range(24))))
    assert told(*((60 * hour, replace(slow, flow_valid=False)) for hour in range(24))) == ()


@pytest.mark.parametrize("status", [replace(BLOCKED, mode=Mode.SERVICE), replace(BLOCKED, alarms=Alarms.SENSOR_FAULT)])
def test_what_cannot_be_judged_is_said_to_be_unchecked(status: Status) -> None:
    """In service, or while a sensor is at fault, readings mean something else."""
    check = AlarmCheck(LIMITS)
    for minute in range(30):
        look = look_in("status", minute * MINUTE_MS, json_of(status))
        assert look is not None
        check.take(look)
    assert check.check().findings == ()
    assert any("at 30 looks" in text for text in check.check().unchecked)


def test_without_limits_nothing_is_claimed() -> None:
    """Neither a bench file nor a ConfigurationReport: not checked."""
    check = AlarmCheck(None)
    look = look_in("status", 0, json_of(BLOCKED))
    assert look is not None
    check.take(look)
    assert check.check().state == "not checked"


def test_it_is_found_in_a_recording(tmp_path: Path) -> None:
    """End to end: frames on a wire, every checksum right, and an alarm that does not fit; and an uptime."""
    said: list[tuple[int, str, Message]] = []
    for minute in range(30):
        status = replace(CALM, alarms=Alarms.OCCLUSION, uptime_ms=minute * MINUTE_MS if minute != 20 else 5)
        said += [(minute * MINUTE_MS, "tx", ReadStatus()), (minute * MINUTE_MS, "rx", status)]
    found = {check.name: check.findings for check in verify(record_messages(tmp_path / "r.mcap", said)).checks}
    assert "the occlusion alarm holds" in found["alarms"][0]
    assert "uptime goes back from 1140000 ms" in found["clocks"][0]


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize(
    ("around", "faults", "alarm"),
    [
        ({"room_temperature_c": 37.0}, ("catheter-occlusion=100%@30min",), "OCCLUSION"),
        ({"ambient_kpa": 78.0}, (), "AMBIENT_PRESSURE"),
        ({"room_temperature_c": 44.0}, (), "OVER_TEMPERATURE"),
    ],
)
def test_the_model_itself_has_no_contradictions(
    tmp_path: Path, around: dict[str, float], faults: tuple[str, ...], alarm: str
) -> None:
    """A pump whose alarms do come, looked at every three minutes: nothing is found."""
    loaded = simulated_bench()
    assert loaded.file.world is not None
    world = loaded.file.world.model_copy(update=around)
    warm = loaded.model_copy(update={"file": loaded.file.model_copy(update={"world": world})})
    seen: set[str] = set()

    def watch(bench: Bench) -> None:
        for _ in range(40):
            seen.update(str(each.name) for each in Alarms if each in bench.pump.read_status().alarms)
            bench.sleep(minutes=3)

    record_bench(tmp_path / "r.mcap", warm, watch, inject=faults)
    assert alarm in seen
    assert {check.name: check.findings for check in verify(tmp_path / "r.mcap").checks if check.findings} == {}
