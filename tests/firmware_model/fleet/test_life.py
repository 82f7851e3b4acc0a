"""One pump's life: a function of seed and number alone, possible, and as often broken as the population says."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.fleet.chance import Chance, pump_seed
from firmware_model.fleet.life import DAY_MS, YEAR_MS, _fate, pump_life
from firmware_model.fleet.population import LoadedPopulation, load_population
from firmware_model.scenario.contradictions import contradictions
from firmware_model.scenario.scenario import Scenario, load_scenario
from firmware_model.scenario.written import scenario_toml
from tests.depth import tries
from tests.firmware_model.fleet.populations import AMBULATORY, eventful

DEFAULT = load_population(AMBULATORY)
PINNED = (13622241019131528524, 14481686956081439522, 8524990408907441)
SEEDS, PUMPS = st.integers(0, 2**64 - 1), st.integers(0, 2**40)


@settings(max_examples=tries(40))
@given(SEEDS, PUMPS, st.floats(1, 1500))
def test_every_life_is_possible(seed: int, pump: int, days: float) -> None:
    """Nothing in it contradicts anything else, by the rules of scenario files."""
    life = pump_life(DEFAULT, seed, pump, days)
    assert list(contradictions(life.scenario, DEFAULT.profile)) == []


@settings(max_examples=10)
@given(SEEDS, PUMPS)
def test_a_longer_look_sees_the_same_life(seed: int, pump: int) -> None:
    """What happens in the first year does not depend on whether anybody looks at the second."""
    short, long = (pump_life(DEFAULT, seed, pump, days) for days in (365.0, 730.0))
    end_ms = round(short.scenario.days * DAY_MS)
    assert short.scenario.surroundings == long.scenario.surroundings
    assert short.refills_ms == tuple(at for at in long.refills_ms if at in set(short.refills_ms))
    assert [each for each in short.occurrences if each.at_ms < end_ms] == [
        each for each in long.occurrences if each.at_ms < end_ms
    ]


def test_an_end_on_the_day_of_a_trip_moves_no_appointment() -> None:
    """Whoever leaves that day does not come in the morning, whether the watch ends before the flight or after."""
    loaded = load_population(AMBULATORY)
    for pump in range(150):
        whole = pump_life(loaded, 1, pump, 365.0)
        for flight in whole.scenario.flight[::2]:
            cut = pump_life(loaded, 1, pump, flight.at / DAY_MS)
            assert cut.refills_ms == whole.refills_ms[: len(cut.refills_ms)]


def test_a_life_survives_its_own_file(tmp_path: Path) -> None:
    """Written as a scenario file and read again it is the same, for pumps to which much happens, whatever its words."""
    loaded = eventful(
        tmp_path,
        ('"Much goes wrong"', f'"{"x" * 120}"'),
        ("[clinic]", '[clinic]\ndrug = "5-FU \\"\u00e9\\\\\\n\\u007f\\u0000"'),
    )
    for pump in range(30):
        life = pump_life(loaded, 3, pump, 200.0)
        path = tmp_path / "life.toml"
        path.write_text(scenario_toml(life.scenario, "One life."), encoding="utf-8")
        read = load_scenario(path).scenario
        assert Scenario.model_validate(read.model_copy()) == read
        assert read.model_dump() == life.scenario.model_dump()


def test_one_fault_more_moves_nothing_else(tmp_path: Path) -> None:
    """A fault that is added to a population leaves patients, refills and other faults as they were."""
    more = eventful(tmp_path, ('name = "reset"', 'name = "intrusion"\nper_year = 3.0\n\n[[fault]]\nname = "reset"'))
    loaded = eventful(tmp_path)
    for pump in range(20):
        before, after = (pump_life(each, 1, pump, 300.0) for each in (loaded, more))
        assert [each for each in after.occurrences if each.fault != "intrusion"] == list(before.occurrences)
        assert after.refills_ms == before.refills_ms
        assert after.scenario.flight == before.scenario.flight


def test_numbers_are_these_for_ever() -> None:
    """The generator's numbers are pinned: a new NumPy must not change last year's pumps."""
    chance = Chance(1, 2, "unit")
    assert [chance.word(), chance.word()] == [PINNED[0], PINNED[1]]
    assert pump_seed(1, 2) == PINNED[2]
    assert pump_seed(1, 2) < 2**53


def test_purposes_pumps_and_seeds_are_apart() -> None:
    """No two of them give the same numbers."""
    words = {
        Chance(seed, pump, purpose).word() for seed in range(10) for pump in range(10) for purpose in ("a", "b", "c")
    }
    assert len(words) == 300
    uniform = [Chance(1, pump, "a").uniform() for pump in range(4000)]
    assert np.histogram(uniform, bins=8, range=(0, 1))[0] == pytest.approx(500, abs=90)


def test_as_many_fail_as_were_published() -> None:
    """Of 20,000 pumps that nobody loses sight of: 9 % after a year and 16 % after two, within four standard errors."""
    staying = DEFAULT.population.model_copy(
        update={"patients": DEFAULT.population.patients.model_copy(update={"departures_per_year": 0.0})}
    )
    lean = staying.model_copy(update={"fault": staying.failing})
    loaded = dataclasses.replace(DEFAULT, population=lean)
    failed = [_years_to_failure(loaded, pump) for pump in range(20_000)]
    for years, share in ((1.0, 0.09), (2.0, 0.16)):
        found = float(np.mean(np.array(failed) <= years))
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5)


def _years_to_failure(loaded: LoadedPopulation, pump: int) -> float:
    *_, failure = _fate(loaded, 7, pump, round(2 * YEAR_MS))
    return failure[0].at_ms / YEAR_MS if failure else float("inf")


def test_a_failed_pump_is_watched_for_as_long_as_is_said(tmp_path: Path) -> None:
    """A criterion that allows a fault all of that time counts every failure that the study's end leaves so long."""
    loaded = eventful(tmp_path, ('follow_up = "10d"', 'follow_up = "1d"'), ("departures_per_year = 0.5", ""))
    lives = [pump_life(loaded, 1, pump, 400.0) for pump in range(60)]
    failures = [(life, life.failure) for life in lives if life.failure is not None and life.end == "failed"]
    assert len(failures) > 20
    assert all(round(life.scenario.days * DAY_MS) - failure.at_ms >= DAY_MS for life, failure in failures)
