"""Sensors: bounded, quantised, and a function of their sample number."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.noise import noise_share, noise_shares
from firmware_model.profile import SensorProfile
from firmware_model.sensors import Sensor

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
    from firmware_model.noise import _finalise  # noqa: PLC0415  the one test that looks below the surface

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


def _failing(failures: list[tuple[int, str, float]], seed: int) -> Sensor:
    sensor = Sensor(_PROFILE.model_copy(update={"drift_per_day": 3.0}), seed=seed, index=1)
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


@given(st.integers(0, 2**63), st.integers(0, 200), st.integers(0, 2**40))
def test_noise_of_many_samples_is_that_of_each(seed: int, stream: int, first: int) -> None:
    """The hash of many sample numbers at once has the bits of the hash of one."""
    samples = np.arange(first, first + 5)
    assert noise_shares(seed, stream, samples).tolist() == [
        noise_share(seed, stream, int(sample)) for sample in samples
    ]
