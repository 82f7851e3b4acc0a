"""The mean of overlapping means, against moving averages that were drawn at random."""

import numpy as np
import pytest
from scipy import stats

from hil.flow.overlapping_mean import OverlappingMean

_HOURS, _DRAWS = 6, 1500


def share_covered(hours: np.ndarray) -> float:
    """How often the truth, zero, is within U of the mean of moving averages that end at these hours."""
    random, covered = np.random.default_rng(1), 0
    for _ in range(_DRAWS):
        drawn = random.normal(size=hours[-1] + _HOURS)
        averages = np.convolve(drawn, np.full(_HOURS, 1 / _HOURS), mode="valid")
        mean = OverlappingMean.of(averages[hours], hours.astype(np.float64), _HOURS)
        covered += abs(mean.value) <= mean.expanded_uncertainty
    return covered / _DRAWS


@pytest.mark.parametrize("count", [2, 3, 6, 18, 42])
def test_the_truth_is_as_often_covered_as_claimed(count: int) -> None:
    """From two estimates on, U covers the mean of moving averages in 93 % of all cases or more."""
    assert share_covered(np.arange(count)) >= 0.93


def test_a_gap_is_no_overlap() -> None:
    """Two sets of estimates with a restart between them are covered as well."""
    assert share_covered(np.concatenate([np.arange(3), np.arange(12, 17)])) >= 0.93


def test_values_that_share_nothing_are_students() -> None:
    """Without overlap it is the textbook's mean with n - 1 degrees of freedom."""
    values = np.array([1.0, 2.0, 4.0, 5.0])
    mean = OverlappingMean.of(values, np.arange(4.0) * _HOURS, _HOURS)
    assert mean.value == pytest.approx(3.0)
    assert mean.degrees_of_freedom == pytest.approx(3.0)
    low, high = stats.t.interval(0.9545, 3, loc=3.0, scale=stats.sem(values))
    assert mean.expanded_uncertainty == pytest.approx((high - low) / 2, rel=1e-4)


def test_one_value_has_no_spread() -> None:
    """From a single estimate no uncertainty follows."""
    with pytest.raises(ValueError, match="at least 2"):
        OverlappingMean.of(np.array([1.0]), np.array([0.0]), _HOURS)
