"""How fast pumps run: those that pass over quiet stretches beside those that take every sample, in one process."""

import resource
import time
import tracemalloc
from collections.abc import Callable

import pytest

from tests.bench.ambulatory import ambulatory_course, ambulatory_pump, run_days

_YEAR = 365
_PLAIN_DAYS = 10
_YEARS_WANTED, _RATIO_WANTED, _BYTES_WANTED = 200, 100, 2_000_000


@pytest.mark.benchmark(group="pump")
def test_pump_years_per_second(benchmark: Callable[..., object]) -> None:
    """One ambulatory pump-year at a sample a minute; the course of surroundings is made beforehand and with it."""
    course = ambulatory_course(_YEAR, seed=1)
    benchmark(lambda: run_days(ambulatory_pump(course, seed=1), _YEAR))


@pytest.mark.benchmark(group="pump")
def test_pump_years_per_second_with_image(benchmark: Callable[..., object]) -> None:
    """The same, and its memory read at the end: with the hourly history of the last six weeks."""
    course = ambulatory_course(_YEAR, seed=1)

    def year() -> bytes:
        pump = ambulatory_pump(course, seed=1)
        run_days(pump, _YEAR)
        return pump.memory_image(_YEAR * 86_400_000)

    benchmark(year)


def test_ratio_to_the_plain_loop(capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side: both give the same events and the same memory, and the table says how much faster one is."""
    year, plain = ambulatory_course(_YEAR, seed=1), ambulatory_course(_PLAIN_DAYS, seed=1)

    def seconds(days: int, *, passes_over: bool) -> tuple[float, list[object], bytes]:
        course = year if days == _YEAR else plain
        start = time.process_time()
        pump = ambulatory_pump(course, seed=1, passes_over=passes_over)
        events = run_days(pump, days)
        spent = time.process_time() - start
        return spent, [event.as_json() for event in events], pump.memory_image(days * 86_400_000)

    slow, slow_events, slow_image = seconds(_PLAIN_DAYS, passes_over=False)
    _, fast_events, fast_image = seconds(_PLAIN_DAYS, passes_over=True)
    assert (fast_events, fast_image) == (slow_events, slow_image)
    fast = min(seconds(_YEAR, passes_over=True)[0] for _ in range(20))
    slow_rate, fast_rate = _PLAIN_DAYS / _YEAR / slow, 1 / fast
    with capsys.disabled():
        print(f"\n{'':24}{'pump-years/s':>14}{'goal':>8}")
        print(f"{'every sample':24}{slow_rate:14.3f}")
        print(f"{'quiet passed over':24}{fast_rate:14.1f}{_YEARS_WANTED:8}")
        print(f"{'ratio':24}{fast_rate / slow_rate:14.0f}{_RATIO_WANTED:8}")


def test_memory_of_a_pump_does_not_grow(capsys: pytest.CaptureFixture[str]) -> None:
    """What one pump holds after one year and after five; each course is given out in parts, as a scenario does."""
    held = {}
    run_days(ambulatory_pump(ambulatory_course(40, seed=1), seed=1), 40)  # loads what is compiled
    for years in (1, 5):
        tracemalloc.start()
        pump = ambulatory_pump(ambulatory_course(40, seed=1), seed=1)
        for part in range(years * 9):
            begin = part * 40
            if part:
                course = ambulatory_course(40, seed=part + 1)
                moved = type(course)(
                    course.start_ms + begin * 86_400_000, course.temperature_c, course.ambient_kpa, course.outlet_kpa
                )
                pump.set_surroundings(begin * 86_400_000, moved)
            pump.wake((begin + 40) * 86_400_000)
            pump.take_events()
        held[years] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    with capsys.disabled():
        print(f"\nheld by one pump after 1 and 5 years: {held[1]:,} and {held[5]:,} bytes, goal < {_BYTES_WANTED:,}")
        print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    assert held[5] < _BYTES_WANTED
