"""Surroundings over time: the same in every window, bounded, and what the file says."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.physics.course import Course
from firmware_model.physics.surroundings import standard_atmosphere_kpa
from firmware_model.scenario.episode import SurroundingsTable
from firmware_model.scenario.scenario import Scenario
from firmware_model.scenario.surroundings_course import surroundings_course
from tests.depth import tries
from tests.firmware_model.scenario.written import HOUR_MS, loaded

_QUIET = SurroundingsTable(circadian_amplitude_c=0, weather_amplitude_kpa=0, outlet_noise_kpa=0)
_COLUMNS = ("start_ms", "temperature_c", "ambient_kpa", "outlet_kpa")


def _at(course: Course, time_ms: int) -> int:
    """Number of the piece that holds at ``time_ms``."""
    return int(course.start_ms.searchsorted(time_ms, side="right")) - 1


def _episodes(most: int = 2, **values: float) -> st.SearchStrategy[list[dict[str, object]]]:
    """Some episodes of one kind, at any time, with any ramp that fits."""
    at, duration, ramp_percent = st.integers(0, 90 * HOUR_MS), st.integers(1, 40 * HOUR_MS), st.integers(0, 50)
    return st.lists(
        st.builds(lambda a, d, r: _times(a, d, d * r // 100) | values, at, duration, ramp_percent), max_size=most
    )


def _times(at_ms: int, duration_ms: int, ramp_ms: int) -> dict[str, object]:
    return {"at": f"{at_ms}ms", "duration": f"{duration_ms}ms", "ramp": f"{ramp_ms}ms"}


_SCENARIOS = st.fixed_dictionaries(
    {
        "title": st.just("any"),
        "days": st.just(5.0),
        "fever": _episodes(temperature_c=39),
        "heating_pad": _episodes(temperature_c=43),
        "flight": _episodes(),
        "altitude": _episodes(altitude_m=2000),
        "dive": _episodes(depth_m=5),
        "outlet": _episodes(outlet_kpa=20),
    }
).map(Scenario.model_validate)


@settings(max_examples=tries(150))
@given(
    scenario=_SCENARIOS,
    seed=st.integers(0, 2**63),
    edges=st.lists(st.integers(0, 120), min_size=3, max_size=3, unique=True).map(sorted),
)
def test_windows_joined_are_the_whole(scenario: Scenario, seed: int, edges: list[int]) -> None:
    """A course from a to c is that from a to b and then that from b to c, bit for bit."""
    a, b, c = edges
    whole = surroundings_course(scenario, seed, a, c)
    first, second = surroundings_course(scenario, seed, a, b), surroundings_course(scenario, seed, b, c)
    for name in _COLUMNS:
        joined = np.concatenate([getattr(first, name), getattr(second, name)])
        assert joined.tobytes() == getattr(whole, name).tobytes(), name


@given(scenario=_SCENARIOS, seed=st.integers(0, 2**63))
@settings(max_examples=tries(50))
def test_pieces_begin_at_every_hour(scenario: Scenario, seed: int) -> None:
    """No piece is longer than an hour, and every whole hour begins one."""
    course = surroundings_course(scenario, seed, 7, 100)
    assert set(range(7 * HOUR_MS, 100 * HOUR_MS, HOUR_MS)) <= set(course.start_ms.tolist())
    assert course.start_ms[0] == 7 * HOUR_MS


@given(seed=st.integers(0, 2**63))
@settings(max_examples=tries(30))
def test_usual_surroundings_stay_in_their_bounds(seed: int) -> None:
    """Day, weather and blood pressure move by no more than their amplitudes, and the weather takes days."""
    usual = SurroundingsTable()
    course = surroundings_course(Scenario(title="any", days=100), seed, 0, 2400)
    assert np.abs(course.temperature_c - usual.temperature_c).max() <= usual.circadian_amplitude_c
    assert np.abs(course.ambient_kpa - 101.325).max() <= usual.weather_amplitude_kpa
    assert np.abs(course.outlet_kpa - usual.outlet_kpa).max() <= usual.outlet_noise_kpa
    assert np.abs(np.diff(course.ambient_kpa)).max() <= 2 * usual.weather_amplitude_kpa / 24 + 1e-9


def test_seeds_make_different_weather() -> None:
    """Noise depends on the seed; the day's rhythm does not."""
    one, other = (surroundings_course(Scenario(title="any", days=10), seed, 0, 240) for seed in (1, 2))
    assert (one.temperature_c == other.temperature_c).all()
    assert np.abs(one.ambient_kpa - other.ambient_kpa).max() > 0.1
    assert np.abs(one.outlet_kpa - other.outlet_kpa).max() > 0.1


def test_weather_and_blood_pressure_use_their_range() -> None:
    """Over a year the noise fills most of its bounds, around a mean of nothing."""
    course = surroundings_course(Scenario(title="any", days=365), 1, 0, 8760)
    for values, mean, amplitude in ((course.ambient_kpa, 101.325, 0.8), (course.outlet_kpa, 12.4, 0.4)):
        assert np.ptp(values) > 1.9 * amplitude
        assert values.mean() == pytest.approx(mean, abs=amplitude / 10)


@pytest.mark.parametrize("peak_h", [0.0, 4.5, 17.0, 23.9])
def test_day_is_warmest_at_its_peak(peak_h: float) -> None:
    """The warmest hour of each day is the one that holds the peak, and the mean over a day is the mean."""
    table = SurroundingsTable(circadian_peak_h=peak_h, circadian_amplitude_c=1.0)
    course = surroundings_course(Scenario(title="any", days=3, surroundings=table), 1, 24, 48)
    assert abs(int(course.temperature_c.argmax()) + 0.5 - peak_h) <= 0.5
    assert course.temperature_c.mean() == pytest.approx(36.9, abs=1e-9)


def test_fever_comes_stays_and_goes(tmp_path: Path) -> None:
    """Half-way up the ramp it is half there, then it is the file's temperature, and after its end it is gone."""
    text = '[[fever]]\nat = "10h30min"\nduration = "10h"\ntemperature_c = 39.0\nramp = "2h"\n'
    scenario = loaded(tmp_path, text, days=2).scenario.model_copy(update={"surroundings": _QUIET})
    course = surroundings_course(scenario, 1, 0, 48)
    minute = HOUR_MS // 60
    for time_min, wanted, within in (
        (629, 36.9, 0),
        (690, 37.95, 0.1),
        (751, 39.0, 0.1),
        (900, 39.0, 1e-9),
        (1109, 39.0, 1e-9),
        (1170, 37.95, 0.1),
        (1230, 36.9, 0),
    ):
        assert course.temperature_c[_at(course, time_min * minute)] == pytest.approx(wanted, abs=within), time_min
    ramp = course.temperature_c[_at(course, 630 * minute) : _at(course, 750 * minute)]
    assert (np.diff(ramp) > 0).all()
    assert np.diff(ramp).max() < 0.25
    ramp = course.temperature_c[_at(course, 1110 * minute) : _at(course, 1230 * minute)]
    assert (np.diff(ramp) < 0).all()
    assert np.diff(ramp).min() > -0.25


def test_pieces_of_one_hour_share_its_blood_pressure() -> None:
    """What splits an hour changes what it moves, and nothing else."""
    fever = {"at": "5h", "duration": "4h", "temperature_c": 39.0}
    scenario = Scenario.model_validate({"title": "any", "days": 1.0, "fever": [fever]})
    course, without = (surroundings_course(each, 1, 0, 24) for each in (scenario, Scenario(title="any", days=1)))
    assert course.start_ms.size > without.start_ms.size
    assert (course.outlet_kpa == without.outlet_kpa[course.start_ms // HOUR_MS]).all()


@pytest.mark.parametrize(
    ("kind", "values", "ambient_kpa", "outlet_kpa"),
    [
        ("flight", {}, standard_atmosphere_kpa(2400), 12.4),
        ("altitude", {"altitude_m": 3000}, standard_atmosphere_kpa(3000), 12.4),
        ("dive", {"depth_m": 10}, 101.325 + 100.518, 12.4),
        ("outlet", {"outlet_kpa": 20}, 101.325, 20.0),
    ],
)
def test_full_episodes_are_what_they_say(
    kind: str, values: dict[str, object], ambient_kpa: float, outlet_kpa: float
) -> None:
    """In the middle of a flight, a stay, a dive or a bout of hypertension the pressures are the file's."""
    episode = {"at": "1h", "duration": "1h", "ramp": "1min", **values}
    scenario = Scenario.model_validate({"title": "any", "days": 1.0, "surroundings": _QUIET, kind: [episode]})
    course = surroundings_course(scenario, 1, 0, 24)
    piece = _at(course, 3 * HOUR_MS // 2)
    assert course.ambient_kpa[piece] == pytest.approx(ambient_kpa, abs=1e-3)
    assert course.outlet_kpa[piece] == pytest.approx(outlet_kpa, abs=1e-9)
    before = _at(course, HOUR_MS - 1)
    assert (course.ambient_kpa[before], course.outlet_kpa[before]) == (101.325, 12.4)
