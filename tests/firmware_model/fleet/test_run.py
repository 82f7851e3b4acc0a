"""Pumps of a fleet: as the plain firmware has it, judged by the truth, and never lost."""

from pathlib import Path
from typing import Any

import pytest

from firmware_model.fleet.audit import audited
from firmware_model.fleet.life import pump_life
from firmware_model.fleet.run import run_life, run_pump
from firmware_model.pump import Pump
from tests.firmware_model.fleet.populations import eventful
from tests.firmware_model.plain_loop import PlainPump

DAY_MS = 86_400_000


def plain_pump(profile: Any, **options: Any) -> PlainPump:
    """The independent firmware, in the place of the pump's."""
    return PlainPump(profile, **options)


@pytest.mark.parametrize("pump", [2, 5])
def test_a_pump_is_as_the_plain_firmware_has_it(tmp_path: Path, pump: int) -> None:
    """The oracle, which shares nothing with how samples are passed over, logs the same and is judged the same."""
    loaded = eventful(tmp_path)
    life = pump_life(loaded, 1, pump, 3.0)
    variant = loaded.population.variant[0]
    fast, plain = (run_life(loaded, life, variant, make_pump=make) for make in (Pump, plain_pump))
    assert fast == plain
    assert fast.problem is None
    assert fast.events


@pytest.mark.soak
@pytest.mark.parametrize("pump", range(40))
def test_many_pumps_are_as_the_plain_firmware_has_them(tmp_path: Path, pump: int) -> None:
    """The same for forty pumps and seven weeks."""
    loaded = eventful(tmp_path)
    life = pump_life(loaded, 1, pump, 49.0)
    variant = loaded.population.variant[0]
    fast, plain = (run_life(loaded, life, variant, make_pump=make) for make in (Pump, plain_pump))
    assert fast == plain


class OtherPump(Pump):
    """A pump that logs one event less."""

    def take_events(self) -> list[Any]:
        """All but the last."""
        return super().take_events()[:-1]


def test_an_audit_finds_what_differs(tmp_path: Path) -> None:
    """Stepped sample by sample the pump is the same; one that is not is told, with what differs first."""
    loaded = eventful(tmp_path)
    life, variant = pump_life(loaded, 1, 3, 2.0), loaded.population.variant[0]
    assert audited(loaded, life, variant, run_life(loaded, life, variant)) == "same"
    wrong = run_life(loaded, life, variant, make_pump=OtherPump)
    assert audited(loaded, life, variant, wrong) != "same"


class BrokenPump(Pump):
    """A pump whose simulation raises after a while."""

    def wake(self, now_ms: int) -> int | None:
        """Not for long."""
        if now_ms > 20 * DAY_MS:
            raise ZeroDivisionError("no such luck")
        return super().wake(now_ms)


def test_a_pump_whose_simulation_raises_counts(tmp_path: Path) -> None:
    """With its problem, its whole time and its faults, none of them detected."""
    loaded = eventful(tmp_path)
    sound, broken = (run_pump(loaded, 1, 4, 120.0, make_pump=make)[0] for make in (Pump, BrokenPump))
    assert broken.problem == "ZeroDivisionError: no such luck"
    assert (broken.watched_ms, broken.failure, broken.pump) == (sound.watched_ms, sound.failure, 4)
    assert [row.fault for row in broken.faults] == [row.fault for row in sound.faults]


def quiet(tmp_path: Path, *changes: tuple[str, str]) -> Any:
    """A population in which nothing breaks and nobody travels."""
    calm = (
        ("fevers_per_year = 4.0", ""),
        ("trips_per_year = 4.0", ""),
        ("per_year = 2.0\nduration", "per_year = 0.0\nduration"),
        ('"reset"\nper_year = 2.0', '"reset"\nper_year = 0.0'),
        ("at_1y_percent = 80.0\nat_2y_percent = 95.0", "at_1y_percent = 1e-9\nat_2y_percent = 2e-9"),
        ("per_refill = 0.05", "per_refill = 0.0"),
        ("departures_per_year = 0.5", ""),
    )
    return eventful(tmp_path, *calm, *changes)


def test_a_healthy_pump_raises_nothing_false(tmp_path: Path) -> None:
    """Some low reservoirs before late refills, and nothing else."""
    results = [run_pump(quiet(tmp_path), 1, pump, 180.0)[0] for pump in range(4)]
    raised = [(event.alarm, event.judgement) for result in results for event in result.events if event.judgement]
    assert {each for each in raised if each[1] != "justified"} == set()
    assert all(abs(row.flow_error_percent) < 10 and row.is_healthy for result in results for row in result.refills)


def test_a_nervous_firmware_is_found_out(tmp_path: Path) -> None:
    """With a flow limit of 4 % it cries wolf over healthy pumps: those alarms are false, whatever its own limit is."""
    nervous = '[[variant]]\nname = "nervous"\nlimits = { flow_high_percent = 4.0, flow_low_percent = 4.0 }\n\n[units]'
    loaded = quiet(tmp_path, ("[units]", nervous))
    results = [run_pump(loaded, 1, pump, 10.0)[0] for pump in range(4)]
    false = {event.alarm for result in results for event in result.events if event.judgement == "false"}
    assert false & {"flow-high", "flow-low"}


def test_a_detected_fault_has_its_latency(tmp_path: Path) -> None:
    """Of pumps whose catheter is blocked: the first right alarm, and how long it took."""
    loaded = eventful(tmp_path, ('values = ["50%", "100%"]', 'values = ["100%"]'))
    results = [run_pump(loaded, 1, pump, 90.0)[0] for pump in range(6)]
    rows = [row for result in results for row in result.faults if row.fault == "catheter-occlusion"]
    assert rows
    for row in rows:
        assert row.detected_by == "occlusion"
        assert row.latency_ms is not None
        assert 0 < row.latency_ms < 3 * 3_600_000


def test_an_alarm_before_its_fault_detects_nothing(tmp_path: Path) -> None:
    """Detection is from the fault's beginning to its end and half a day."""
    loaded = eventful(tmp_path)
    for pump in range(6):
        result = run_pump(loaded, 1, pump, 60.0)[0]
        for row in result.faults:
            assert row.latency_ms is None or 0 <= row.latency_ms <= row.watched_ms


def test_variants_have_the_same_pumps_and_faults(tmp_path: Path) -> None:
    """Only what the firmware makes of it differs; and what is the same is the same, bit for bit."""
    two = '[[variant]]\nname = "A"\n\n[[variant]]\nname = "B"\nlimits = { flow_debounce_n = 3 }\n\n[units]'
    loaded = eventful(tmp_path, ("[units]", two))
    first, second = run_pump(loaded, 1, 7, 60.0)
    assert (first.variant, second.variant) == ("A", "B")
    assert first.refills == second.refills
    assert [row[:5] for row in first.faults] == [row[:5] for row in second.faults]
    assert first == run_pump(eventful(tmp_path), 1, 7, 60.0)[0]
