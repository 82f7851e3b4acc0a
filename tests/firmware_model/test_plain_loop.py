"""Passing over quiet samples changes nothing: against a plain firmware that takes every one of them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.faults.table import PUMP_FAULTS, SENSOR_FAULTS
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from tests.depth import tries
from tests.firmware_model.plain_loop import PlainPump
from tests.firmware_model.random_pump import DAY_MS, HOUR_MS, Deed, Story, random_story

_PUMPS = Path(__file__).parents[2] / "fixtures" / "pumps"
_PROFILES = [load_profile(_PUMPS / f"{name}.toml") for name in ("generic-30ml", "generic-30ml-butane")]
_STORIES = 200


def _assert_same(story: Story, number: int) -> None:
    profile = _PROFILES[number % len(_PROFILES)]
    events, image, _ = story.tell(Pump, profile)
    plain_events, plain_image, _ = story.tell(PlainPump, profile)
    assert [event.as_json() for event in events] == [event.as_json() for event in plain_events]
    assert events == plain_events
    assert image == plain_image


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("twentieth", range(20))
def test_random_stories_are_the_same(twentieth: int) -> None:
    """On 200 random scenarios with faults, events, hourly history and memory image are identical, bit for bit."""
    for number in range(twentieth * _STORIES // 20, (twentieth + 1) * _STORIES // 20):
        _assert_same(random_story(number), number)


@pytest.mark.deep(quick=5)
@pytest.mark.parametrize("fault", sorted(PUMP_FAULTS))
def test_every_fault_is_the_same(fault: str) -> None:
    """Each fault by itself, for a day of two, and a refill while it is there."""
    story = random_story(7)
    deeds: list[Deed] = [(DAY_MS // 2, "inject", (fault, PUMP_FAULTS[fault].default))]
    if fault not in {"memory-bit-flip", "reset", "brown-out", "firmware-hang", "intrusion", "clock-jump"}:
        deeds.append((3 * DAY_MS // 2, "inject", (fault, 0.0)))
    deeds.append((DAY_MS + 7_200_000, "refill", (28_000_000, 22.0, True)))
    _assert_same(Story(2, story.course, deeds, seed=11), 0)


@pytest.mark.deep(quick=2)
@pytest.mark.parametrize("share", [0.01, 0.03, 0.2, 1.0])
@pytest.mark.parametrize("fault", sorted(fault for fault in SENSOR_FAULTS if fault.endswith("-noise")))
def test_a_noisy_sensor_is_the_same(fault: str, share: float) -> None:
    """Noise that often is beyond a limit, and seldom for long: debounce goes on where nothing is sampled.

    Windows begin anew, noise changes and refills come in the middle of what was looked at; with the most noise,
    readings are at the ends of their range.
    """
    story, most = random_story(7), PUMP_FAULTS[fault].upper * share
    deeds: list[Deed] = [
        (2 * HOUR_MS + 7000, "inject", (fault, most)),
        (9 * HOUR_MS, "inject", ("catheter-occlusion", 40.0)),
        (17 * HOUR_MS + 100_000, "refill", (20_000_000, 22.0, True)),
        (27 * HOUR_MS, "refill", (20_000_000, 22.0, False)),
        (29 * HOUR_MS + 1_234_567, "inject", (fault, most / 2)),
        (33 * HOUR_MS + 60_000, "self-test", ()),
        (35 * HOUR_MS + 90_000, "acknowledge", ()),
        (41 * HOUR_MS, "inject", (fault, 0.0)),
    ]
    _assert_same(Story(2, story.course, deeds, seed=23), 0)


@pytest.mark.parametrize("fault", ["outlet-pressure-sensor-noise", "bellows-sensor-noise", "temperature-sensor-noise"])
def test_some_time_on_the_shelf_is_the_same(fault: str) -> None:
    """While conditions are debounced no samples are taken for some minutes, and for some hours."""
    story = random_story(7)
    deeds: list[Deed] = [
        (HOUR_MS, "inject", (fault, PUMP_FAULTS[fault].default / 4)),
        (9 * HOUR_MS, "inject", ("catheter-occlusion", 100.0)),
        *((hour * HOUR_MS + 350_000, "shelve", ()) for hour in (6, 11, 15, 30)),
        *((hour * HOUR_MS + 610_000, "self-test", ()) for hour in (6, 11, 23, 30)),
        (20 * HOUR_MS, "inject", ("catheter-occlusion", 0.0)),
    ]
    _assert_same(Story(2, story.course, deeds, seed=31), 0)


def test_a_fault_that_is_over_counts_as_long_as_windows_reach() -> None:
    """Two hours' means of a wrong pressure weigh most three hours later; what is foreseen anew then knows of them."""
    deeds: list[Deed] = [
        (10 * HOUR_MS + 2_400_000, "inject", ("reservoir-pressure-sensor-bias", 30.0)),
        (12 * HOUR_MS + 1_200_000, "inject", ("reservoir-pressure-sensor-bias", 0.0)),
        (13 * HOUR_MS + 1_200_000, "inject", ("battery-sensor-bias", 0.0)),
    ]
    _assert_same(Story(1, random_story(7).course, deeds, seed=31), 0)


def test_a_sensor_that_was_dead_on_the_shelf_is_the_same() -> None:
    """What nobody sampled counts for nothing: the flow is judged as if the sensor had been sound all the time."""
    deeds: list[Deed] = [
        (3 * HOUR_MS, "inject", ("catheter-occlusion", 60.0)),
        (10 * HOUR_MS + 30_000, "shelve", ()),
        (10 * HOUR_MS + 300_000, "inject", ("bellows-sensor-open", 1.0)),
        (10 * HOUR_MS + 1_200_000, "inject", ("bellows-sensor-open", 0.0)),
        (10 * HOUR_MS + 3_000_000, "self-test", ()),
        (11 * HOUR_MS + 30_000, "inject", ("catheter-occlusion", 0.0)),
    ]
    _assert_same(Story(1, random_story(7).course, deeds, seed=31), 0)


def test_what_the_pump_says_in_between_is_the_same() -> None:
    """Just before, at and behind an hour's end, and while windows fill after a refill: readings, volume and flow."""
    surroundings = Surroundings(temperature_c=37.0, ambient_kpa=101.325, outlet_kpa=12.4)
    pumps = [
        Pump(
            _PROFILES[0], seed=3, serial_number="S", start_utc_ms=0, surroundings=surroundings, passes_over=passes_over
        )
        for passes_over in (True, False)
    ]
    for minute in (5, 14, 15, 359, 360, 361, 420, 481, 539, 601, 612, 616, 660, 721, 980, 1021, 1080, 1141):
        now_ms, said = minute * 60_000 + 30_000, []
        for pump in pumps:
            if minute == 601:
                pump.command(now_ms).begin_refill(now_ms)
                pump.command(now_ms).complete_refill(now_ms)
            firmware = pump.status(now_ms)
            windows = firmware.windows
            said.append((firmware.readings, list(windows.samples), list(windows.hours)))
            assert firmware.sample_count == minute + 1
            assert windows.flow_is_valid == (360 <= minute < 601 or minute >= 960)
        assert said[0] == said[1]


def test_what_the_pump_says_on_the_shelf_is_the_same() -> None:
    """Shelved in an hour that nobody looked at, and just off the shelf: the readings of the last sample taken."""
    surroundings = Surroundings(temperature_c=37.0, ambient_kpa=101.325, outlet_kpa=12.4)
    said = []
    for passes_over in (True, False):
        pump = Pump(
            _PROFILES[0], seed=3, serial_number="S", start_utc_ms=0, surroundings=surroundings, passes_over=passes_over
        )
        times_ms = [minute * 60_000 + 30_000 for minute in (500, 510, 600, 601, 602)]
        pump.command(times_ms[0]).shelve(times_ms[0])
        looks = [pump.command(times_ms[1]).readings]
        pump.command(times_ms[2]).test_self(times_ms[2])
        looks += [pump.status(now_ms).readings for now_ms in times_ms[2:]]
        assert looks[0] == looks[1] != looks[2]
        said.append(looks)
    assert said[0] == said[1]


def test_a_configuration_that_is_lost_is_the_same() -> None:
    """Both copies go while a condition is debounced: what was there under the lost one still counts."""
    _assert_same(random_story(900_020, days=(3, 5, 12)), 900_020)


@pytest.mark.deep
def test_a_drifting_bellows_is_the_same() -> None:
    """It drifts so fast that what drifts in a quarter of an hour and the noise together look like a needle."""
    _assert_same(random_story(1028, days=(3, 5, 12)), 1028)


@settings(max_examples=tries(25))
@given(st.integers(0, 10**6), st.lists(st.integers(0, 5 * DAY_MS), max_size=12))
def test_any_split_of_time_is_the_same(number: int, looks: list[int]) -> None:
    """step(a); step(b) equals step(b), for any a < b: events, image and every volume."""
    story = random_story(number)
    events, image, pump = story.tell(Pump, _PROFILES[0])
    split_events, split_image, split = story.tell(Pump, _PROFILES[0], tuple(looks))
    assert events == split_events
    assert image == split_image
    end_ms = story.days * DAY_MS
    assert pump.reservoir_nl(end_ms) == split.reservoir_nl(end_ms)
    assert pump.delivered_nl(end_ms) == split.delivered_nl(end_ms)


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(10, 40))
def test_many_long_stories_are_the_same(hundred: int) -> None:
    """Three thousand longer ones."""
    for number in range(100 * hundred, 100 * hundred + 100):
        _assert_same(random_story(number, days=(3, 5, 12)), number)
