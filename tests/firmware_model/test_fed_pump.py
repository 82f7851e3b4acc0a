"""A pump that a bench's supply feeds in the place of its battery."""

from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from protocols.messages import Mode
from tests.depth import tries

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")
HOUR_MS = 3_600_000


def fed_pump(feeds: list[tuple[int, float]], until_ms: int, *, passes_over: bool) -> Pump:
    """A pump whose supply changed to so many mV at these times."""
    pump = Pump(
        _PROFILE,
        seed=3,
        serial_number="FED",
        start_utc_ms=1_767_225_600_000,
        surroundings=Surroundings(temperature_c=37.0, ambient_kpa=101.325, outlet_kpa=12.4),
        passes_over=passes_over,
    )
    pump.foreseen_ms = until_ms
    for at_ms, supply_mv in feeds:
        pump.feed(at_ms, supply_mv)
    pump.wake(until_ms)
    return pump


def test_without_enough_voltage_it_is_off_until_fed() -> None:
    """It draws nothing and says nothing while it is off, and restarts as after a brown-out when fed again."""
    pump = fed_pump([(0, 3000.0), (HOUR_MS, 1999.0)], 2 * HOUR_MS, passes_over=True)
    assert pump.supply_current_ua(2 * HOUR_MS) == 0
    assert pump.receive(2 * HOUR_MS, b"\0" * 40) == b""
    pump.feed(3 * HOUR_MS, 2000.0)
    assert pump.status(3 * HOUR_MS + 100).counters.boots == 2
    assert pump.supply_current_ua(3 * HOUR_MS + 100) == pytest.approx(5.0 + 500 / 60, abs=0.001)


@pytest.mark.parametrize("off_ms", [HOUR_MS + shift for shift in range(0, 60_000, 7_919)])
def test_first_sample_after_a_brown_out_sees_the_supply(off_ms: int) -> None:
    """The self-test of the start is made at the voltage that let it start, and passes."""
    pump = fed_pump([(0, 3000.0), (off_ms, 0.0), (off_ms + 10_000, 3000.0)], off_ms + 10_100, passes_over=True)
    firmware = pump.status(off_ms + 10_100)
    assert firmware.readings.battery_mv == pytest.approx(3000, abs=5)
    assert firmware.mode is Mode.MONITORING


def test_its_battery_sensor_sees_the_supply() -> None:
    """The voltage that it measures is the supply's, whatever has been drawn."""
    pump = fed_pump([(0, 3000.0), (HOUR_MS, 2600.0)], 2 * HOUR_MS, passes_over=True)
    assert pump.status(2 * HOUR_MS).readings.battery_mv == pytest.approx(2600, abs=5)


@settings(max_examples=tries(15), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 30 * HOUR_MS), st.sampled_from([1500.0, 2400.0, 2560.0, 2740.0, 3000.0, 3300.0])),
        max_size=8,
    )
)
@example(changes=[(0, 2740.0), (18_623_100, 3000.0)])
@example(changes=[(0, 2560.0), (10_440_000, 3000.0)])
def test_passing_over_quiet_samples_changes_nothing(changes: list[tuple[int, float]]) -> None:
    """Whatever the supply does, events and memory are those of a pump that takes every sample."""
    feeds, until_ms = sorted(changes), 40 * HOUR_MS
    quick, plain = (fed_pump(feeds, until_ms, passes_over=each) for each in (True, False))
    assert quick.take_events() == plain.take_events()
    assert quick.memory_image(until_ms) == plain.memory_image(until_ms)
