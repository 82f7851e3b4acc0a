"""The firmware's memory of readings against plain arithmetic: what conditions see, and from when on."""

from pathlib import Path
from statistics import fmean

import pytest

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarms import LONGEST_REACH, Quantity
from firmware_model.firmware.estimation import Calibration
from firmware_model.firmware.windows import Windows, first_full_hour, roughness
from firmware_model.profile import load_profile

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_CALIBRATION = Calibration(_PROFILE)
_PLAIN = Readings(37_000, 157_000, 12_400, 101_000, 20_000_000, 3000)


def _windows(readings: list[Readings]) -> Windows:
    windows = Windows(_CALIBRATION)
    for sample, each in enumerate(readings):
        windows.add(sample, each)
    return windows


@pytest.mark.parametrize("sensor", range(6))
def test_the_ends_of_the_range_belong_to_it(sensor: int) -> None:
    """A reading at either end, or beyond, is none; one beside it is."""
    windows = _windows([_PLAIN])
    assert max(windows.out_of_range_at) < -LONGEST_REACH
    lower, upper = _CALIBRATION.ranges[sensor]
    for sample, (value, is_bad) in enumerate([(lower, 1), (lower + 1, 0), (upper, 1), (upper - 1, 0), (upper + 1, 1)]):
        assert windows.add(sample, _PLAIN._replace(**{_PLAIN._fields[sensor]: value})) == is_bad
        assert (windows.out_of_range_at[sensor] == sample) == bool(is_bad)


def test_means_are_of_the_last_quarter_of_an_hour() -> None:
    """Of fifteen readings, or of all while there are fewer; what is older counts no more."""
    volumes = [20_000_000 + 17 * sample * sample for sample in range(20)]
    windows = Windows(_CALIBRATION)
    for sample, volume_nl in enumerate(volumes):
        windows.add(sample, _PLAIN._replace(bellows_nl=volume_nl))
        expected = pytest.approx(fmean(volumes[max(0, sample - 14) : sample + 1]), abs=0.5)
        assert windows.volume_nl() == windows.mean().bellows_nl == expected
        assert windows.is_full == (sample >= 14)
        assert windows.sample_quantities(3)[Quantity.VOLUME] == windows.volume_nl()
    assert windows.sample_quantities(3)[Quantity.AT_END_OF_RANGE] == 3


def test_steps_and_pulses_wait_for_samples_enough() -> None:
    """A step is against fifteen samples ago; a pulse stands out above what was ten samples ago, and above now."""
    windows = Windows(_CALIBRATION)
    pressures, volumes = [0, 7, 1, 2, 9, 4, 5, 3, 8, 6, 2, 1, 7, 0, 9, 3, 5, 8], [3 * n * n for n in range(18)]
    for sample, (outlet_pa, bellows_nl) in enumerate(zip(pressures, volumes, strict=True)):
        windows.add(sample, _PLAIN._replace(outlet_pa=outlet_pa, bellows_nl=bellows_nl))
        seen = windows.sample_quantities(0)
        pulse = pressures[sample - 5] - max(outlet_pa, pressures[sample - 10])
        assert seen.get(Quantity.OUTLET_PULSE) == (pulse if sample >= 10 else None)
        step = bellows_nl - volumes[sample - 15]
        assert seen.get(Quantity.VOLUME_STEP) == (step if sample >= 15 else None)


def test_flow_waits_for_six_hours_and_begins_anew() -> None:
    """From the sixth hourly mean on there is a flow, and what the pressures leave of it unexplained."""
    windows = _windows([_PLAIN] * 15)
    for hour in range(8):
        mean = _PLAIN._replace(bellows_nl=20_000_000 - 50_000 * hour)
        windows.hours.append(mean)
        seen = windows.hour_quantities(mean)
        assert windows.flow_is_valid == (hour >= 5)
        assert seen.get(Quantity.FLOW) == (1_200_000 if hour >= 5 else None)
        driven = int(_CALIBRATION.pressure_flow_nl_per_day(mean))
        assert seen.get(Quantity.UNEXPLAINED_FLOW) == (1_200_000 - driven if hour >= 5 else None)
        assert seen[Quantity.HOURLY_VOLUME] == mean.bellows_nl
    windows.restart()
    assert not windows.is_full
    assert not windows.flow_is_valid


def test_roughness_is_of_noise_alone() -> None:
    """A slope has none, nor has one step; noise of twice what a sound sensor has comes to the limit."""
    assert roughness([3 * n for n in range(15)]) == roughness([0] * 7 + [900] * 8) == 0
    assert roughness([0, 5, 0, 5, 0]) == 3 * 10
    assert roughness([0, 0, 1, 3, 6, 10]) == 4 * 1
    assert roughness([0, 0, 0, 1, 4, 10, 20]) == 5 * 2
    worst = _PROFILE.sensors.temperature.noise + _PROFILE.sensors.temperature.resolution / 2
    noisy = [_PLAIN._replace(temperature_mc=round(37_000 + 2 * worst * (-1) ** n)) for n in range(16)]
    assert _windows([_PLAIN, *noisy]).hour_quantities(_PLAIN)[Quantity.ROUGHNESS] == 1000
    flickers = [_PLAIN._replace(battery_mv=3000 + 500 * (n % 2)) for n in range(16)]
    assert _windows(flickers).hour_quantities(_PLAIN)[Quantity.ROUGHNESS] == 0


_AGES = (0, 5, 10, 11, 14, 15, 16, 313, 314, 315)


def _seen_by(readings: list[Readings]) -> dict[Quantity, int]:
    """Every quantity of readings as windows see it in the last of them, which ends an hour."""
    windows, seen = Windows(_CALIBRATION), dict[Quantity, int]()
    for sample, each in enumerate(readings, start=361 - len(readings)):
        at_end_of_range = windows.add(sample, each)
        if sample % 60 == 0 and windows.is_full:
            windows.hours.append(windows.mean())
            seen = windows.hour_quantities(windows.mean())
    return seen | windows.sample_quantities(at_end_of_range)


def test_a_quantity_comes_from_the_sensors_and_samples_that_its_row_says() -> None:
    """A reading that is changed, of one sensor at one age, is seen by the rows that have its bit and reach so far."""
    sound = [_PLAIN._replace(bellows_nl=20_000_000 - 700 * n) for n in range(361)]
    before = _seen_by(sound)
    touched: dict[Quantity, set[tuple[int, int]]] = {quantity: set() for quantity in before}
    for sensor, name in enumerate(Readings._fields):
        for age in _AGES:
            changed = [*sound]
            changed[-1 - age] = sound[-1 - age]._replace(**{name: getattr(sound[-1 - age], name) + 3_000_000})
            after = _seen_by(changed)
            for quantity in before:
                if after[quantity] != before[quantity]:
                    touched[quantity].add((sensor, age))
    for quantity in set(before) - {Quantity.AT_END_OF_RANGE, Quantity.ROUGHNESS}:  # of all sensors, whatever they read
        assert sum({1 << sensor for sensor, _ in touched[quantity]}) == quantity.sensors, quantity
        assert max(age for _, age in touched[quantity]) == quantity.reach - 1, quantity
    assert (Quantity.RESERVE.sensors, Quantity.RESERVE.reach) == (Quantity.FLOW.sensors, Quantity.FLOW.reach)


def test_a_quantity_is_there_with_as_many_samples_as_its_row_says() -> None:
    """With one sample fewer since the windows began it says nothing; the reserve begins with the mean of the volume."""
    for count in (1, 10, 11, 14, 15, 16, 314, 315):
        seen = _seen_by([_PLAIN] * count)
        for quantity in set(Quantity) - {Quantity.RESERVE, Quantity.UNRESPONSIVE, Quantity.CLOCK_STEP, Quantity.DAMAGE}:
            assert (quantity in seen) == (count >= (quantity.fewest or quantity.reach)), (quantity, count)
    assert Quantity.RESERVE.fewest == Quantity.HOURLY_VOLUME.reach


@pytest.mark.parametrize(("restarted_at", "hour"), [(0, 1), (46, 1), (47, 2), (106, 2), (107, 3)])
def test_the_first_hour_with_a_whole_mean(restarted_at: int, hour: int) -> None:
    """Hour h ends with sample 60 h, and sees the fifteen samples up to that."""
    assert first_full_hour(restarted_at) == hour
