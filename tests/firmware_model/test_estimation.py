"""The firmware's estimators against plain arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.clock import PumpClock
from firmware_model.estimation import MovingMean, flow_nl_per_day, rounded_quotient

_volumes = st.lists(st.integers(0, 33_000_000), min_size=6, max_size=6)


@given(_volumes)
def test_flow_is_the_least_squares_slope(volumes: list[int]) -> None:
    """Six hourly volumes give minus the slope that numpy fits to them, times 24, to the nearest nanolitre."""
    slope = np.polyfit(range(6), np.array(volumes, dtype=float), 1)[0]
    assert abs(flow_nl_per_day(volumes) + 24 * slope) <= 0.5 + 1e-3


@given(st.integers(0, 5_000_000), st.integers(0, 30_000_000))
def test_a_steady_flow_is_found_exactly(per_day_nl: int, start_nl: int) -> None:
    """A volume that falls by the same amount every hour gives 24 times that amount."""
    per_hour_nl = per_day_nl // 24
    assert flow_nl_per_day([start_nl - hour * per_hour_nl for hour in range(6)]) == 24 * per_hour_nl


@pytest.mark.parametrize("hours", [0, 5, 7])
def test_another_window_is_refused(hours: int) -> None:
    """Fewer or more hours than six are another estimator."""
    with pytest.raises(ValueError, match="needs 6 hours"):
        flow_nl_per_day([0] * hours)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1), st.integers(1, 20))
def test_moving_mean_is_the_mean_of_the_last(values: list[int], window: int) -> None:
    """After any values the running sum gives what a mean over the last ones would."""
    mean = MovingMean(window)
    results = [mean.add(value) for value in values]
    last = values[-window:]
    assert results[-1] == rounded_quotient(sum(last), len(last))


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounded_quotient_is_nearest(numerator: int, denominator: int) -> None:
    """The rounded quotient is never more than a half away from the exact one."""
    assert abs(rounded_quotient(numerator, denominator) - Fraction(numerator, denominator)) <= Fraction(1, 2)


@pytest.mark.parametrize(("drift_ppm", "after_a_day_ms"), [(20, 1728), (-20, -1728), (0, 0)])
def test_the_clock_drifts(drift_ppm: int, after_a_day_ms: int) -> None:
    """After a day of uptime the shown UTC is off by the drift."""
    clock = PumpClock(utc_ms=1_767_225_600_000, drift_ppm=drift_ppm)
    assert clock.utc_ms(86_400_000) - 1_767_225_600_000 == 86_400_000 + after_a_day_ms


def test_setting_the_clock_starts_the_drift_anew() -> None:
    """What was shown comes back as the previous time, and drift counts from the setting on."""
    clock = PumpClock(utc_ms=1_767_225_600_000, drift_ppm=100)
    previous_ms = clock.set_utc(10_000_000, 1_800_000_000_000)
    assert previous_ms == 1_767_225_600_000 + 10_001_000
    assert clock.utc_ms(10_000_000) == 1_800_000_000_000
    assert clock.utc_ms(20_000_000) == 1_800_010_001_000


@pytest.mark.parametrize("utc_ms", [0, 946_684_799_999, 4_102_444_800_000, 2**64 - 1])
def test_absurd_dates_are_refused(utc_ms: int) -> None:
    """A date before 2000 or after 2099 is a mistake, and the clock stays as it was."""
    clock = PumpClock(utc_ms=1_767_225_600_000, drift_ppm=0)
    with pytest.raises(ValueError, match="2000 to 2099"):
        clock.set_utc(0, utc_ms)
    assert clock.utc_ms(0) == 1_767_225_600_000
