"""Sensors: bounded, quantised, and a function of their sample number."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.profile import SensorProfile
from firmware_model.sensors import Sensor, noise_share

_PROFILE = SensorProfile(unit="Pa", gain=1.01, bias=-30.0, noise=60.0, resolution=20, lower=0, upper=200_000)


@given(st.floats(-1e6, 1e6), st.integers(0, 2**64), st.integers(0, 2**40))
def test_readings_stay_within_their_errors(true_pa: float, seed: int, sample: int) -> None:
    """A reading differs from gain and bias by noise and half a step at most, or it is an end of the range."""
    reading = Sensor(_PROFILE, seed=seed, index=1).reading(true_pa, sample)
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
    from firmware_model.sensors import _finalise  # noqa: PLC0415  the one test that looks below the surface

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
