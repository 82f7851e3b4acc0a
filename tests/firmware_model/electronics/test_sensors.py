"""Sensors: bounded, quantised, and a function of their sample number."""

import itertools
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_model.electronics.noise import noise_share, noise_shares
from firmware_model.electronics.sensors import Readings, Sensor, Sensors
from firmware_model.faults.table import SENSOR_FAULTS
from firmware_model.profile import SensorProfile, load_profile

_PROFILE = SensorProfile(unit="Pa", gain=1.01, bias=-30.0, noise=60.0, resolution=20, lower=0, upper=200_000)


@given(st.floats(-1e6, 1e6), st.integers(0, 2**64), st.integers(0, 2**40))
def test_readings_stay_within_their_errors(true_pa: float, seed: int, sample: int) -> None:
    """A reading differs from gain and bias by noise and half a step at most, or it is an end of the range."""
    reading = Sensor(_PROFILE, seed=seed, index=1).reading(true_pa, 0, sample)
    ideal = true_pa * 1.01 - 30
    assert 0 <= reading <= 200_000
    if 0 < reading < 200_000:
        assert reading % 20 == 0
        assert abs(reading - ideal) <= 60 + 10 + 1e-6
    else:
        assert ideal <= 70 or ideal >= 200_000 - 70


def test_noise_is_the_published_hash() -> None:
    """The generator under the noise is splitmix64: its first outputs for seed 0 are those of the reference code."""
    reference = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    from firmware_model.electronics.noise import _finalise  # noqa: PLC0415  the one test that looks below the surface

    mask = (1 << 64) - 1
    assert [_finalise((index + 1) * 0x9E3779B97F4A7C15 & mask) for index in range(3)] == reference


def test_noise_is_uniform_and_independent() -> None:
    """Twenty thousand samples have the mean and variance of a uniform distribution, and neighbours do not correlate."""
    count = 20_000
    first, second = ([noise_share(7, sensor, sample) for sample in range(count)] for sensor in (0, 1))
    assert sum(first) / count == pytest.approx(0, abs=0.015)
    assert sum(value * value for value in first) / count == pytest.approx(1 / 3, abs=0.01)
    assert sum(a * b for a, b in zip(first, second, strict=True)) / count == pytest.approx(0, abs=0.01)
    assert sum(a * b for a, b in itertools.pairwise(first)) / count == pytest.approx(0, abs=0.01)


def test_samples_may_be_drawn_in_any_order() -> None:
    """Noise depends on seed, sensor and sample number, and on nothing that was drawn before."""
    forwards = [noise_share(3, 2, sample) for sample in range(100)]
    backwards = [noise_share(3, 2, sample) for sample in reversed(range(100))]
    assert forwards == backwards[::-1]
    assert forwards != [noise_share(4, 2, sample) for sample in range(100)]


_KINDS = ("bias", "drift", "noise", "stuck", "open")
_failures = st.lists(
    st.tuples(st.integers(0, 10**8), st.sampled_from(_KINDS), st.sampled_from([0.0, 1.0, -700.0, 5000.0])), max_size=4
)


def _failing(
    failures: list[tuple[int, str, float]], seed: int, noise: float = 60.0, drift_per_day: float = 3.0
) -> Sensor:
    profile = _PROFILE.model_copy(update={"noise": noise, "drift_per_day": drift_per_day})
    sensor = Sensor(profile, seed=seed, index=1)
    for at_ms, kind, value in sorted(failures):
        sensor.fail(at_ms, kind, abs(value) if kind == "noise" else value, last_reading=12_340)
    return sensor


@given(
    _failures, st.integers(0, 10**6), st.lists(st.floats(-1e4, 2.1e5), min_size=1, max_size=30), st.integers(1, 10**7)
)
def test_one_and_many_readings_are_the_same(
    failures: list[tuple[int, str, float]], seed: int, true_pa: list[float], step_ms: int
) -> None:
    """Through any faults, readings taken one by one have the bits of those taken all at once."""
    sensor = _failing(failures, seed)
    samples = np.arange(len(true_pa))
    times_ms = samples * step_ms
    many = sensor.readings(np.array(true_pa), times_ms, samples)
    assert many.tolist() == [
        sensor.reading(value, int(now_ms), int(sample))
        for value, now_ms, sample in zip(true_pa, times_ms, samples, strict=True)
    ]


@example([(0, "drift", -700.0)], 1, [1e5] * 30, 10**7)
@example([(0, "drift", 5000.0)], 1, [1e5] * 30, 10**7)
@example([(0, "stuck", 1.0), (10**8, "open", 1.0)], 1, [1e5] * 30, 10**7)
@example([(0, "open", 1.0), (10**8, "stuck", 1.0)], 1, [1e5] * 30, 10**7)
@given(
    _failures, st.integers(0, 10**6), st.lists(st.floats(-1e4, 2.1e5), min_size=1, max_size=30), st.integers(1, 10**7)
)
def test_readings_lie_between_their_bounds(
    failures: list[tuple[int, str, float]], seed: int, true_pa: list[float], step_ms: int
) -> None:
    """What is said beforehand of the least and the most that a sensor reads holds, whatever fails meanwhile."""
    sensor = _failing(failures, seed)
    samples = np.arange(len(true_pa))
    low, high = sensor.bounds(np.array([min(true_pa)]), np.array([max(true_pa)]), -1, int(samples[-1]) * step_ms)
    readings = sensor.readings(np.array(true_pa), samples * step_ms, samples)
    assert float(low[0]) <= readings.min()
    assert readings.max() <= float(high[0])
    law = sensor.law(-1, int(samples[-1]) * step_ms)
    assert law.extremes(min(true_pa), max(true_pa)) == (low[0], high[0])


_failures_apart = st.lists(
    st.tuples(st.integers(0, 1000), st.sampled_from(_KINDS), st.sampled_from([0.0, 1.0, -700.0, 5000.0])),
    max_size=4,
    unique_by=lambda failure: failure[0],
)


@example([(0, "drift", -700.0)], 10, 300, 200, (0.0, 3.0))
@example([(0, "noise", 5000.0)], 10, 300, 200, (60.0, 3.0))
@example([(90, "bias", -700.0)], 10, 300, 200, (0.0, 3.0))
@example([], 10, 300, 200, (0.0, -3000.0))
@given(
    _failures_apart,
    st.integers(0, 1000),
    st.integers(0, 300),
    st.integers(1, 200),
    st.tuples(st.sampled_from([0.0, 60.0]), st.sampled_from([3.0, -3000.0])),
)
def test_what_is_said_of_a_stretch_holds_at_each_time_in_it(
    failures: list[tuple[int, str, float]], start: int, lasts: int, span: int, profile: tuple[float, float]
) -> None:
    """Whether it responds throughout or at all, the most that a fault adds to its noise, and how far readings part.

    In units of 1000 s; each time is one just behind a change, or behind the start, and then every few.
    """
    noise, drift_per_day = profile
    sensor = _failing([(at * 1_000_000, kind, value) for at, kind, value in failures], 9, noise, drift_per_day)
    begin_ms, end_ms = start * 1_000_000, (start + lasts) * 1_000_000 + 1
    changes = [at * 1_000_000 + 1 for at, _, _ in failures]
    times = sorted({*range(begin_ms + 1, end_ms + 1, 17_000_000), *(at for at in changes if begin_ms < at <= end_ms)})
    responds = [sensor.responds(now_ms) for now_ms in times]
    assert sensor.responds_between(begin_ms, end_ms) == (all(responds), any(responds))
    noises = [
        next(
            (
                abs(value)
                for at, kind, value in sorted(failures, reverse=True)
                if kind == "noise" and at * 1_000_000 < t
            ),
            0,
        )
        for t in times
    ]
    assert sensor.is_rough_by(begin_ms, end_ms) == pytest.approx(max(noises) / (noise + 10))
    readings = [(now_ms, sensor.reading(1e5, now_ms, sample)) for sample, now_ms in enumerate(times)]
    slack = sensor.slack(begin_ms, end_ms, span * 1_000_000)
    for (at_ms, one), (later_ms, other) in itertools.combinations(readings, 2):
        if later_ms - at_ms <= span * 1_000_000:
            assert abs(one - other) <= slack
    if all(at <= start or at > start + lasts for at, _, _ in failures):
        assert slack < 2 * (60 + 5000) + 20 + 8000 * span / 86.4 + 1


def test_faults_mend() -> None:
    """A fault that is given the value 0 is gone, with all that it had added up."""
    sensor = Sensor(_PROFILE, seed=1, index=1)
    sound = sensor.reading(50_000.0, 86_400_000, 7)
    for kind in _KINDS:
        sensor.fail(1000, kind, 900.0, last_reading=5)
        assert sensor.reading(50_000.0, 86_400_000, 7) != sound
        sensor.fail(1000, kind, 0.0, last_reading=5)
        assert sensor.reading(50_000.0, 86_400_000, 7) == sound
        assert sensor.responds(86_400_000)


_DAY_MS = 86_400_000


@given(
    st.integers(-10_000, 210_000),
    st.sampled_from(["bias", "drift", "stuck", "open", None]),
    st.integers(-5000, 5000),
    st.integers(0, 10 * _DAY_MS),
)
def test_a_reading_is_what_the_models_page_says(true_pa: int, fault: str | None, value: int, now_ms: int) -> None:
    """Gain, bias, drift by the day, half a step up, whole steps, ends of the range: in fractions, without noise.

    A profile's drift is since bench time 0, a fault's since it began; a fault that begins just now is not there yet.
    """
    sensor = Sensor(_PROFILE.model_copy(update={"noise": 0.0, "drift_per_day": 3.0}), seed=1, index=1)
    if fault is not None:
        sensor.fail(4 * _DAY_MS, fault, float(value), last_reading=12_340)
    exact = Fraction(_PROFILE.gain) * true_pa - 30 + Fraction(3 * now_ms, _DAY_MS)
    if now_ms > 4 * _DAY_MS:
        since_days = Fraction(now_ms - 4 * _DAY_MS, _DAY_MS)
        exact += {"bias": Fraction(value), "drift": value * since_days}.get(fault or "", Fraction(0))
    steps, reading = exact / 20 + Fraction(1, 2), sensor.reading(float(true_pa), now_ms, 7)
    is_held = value != 0 and now_ms > 4 * _DAY_MS and fault in {"stuck", "open"}
    if is_held:
        assert reading == (12_340 if fault == "stuck" else 200_000)
    elif abs(steps - round(steps)) > Fraction(1, 10**6):  # where rounding in floats decides nothing
        assert reading == min(200_000, max(0, floor(steps) * 20))
    assert sensor.responds(now_ms) != is_held
    assert sensor.has_failed == (fault is not None)


_PUMP = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_TRUE = Readings(37_000, 157_000, 12_400, 101_000, 10_000_000, 2000)
_IN_WIRE_UNITS = {"C": 1000, "kPa": 1000, "mL": 1_000_000, "mV": 1}


@pytest.mark.parametrize("fault", sorted(each for each in SENSOR_FAULTS if not each.endswith("-noise")))
def test_a_fault_is_in_the_unit_of_its_sensors_reading(fault: str) -> None:
    """10 C are 10,000 mC, 50 kPa 50,000 Pa, 15 mL 15,000,000 nL; per day, a day later; on that sensor and no other."""
    sound, failed = Sensors(_PUMP, seed=0), Sensors(_PUMP, seed=0)
    kind = SENSOR_FAULTS[fault]
    value = kind.upper / 2 if fault.endswith(("-bias", "-drift")) else kind.default
    failed.fail(_DAY_MS, fault, value, Readings(1, 2, 3, 4, 5, 6))
    index = ["temperature", "reservoir-pressure", "outlet-pressure", "ambient-pressure", "bellows", "battery"].index(
        fault.partition("-sensor-")[0]
    )
    for place, (was, now) in enumerate(zip(sound.each, failed.each, strict=True)):
        before, after = (each.reading(float(_TRUE[place]), 2 * _DAY_MS, 7) for each in (was, now))
        off = after - before
        if place != index:
            assert off == 0
        elif fault.endswith("-stuck"):
            assert after == index + 1
        elif fault.endswith("-open"):
            assert after == was.profile.upper
        else:
            assert off == value * _IN_WIRE_UNITS[kind.unit.removesuffix("/day")]
    dead = fault.endswith(("-stuck", "-open"))
    assert (sound.unresponsive(2 * _DAY_MS), failed.unresponsive(2 * _DAY_MS)) == (0, int(dead))
    many = [failed.each[index].readings(np.array([_TRUE[index] * 1.0]), np.array([2 * _DAY_MS]), np.array([7]))[0]]
    assert many == [failed.each[index].reading(float(_TRUE[index]), 2 * _DAY_MS, 7)]


@given(st.integers(0, 2**63), st.integers(0, 200), st.integers(0, 2**40))
def test_noise_of_many_samples_is_that_of_each(seed: int, stream: int, first: int) -> None:
    """The hash of many sample numbers at once has the bits of the hash of one."""
    samples = np.arange(first, first + 5)
    assert noise_shares(seed, stream, samples).tolist() == [
        noise_share(seed, stream, int(sample)) for sample in samples
    ]
