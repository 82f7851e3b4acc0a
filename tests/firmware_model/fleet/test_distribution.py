"""Distributions: between their ends, and as often as they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from firmware_model.fleet.distribution import Distribution

SHARES = st.floats(1e-12, 1 - 1e-12)


@given(SHARES, SHARES, st.floats(-5, 5), st.floats(0.01, 10))
def test_it_stays_between_its_ends_and_rises(one: float, other: float, mean: float, sd: float) -> None:
    """Whatever is drawn lies between low and high, and a larger share never gives less."""
    spread = Distribution(mean=mean, sd=sd, low=-5.0, high=5.0)
    first, second = sorted((one, other))
    assert -5 <= spread.at(first) <= spread.at(second) <= 5


@given(SHARES)
def test_a_cut_off_normal_distribution_is_scipys(share: float) -> None:
    """Quantiles are those of scipy's truncnorm, to the decimals that are kept."""
    spread = Distribution(mean=1.0, sd=0.5, low=0.2, high=2.5)
    theirs = stats.truncnorm.ppf(share, (0.2 - 1) / 0.5, (2.5 - 1) / 0.5, loc=1, scale=0.5)
    assert spread.at(share) == pytest.approx(theirs, abs=1e-4)


def test_without_sd_it_is_uniform() -> None:
    """Half of it lies below the middle."""
    assert Distribution(low=2.0, high=6.0).at(0.5) == 4.0
    assert Distribution(low=2.0, high=6.0).at(0.25) == 3.0


@pytest.mark.parametrize(
    "given_as",
    [{"low": 2.0, "high": 1.0}, {"low": 0.0, "high": 1.0, "mean": 0.5}, {"mean": 3, "sd": 1, "low": 0, "high": 1}],
)
def test_impossible_ones_are_refused(given_as: dict[str, float]) -> None:
    """Ends the wrong way round, half a normal distribution, a mean outside."""
    with pytest.raises(ValidationError):
        Distribution(**{key: float(value) for key, value in given_as.items()})
