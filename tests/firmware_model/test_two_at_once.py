"""Faults of the electronics that meet: while the pump is off, while it hangs, and at the very beginning and end."""

from pathlib import Path

import pytest

from firmware_model.events import BootReason, EventKind, PumpEvent
from firmware_model.fleet.audit import SteppedPump
from firmware_model.physics.interventions import BolusChange
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from firmware_model.scenario.run import run_scenario
from tests.firmware_model.scenario.written import loaded

_SOFT = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000


def _pump(kind: type[Pump] = Pump) -> Pump:
    return kind(
        _SOFT,
        seed=1,
        serial_number="SN0042",
        start_utc_ms=1_767_225_600_000,
        surroundings=Surroundings(37.0, 101.325, 12.4),
    )


def _boots(events: list[PumpEvent]) -> list[tuple[int, BootReason]]:
    return [(each.time_ms, BootReason(each.entry.detail)) for each in events if each.entry.kind is EventKind.BOOTED][1:]


@pytest.mark.parametrize(
    ("faults", "boots"),
    [
        (
            [(0, "brown-out", 3600.0), (_MINUTE_MS, "firmware-hang", 1.0)],
            [(2 * _HOUR_MS, BootReason.BROWN_OUT)],
        ),
        (
            [(0, "firmware-hang", 1.0), (0, "firmware-hang", 1.0)],
            [(_HOUR_MS + 4 * _MINUTE_MS, BootReason.WATCHDOG)],
        ),
        (
            [(0, "firmware-hang", 1.0), (_MINUTE_MS, "brown-out", 600.0)],
            [(_HOUR_MS + 11 * _MINUTE_MS, BootReason.BROWN_OUT)],
        ),
        (
            [(0, "brown-out", 10.0), (5000, "brown-out", 600.0)],
            [(_HOUR_MS + 605_000, BootReason.BROWN_OUT)],
        ),
        (
            [(0, "brown-out", 600.0), (5000, "brown-out", 10.0), (6000, "reset", 1.0)],
            [(_HOUR_MS + 600_000, BootReason.BROWN_OUT)],
        ),
        ([(0, "firmware-hang", 0.4)], []),
    ],
    ids=["hang-while-off", "hang-twice", "off-while-hanging", "off-twice", "off-for-longer", "hang-less-than-once"],
)
def test_two_of_them(faults: list[tuple[int, str, float]], boots: list[tuple[int, BootReason]]) -> None:
    """A pump that is off cannot hang; one whose supply fails is off until that comes back; each event is told once."""
    pump = _pump()
    for after_ms, fault, value in faults:
        pump.inject(_HOUR_MS + after_ms, fault, value)
    pump.wake(4 * _HOUR_MS)
    events = pump.take_events()
    assert _boots(events) == boots
    assert [event.entry.seq for event in events] == list(range(len(events)))


def test_a_bit_turns_over_while_it_is_off() -> None:
    """Its memory keeps what it holds without a supply, and loses it without one: the pump starts with a repair."""
    pump = _pump()
    pump.inject(_HOUR_MS, "brown-out", 600.0)
    pump.inject(_HOUR_MS + 1000, "memory-bit-flip", 100.0)
    pump.wake(2 * _HOUR_MS)
    assert EventKind.MEMORY_REPAIRED in {event.entry.kind for event in pump.take_events()}


def test_events_are_told_once_while_it_is_off() -> None:
    """Whoever asks during a brown-out gets each event once."""
    pump = _pump()
    pump.inject(_HOUR_MS, "brown-out", 600.0)
    first, again = pump.take_events(), pump.take_events()
    assert [event.entry.seq for event in first] == [0, 1, 2, 3]
    assert again == []


def test_a_scenario_that_ends_while_it_is_off(tmp_path: Path) -> None:
    """Its events are those of one start."""
    text = """
    [[fault]]
    name = "brown-out"
    at = "23h59min55s"
    """
    scenario = loaded(tmp_path, text)
    result = run_scenario(scenario, seed=1, days=1.0, profile=scenario.profile)
    kinds = [event.entry.kind for event in result.events]
    assert kinds.count(EventKind.BOOTED) == 1


@pytest.mark.parametrize("kind", [Pump, SteppedPump])
def test_what_happens_at_the_very_beginning(kind: type[Pump]) -> None:
    """The first sample is from before it: a bolus of six minutes from time 0 on is a pulse, whoever passes samples."""
    pump = _pump(kind)
    pump.foresee(BolusChange(0, 30_000_000, 11.0))
    pump.foresee(BolusChange(6 * _MINUTE_MS, 0, 0.0))
    pump.foreseen_ms = _DAY_MS
    pump.wake(_DAY_MS)
    raised = [(e.time_ms, e.as_json()["alarm"]) for e in pump.take_events() if e.entry.kind is EventKind.ALARM_RAISED]
    assert raised == [(10 * _MINUTE_MS, "unexpected-access")]
