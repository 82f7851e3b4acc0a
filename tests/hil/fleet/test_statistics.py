"""Intervals, survival and the paired test, beside scipy's and a textbook's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from firmware_model.fleet.life import YEAR_MS, _fate
from firmware_model.fleet.population import load_population
from hil.fleet.statistics import (
    kaplan_meier,
    mcnemar_p,
    percentile_interval,
    poisson_interval,
    share_interval,
    spread_of_counts,
    wilson_interval,
)
from tests.firmware_model.fleet.populations import AMBULATORY

COUNTS = st.integers(0, 3000)


@given(COUNTS, COUNTS)
def test_wilson_is_scipys(hits: int, misses: int) -> None:
    """For any share of any number, with its ends at nothing and at all."""
    ours = wilson_interval(hits, hits + misses)
    if not hits + misses:
        assert math.isnan(ours.estimate)
        return
    theirs = stats.binomtest(hits, hits + misses).proportion_ci(0.95, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert ours.low <= ours.estimate <= ours.high


@given(COUNTS, st.floats(0.01, 1e6))
def test_poisson_is_exact(events: int, exposure: float) -> None:
    """At either end of the interval, so many events or more (fewer) have a probability of 2.5 %."""
    ours = poisson_interval(events, exposure)
    assert stats.poisson.cdf(events, ours.high * exposure) == pytest.approx(0.025, rel=1e-6)
    if events:
        assert stats.poisson.sf(events - 1, ours.low * exposure) == pytest.approx(0.025, rel=1e-6)
    else:
        assert ours.low == 0


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_scipys_binomial_test(only_first: int, only_second: int) -> None:
    """Of those that differ, half should be on either side."""
    together = only_first + only_second
    theirs = stats.binomtest(only_first, together, 0.5).pvalue if together else 1.0
    assert mcnemar_p(only_first, only_second) == pytest.approx(theirs, abs=1e-12)


def test_survival_is_the_textbooks() -> None:
    """Remission under 6-MP (Freireich et al. 1963), as in every textbook: survival, and Greenwood's standard errors."""
    times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    relapsed = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = kaplan_meier([float(time) for time in times], [bool(each) for each in relapsed])
    assert curve.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve.survival == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    spread = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    z = stats.norm.ppf(0.975)
    for place, error in enumerate(spread):
        share = curve.survival[place]
        reach = z * error / (share * abs(math.log(share)))
        bounds = (share ** math.exp(reach), share ** math.exp(-reach))
        assert (curve.low[place], curve.high[place]) == pytest.approx(bounds, abs=1e-3)


@given(st.lists(st.tuples(st.floats(0.01, 10), st.booleans()), min_size=1, max_size=60))
def test_survival_is_scipys(pumps: list[tuple[float, bool]]) -> None:
    """Against scipy's product-limit estimate, ties and all."""
    times, failed = zip(*pumps, strict=True)
    curve = kaplan_meier(times, failed)
    theirs = stats.ecdf(
        stats.CensoredData(
            uncensored=[time for time, dead in pumps if dead], right=[time for time, dead in pumps if not dead]
        )
    ).sf
    for time, share in zip(curve.time, curve.survival, strict=True):
        assert share == pytest.approx(float(theirs.evaluate(time)), abs=1e-12)
    assert (np.diff(curve.survival) <= 0).all()


def test_published_shares_come_out_of_the_default_population() -> None:
    """Of 6000 pumps, some of which go out of sight: 9 % and 16 % lie within the intervals of Kaplan and Meier."""
    loaded = load_population(AMBULATORY)
    fates = [_fate(loaded, 11, pump, round(2.2 * YEAR_MS)) for pump in range(6000)]
    times = [(failure[0].at_ms if failure else end_ms) / YEAR_MS for end_ms, _, failure in fates]
    curve = kaplan_meier(times, [bool(failure) for *_, failure in fates])
    assert sum(why == "departed" for _, why, _ in fates) > 1000
    for years, share in ((1.0, 0.09), (2.0, 0.16)):
        lives = curve.at(years)
        assert 1 - lives.high < share < 1 - lives.low
        assert lives.high - lives.low < 0.03


def test_survival_without_a_failure() -> None:
    """All survive, as far as anybody looked: and two who did say little of others, one even less."""
    curve = kaplan_meier([1.0, 2.0], [False, False])
    assert curve.at(1.0) == wilson_interval(2, 2)
    assert curve.at(2.0) == wilson_interval(1, 1)
    assert math.isnan(curve.at(2.01).estimate)


def test_survival_after_the_last_failure() -> None:
    """Nothing is said of times at which nobody was watched any more, unless all had failed by then."""
    assert math.isnan(kaplan_meier([1.0, 2.0], [True, False]).at(2.01).estimate)
    assert kaplan_meier([1.0, 2.0], [True, True]).at(9.0).estimate == 0


def test_survival_when_all_have_failed() -> None:
    """That none is left of so few does not say that of others none would be."""
    one, two = kaplan_meier([0.5], [True]), kaplan_meier([0.5, 1.0], [True, True])
    assert one.at(1.0) == wilson_interval(0, 1)
    assert two.at(1.0).high == two.at(0.5).high > 0.5


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=400), st.integers(1, 100))
def test_percentiles_are_scipys(values: list[int], percent: int) -> None:
    """By nearest rank; and the interval of order statistics, without a bound where scipy gives none."""
    array = np.array(values, dtype=np.float64)
    ours = percentile_interval(array, percent)
    assert ours.estimate == sorted(values)[-(-percent * len(values) // 100) - 1]
    if percent == 100:
        assert (ours.low, ours.high) == (array.max(), math.inf)
        return
    theirs = stats.quantile_test(array, q=0, p=percent / 100).confidence_interval(0.95)
    assert ours.low == (0 if math.isnan(theirs.low) else theirs.low)
    assert ours.high == (math.inf if math.isnan(theirs.high) else theirs.high)


def test_one_value_bounds_no_percentile() -> None:
    """From a single latency nothing follows about the slow ones."""
    assert percentile_interval(np.array([1.2]), 95).high == math.inf


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=200), st.integers(1, 99))
def test_pumps_with_one_value_each_change_nothing(values: list[int], percent: int) -> None:
    """Then the values are independent, and worth what they are; but all equal ones are left without a spread."""
    array = np.array(values, dtype=np.float64)
    each = percentile_interval(array, percent, np.arange(array.size))
    assert each == percentile_interval(array, percent)


def test_pumps_that_are_all_alike_are_worth_all_their_values() -> None:
    """Each pump has the same two values: as many below the median as any other, and no division by nothing."""
    values, pumps = np.tile([1.0, 2.0], 40), np.repeat(np.arange(40), 2)
    assert percentile_interval(values, 50, pumps) == percentile_interval(values, 50)


def test_values_of_one_pump_are_worth_less() -> None:
    """Sixty pumps, a dozen values each, nearly alike: the true percentile is in 95 of 100 intervals, as promised."""
    random = np.random.default_rng(1)
    pumps, true = np.repeat(np.arange(60), 12), stats.halfnorm.ppf(0.9)
    within = {"alike": 0, "as if independent": 0}
    for _ in range(300):
        values = np.abs(random.standard_normal(60))[pumps] + random.normal(0, 1e-3, pumps.size)
        for name, known in (("alike", pumps), ("as if independent", None)):
            interval = percentile_interval(values, 90, known)
            within[name] += interval.low <= true <= interval.high
    assert within["alike"] >= 0.92 * 300
    assert within["as if independent"] < 0.6 * 300


def test_alarms_of_a_few_pumps_tell_less() -> None:
    """Gamma-distributed rates of 50 pumps: the true rate is in 9 of 10 intervals at least, and rarely so without."""
    random = np.random.default_rng(2)
    exposures = np.full(50, 2.0)
    hits, without = 0, 0
    for _ in range(300):
        counts = random.poisson(random.gamma(0.5, 2.0, 50) * exposures).astype(np.float64)
        spread = spread_of_counts(counts, exposures)
        for widened in (spread, 1.0):
            interval = poisson_interval(int(counts.sum()), 100.0, widened)
            found = interval.low <= 1.0 <= interval.high
            hits, without = (hits + found, without) if widened == spread else (hits, without + found)
    assert hits >= 0.9 * 300
    assert without < 0.7 * 300


def test_independent_counts_are_not_spread() -> None:
    """As far apart as chance has them, or closer: a spread of one."""
    assert spread_of_counts(np.zeros(9), np.ones(9)) == 1
    assert spread_of_counts(np.ones(9), np.ones(9)) == 1
    assert spread_of_counts(np.array([6.0, 0, 0]), np.ones(3)) == pytest.approx(6.0)


@given(COUNTS, COUNTS)
def test_one_fault_for_each_pump_is_wilsons(hits: int, misses: int) -> None:
    """Then faults are as independent as pumps."""
    array = np.repeat([True, False], [hits, misses])
    ours, theirs = share_interval(array, np.arange(array.size)), wilson_interval(hits, hits + misses)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_faults_of_one_pump_are_worth_less() -> None:
    """Forty pumps, fifteen faults each, mostly all or none of them detected: 95 of 100 intervals have the truth."""
    random, pumps, within = np.random.default_rng(3), np.repeat(np.arange(40), 15), 0
    for _ in range(300):
        interval = share_interval(random.random(pumps.size) < random.beta(0.2, 0.2, 40)[pumps], pumps)
        within += interval.low <= 0.5 <= interval.high
    assert within >= 0.92 * 300
