"""Start-up and trumpet curves against a plain-Python oracle and against what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.flow.trumpet import equal_interval_min, flow_curve, trumpet

INTERVAL_MIN = 15.0
RATE_ML_PER_DAY = 1.0
IDEAL_STEP_ML = RATE_ML_PER_DAY * INTERVAL_MIN / 1440

steps_ml = st.lists(st.floats(-0.02, 0.05), min_size=1, max_size=40)


def cumulative(steps: list[float]) -> list[float]:
    """Volumes at the n + 1 samples around n steps."""
    volumes = [0.0]
    for step in steps:
        volumes.append(volumes[-1] + step)
    return volumes


def by_the_formula(steps: list[float], window: int) -> tuple[float, float]:
    """E_p(max) and E_p(min) as IEC 60601-2-24 writes them: S/P times the sum of errors from j to j + P/S - 1."""
    errors = [100 * (step / INTERVAL_MIN * 1440 - RATE_ML_PER_DAY) / RATE_ML_PER_DAY for step in steps]
    means = []
    for j in range(len(errors) - window + 1):
        total = 0.0
        for i in range(j, j + window):
            total += errors[i]
        means.append(total / window)
    return max(means), min(means)


@given(steps_ml)
def test_agrees_with_the_formula(steps: list[float]) -> None:
    """Every window length gives what two nested loops over the standard's formula give."""
    windows = [count * INTERVAL_MIN for count in range(1, len(steps) + 1)]
    points = trumpet(cumulative(steps), INTERVAL_MIN, RATE_ML_PER_DAY, windows)
    assert [point.window_min for point in points] == windows
    for count, point in enumerate(points, start=1):
        most, least = by_the_formula(steps, count)
        assert point.max_error_percent == pytest.approx(most, abs=1e-7)
        assert point.min_error_percent == pytest.approx(least, abs=1e-7)


@given(steps_ml)
def test_encloses_the_overall_error_and_meets_it(steps: list[float]) -> None:
    """Largest and smallest of single intervals enclose the overall error; the window of full length is that error."""
    volumes = cumulative(steps)
    whole_min = len(steps) * INTERVAL_MIN
    overall = 100 * (volumes[-1] / whole_min * 1440 - RATE_ML_PER_DAY) / RATE_ML_PER_DAY
    single, full = trumpet(volumes, INTERVAL_MIN, RATE_ML_PER_DAY, (INTERVAL_MIN, whole_min))
    assert single.min_error_percent - 1e-7 <= overall <= single.max_error_percent + 1e-7
    assert full.max_error_percent == pytest.approx(overall, abs=1e-7)
    assert full.min_error_percent == pytest.approx(overall, abs=1e-7)


@given(steps_ml, st.integers(1, 40), st.integers(1, 40))
def test_a_multiple_of_a_window_is_never_wider(steps: list[float], count: int, times: int) -> None:
    """A window made of shorter ones has a mean between theirs: the trumpet narrows."""
    windows = (count * INTERVAL_MIN, count * times * INTERVAL_MIN)
    points = trumpet(cumulative(steps), INTERVAL_MIN, RATE_ML_PER_DAY, windows)
    if len(points) == 2:
        assert points[1].max_error_percent <= points[0].max_error_percent + 1e-7
        assert points[1].min_error_percent >= points[0].min_error_percent - 1e-7


def test_ideal_pump_has_no_error() -> None:
    """A pump that delivers its rate in each interval has the flat trumpet, at zero, and a flat start-up curve."""
    volumes = [number * IDEAL_STEP_ML for number in range(101)]
    assert flow_curve(volumes, INTERVAL_MIN) == pytest.approx([RATE_ML_PER_DAY] * 100)
    for point in trumpet(volumes, INTERVAL_MIN, RATE_ML_PER_DAY, (15, 60, 150, 330, 570, 930)):
        assert point.max_error_percent == pytest.approx(0, abs=1e-9)
        assert point.min_error_percent == pytest.approx(0, abs=1e-9)


def test_windows_longer_than_the_collection_are_left_out() -> None:
    """An hour of samples says nothing about 150 minutes."""
    points = trumpet([0.0, 0.01, 0.02, 0.03, 0.04], INTERVAL_MIN, RATE_ML_PER_DAY, (15, 60, 150))
    assert [point.window_min for point in points] == [15, 60]


@pytest.mark.parametrize("window_min", [0, -15, 22.5, 7, math.nan, math.inf])
def test_windows_that_are_no_multiple_are_refused(window_min: float) -> None:
    """A window is a whole number of intervals, and at least one."""
    with pytest.raises(ValueError, match="window"):
        trumpet([0.0, 0.01, 0.02], INTERVAL_MIN, RATE_ML_PER_DAY, (window_min,))


@pytest.mark.parametrize("volumes", [[], [0.0], [0.0, math.nan], [0.0, math.inf], [math.nan, math.nan, 1.0]])
def test_missing_volumes_are_refused(volumes: list[float]) -> None:
    """Fewer than two volumes, or one that is no number, give no curve rather than a wrong one."""
    with pytest.raises(ValueError, match="volumes"):
        flow_curve(volumes, INTERVAL_MIN)
    with pytest.raises(ValueError, match="volumes"):
        trumpet(volumes, INTERVAL_MIN, RATE_ML_PER_DAY, (15,))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_senseless_interval_or_rate_is_refused(bad: float) -> None:
    """Interval and rate are positive numbers."""
    with pytest.raises(ValueError, match="interval"):
        flow_curve([0.0, 0.01], bad)
    with pytest.raises(ValueError, match="rate"):
        trumpet([0.0, 0.01], INTERVAL_MIN, bad, (15,))


def test_equal_spacing_is_found() -> None:
    """The interval of equally spaced samples, and of ones that are as late as the caller allows."""
    assert equal_interval_min([3.0, 18.0, 33.0, 48.0]) == 15.0
    assert equal_interval_min([0.0, 15.2, 30.0], jitter=0.05) == 15.0


@pytest.mark.parametrize(
    ("times_min", "said"),
    [
        ([0.0, 15.0, 45.0, 60.0], "at 45 min came 30 min after the one before it, the others 15 min"),
        ([0.0, 15.2, 30.0], "equally spaced"),
        ([0.0, 15.0, 15.0, 0.0], "increase"),
        ([0.0, math.nan, 30.0], "finite"),
        ([0.0], "two times"),
    ],
)
def test_unequal_spacing_is_refused(times_min: list[float], said: str) -> None:
    """A missing or late sample is named rather than drawn as a burst of flow."""
    with pytest.raises(ValueError, match=said):
        equal_interval_min(times_min)
