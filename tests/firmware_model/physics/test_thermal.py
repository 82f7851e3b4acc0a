"""The propellant's temperature in legs: against the exact exponential, and however far ahead it is worked out."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_model.physics.course import Course
from firmware_model.physics.surroundings import Surroundings
from firmware_model.physics.thermal import HOUR_MS, ThermalLag

_TAU_MS = 450_000


def _around(temperature_c: float) -> Surroundings:
    return Surroundings(temperature_c, 101.325, 12.4)


def _stepping(from_c: float, to_c: float) -> ThermalLag:
    """In equilibrium at one temperature, and put into another at time 0."""
    lag = ThermalLag(Course.constant(0, _around(from_c)), now_ms=0, time_constant_ms=_TAU_MS)
    lag.follow(0, Course.constant(0, _around(to_c)))
    return lag


def test_lag_is_first_order() -> None:
    """After one time constant 1/e of the difference is left, and in the end none, to the bit."""
    lag = _stepping(22.0, 37.0)
    legs = lag.extend(24 * HOUR_MS)
    assert lag.temperature_c(_TAU_MS) == pytest.approx(37 - 15 / math.e)
    assert legs.temperature_c[-1] == 37.0


def test_a_legs_temperature_is_the_mean_over_it() -> None:
    """Each leg has the mean of the exponential, and moves by no more than a step unless it is but a minute."""
    legs = _stepping(22.0, 37.0).extend(3 * HOUR_MS)
    for start, end, mean_c in zip(legs.start_ms, legs.end_ms, legs.temperature_c, strict=True):
        times = np.linspace(start, end, 2001)
        exact_c = 37 - 15 * np.exp(-times / _TAU_MS)
        assert mean_c == pytest.approx(float(np.trapezoid(exact_c, times) / (end - start)), abs=1e-6)
        assert exact_c[-1] - exact_c[0] <= 0.15 + 1e-9 or end - start <= 60_000
    assert set(range(0, 4 * 3_600_000, 3_600_000)) <= {0, *legs.end_ms.tolist()}
    assert _stepping(52.0, 37.0).extend(3 * HOUR_MS).end_ms.tolist() == legs.end_ms.tolist()  # cooling takes as long


_courses = st.lists(st.tuples(st.integers(1, 4 * HOUR_MS), st.floats(20, 45)), min_size=1, max_size=12).map(
    lambda pieces: Course.of(
        [(sum(length for length, _ in pieces[:place]), _around(c)) for place, (_, c) in enumerate(pieces)]
    )
)


@given(_courses, st.lists(st.integers(0, 40 * HOUR_MS), max_size=6))
def test_it_does_not_matter_how_far_ahead_it_is_worked_out(course: Course, stops: list[int]) -> None:
    """In one go or in many, the legs are the same, to the bit."""
    whole = ThermalLag(course, now_ms=0, time_constant_ms=_TAU_MS).extend(40 * HOUR_MS)
    lag = ThermalLag(course, now_ms=0, time_constant_ms=_TAU_MS)
    parts = [lag.extend(stop) for stop in [*sorted(stops), 40 * HOUR_MS] if stop >= lag.until_ms]
    for name in ("start_ms", "end_ms", "temperature_c"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)), name


@given(_courses)
def test_every_leg_starts_where_the_exponential_is(course: Course) -> None:
    """Through any staircase the lag follows the exact solution, piece by piece."""
    lag = ThermalLag(course, now_ms=0, time_constant_ms=_TAU_MS)
    lag.extend(60 * HOUR_MS)
    temperature_c = float(course.temperature_c[0])
    for place, start in enumerate(course.start_ms.tolist()):
        assert lag.temperature_c(start) == pytest.approx(temperature_c, abs=1e-9)
        end = int(course.start_ms[place + 1]) if place + 1 < course.start_ms.size else start
        target_c = float(course.temperature_c[place])
        half_c = target_c + (temperature_c - target_c) * math.exp(-((end - start) // 2) / _TAU_MS)
        assert lag.temperature_c(start + (end - start) // 2) == pytest.approx(half_c, abs=1e-9)
        temperature_c = target_c + (temperature_c - target_c) * math.exp(-(end - start) / _TAU_MS)


@example(Course.constant(0, _around(22.0)), 21 * HOUR_MS + 1_800_000, 30.0, 0)
@given(_courses, st.integers(0, 40 * HOUR_MS), st.floats(20, 45), st.integers(0, 40 * HOUR_MS))
def test_what_comes_without_notice_is_as_if_it_was_known(
    course: Course, at_ms: int, then_c: float, old_ms: int
) -> None:
    """Legs worked out for later are void, and the lag goes on from where it is; what is forgotten is not needed."""
    lag = ThermalLag(course, now_ms=0, time_constant_ms=_TAU_MS)
    legs = lag.extend(20 * HOUR_MS)
    assert legs.end_ms[-1] == lag.until_ms == 21 * HOUR_MS
    lag.extend(40 * HOUR_MS)
    before = [(now_ms, lag.temperature_c(now_ms)) for now_ms in range(0, at_ms, 1_000_003)]
    here_c = lag.temperature_c(at_ms)
    lag.forget(min(old_ms, at_ms))
    lag.follow(at_ms, Course.constant(at_ms, _around(then_c)))
    lag.extend(at_ms + 3 * HOUR_MS)
    assert [each for each in before if each[0] >= old_ms] == [
        (now_ms, lag.temperature_c(now_ms)) for now_ms, _ in before if now_ms >= old_ms
    ]
    for elapsed_ms in range(0, 3 * HOUR_MS, 777_777):
        left_c = (here_c - then_c) * math.exp(-elapsed_ms / _TAU_MS)
        assert lag.temperature_c(at_ms + elapsed_ms) == pytest.approx(then_c + left_c, abs=1e-9)


def test_an_impossible_time_constant_is_refused() -> None:
    """A lag without a time constant is none."""
    with pytest.raises(ValueError, match="time constant"):
        ThermalLag(Course.constant(0, _around(37.0)), now_ms=0, time_constant_ms=0.0)


def test_surroundings_that_change_every_minute_cost_as_much_after_two_days_as_at_first() -> None:
    """What was worked out long ago is not looked at again: a bench that is served for weeks would fall behind."""
    lag, took_s = _stepping(22.0, 37.0), []
    for minute in range(3_000):
        course = Course.constant(minute * 60_000, _around(37.0))
        began_s = time.process_time()
        lag.follow(minute * 60_000, course)
        took_s.append(time.process_time() - began_s)
        lag.extend(minute * 60_000)
    assert np.median(took_s[-200:]) < 5 * np.median(took_s[:200])
