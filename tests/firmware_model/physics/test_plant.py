"""The flow path as a whole: surroundings, refills, faults, and the balance of every nanolitre."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.faults.table import FLOW_PATH_FAULTS, REFILL_FAULTS
from firmware_model.physics.course import Course
from firmware_model.physics.flow import expected_flow
from firmware_model.physics.fluids import vapour_pressure_kpa
from firmware_model.physics.interventions import Aspiration, BolusChange, FaultChange, Filling, Intervention
from firmware_model.physics.plant import Plant
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import PumpProfile, load_profile
from tests.depth import tries

_PUMPS = Path(__file__).parents[3] / "fixtures" / "pumps"
_PROFILE = load_profile(_PUMPS / "generic-30ml.toml")
_STIFF = load_profile(_PUMPS / "generic-30ml-butane.toml")
_BODY = Surroundings(37.0, 101.325, 12.4)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_FULL_NL = 30_000_000


def _plant(
    surroundings: Surroundings | Course = _BODY, profile: PumpProfile = _PROFILE, volume_nl: int = _FULL_NL
) -> Plant:
    return Plant(profile, now_ms=0, surroundings=surroundings, volume_nl=volume_nl)


def _flow_ml_per_day(plant: Plant, from_ms: int, until_ms: int) -> float:
    before_nl = plant.delivered_nl(from_ms)
    return (plant.delivered_nl(until_ms) - before_nl) * 86_400 / 1000 / (until_ms - from_ms)


@pytest.mark.parametrize("profile", [_PROFILE, _STIFF], ids=["R-11", "n-butane"])
@pytest.mark.parametrize("temperature_c", [35.0, 37.0, 39.0])
@pytest.mark.parametrize("volume_ml", [30, 10])
def test_at_rest_it_flows_as_the_law_says(profile: PumpProfile, temperature_c: float, volume_ml: int) -> None:
    """An hour's delivery is that of the flow law at its middle, within a few parts in 10 000."""
    around = Surroundings(temperature_c, 101.325, 12.4)
    plant = _plant(around, profile, volume_ml * 1_000_000)
    law = expected_flow(profile, temperature_c, 101.325, 12.4, volume_ml).flow_ml_per_day
    assert _flow_ml_per_day(plant, 0, _HOUR_MS) == pytest.approx(law, rel=2e-4)


@pytest.mark.parametrize("minutes", [5.0, 10.0])
def test_recovery_after_a_cold_refill(minutes: float) -> None:
    """From 27 degrees an R-11 pump recovers 90 % of its flow in 13 to 26 min and falls 4 to 8 uL behind."""
    profile = _PROFILE.model_copy(update={"thermal_time_constant_min": minutes, "droop_kpa": 0.0})
    plant = _plant(Surroundings(27.0, 101.325, 12.4), profile)
    plant.follow(0, _BODY)
    recovered_min = next(
        minute for minute in range(120) if _flow_ml_per_day(plant, minute * 60_000, (minute + 1) * 60_000) >= 0.9
    )
    steady_nl = _flow_ml_per_day(_plant(profile=profile), 0, 4 * _HOUR_MS) * 4 / 24 * 1e6
    assert 13 * minutes / 5 - 1 <= recovered_min <= 13 * minutes / 5 + 1
    assert steady_nl - plant.delivered_nl(4 * _HOUR_MS) == pytest.approx(4000 * minutes / 5, rel=0.1)


def test_a_refill_from_the_shelf_cools_the_propellant() -> None:
    """28 mL of room temperature mix with what the pump holds; the flow starts near zero and comes back."""
    plant = _plant(volume_nl=16_000_000)
    plant.intervene(Aspiration(_HOUR_MS))
    plant.intervene(Filling(_HOUR_MS + 60_000, 28_000_000, 20.0))
    after_ms = _HOUR_MS + 60_000
    held = _PROFILE.heat_capacity_j_per_k + 2 * 4.18
    mixed_c = (held * 37 + 28 * 4.18 * 20) / (held + 28 * 4.18)
    assert plant.truth_at(after_ms + 1000).temperature_c == pytest.approx(mixed_c, abs=2)
    assert _flow_ml_per_day(plant, after_ms, after_ms + 120_000) < 0.2
    assert _flow_ml_per_day(plant, after_ms + 2 * _HOUR_MS, after_ms + 3 * _HOUR_MS) == pytest.approx(1.0, abs=0.01)
    short_nl = 1e6 / 6 - (plant.delivered_nl(after_ms + 4 * _HOUR_MS) - plant.delivered_nl(after_ms))
    assert 4000 < short_nl < 8000


def test_pressures_act_at_once_and_warmth_with_its_lag() -> None:
    """A change of weather changes the flow in the same moment; a warmer bath reaches the propellant later."""
    plant = _plant()
    plant.follow(90_500, Surroundings(37.0, 96.325, 12.4))
    assert plant.truth_at(90_500).reservoir_kpa == pytest.approx(vapour_pressure_kpa("R-11", 37), abs=0.01)
    assert _flow_ml_per_day(plant, 90_500, 120_000) == pytest.approx(1.111, abs=0.002)
    plant.follow(120_000, Surroundings(39.0, 96.325, 12.4))
    assert 37 < plant.truth_at(125_000).temperature_c < 37.3
    assert plant.truth_at(24 * _HOUR_MS).temperature_c == 39.0


_times = st.integers(0, 5 * _DAY_MS)
_faults = st.sampled_from([*FLOW_PATH_FAULTS.values(), *REFILL_FAULTS.values()]).flatmap(
    lambda kind: st.builds(FaultChange, _times, st.just(kind.name), st.floats(kind.lower, kind.upper))
)
_interventions = st.one_of(
    st.builds(Aspiration, _times),
    st.builds(Filling, _times, st.integers(1, 28_000_000), st.floats(2, 37)),
    st.builds(BolusChange, _times, st.integers(0, 5_000_000), st.floats(0, 20)),
    _faults,
)
_surroundings = st.builds(Surroundings, st.floats(5, 55), st.floats(60, 200), st.floats(-10, 30))
_courses = st.lists(st.tuples(st.integers(1, _DAY_MS), _surroundings), min_size=1, max_size=6).map(
    lambda pieces: Course.of(
        [(sum(length for length, _ in pieces[:place]), around) for place, (_, around) in enumerate(pieces)]
    )
)
_profiles = st.sampled_from([_PROFILE, _STIFF, _PROFILE.model_copy(update={"below_outlet": "reverse-flow"})])


@settings(max_examples=tries(150))
@given(_profiles, _courses, st.lists(_interventions, max_size=8), st.lists(_times, min_size=1, max_size=8))
def test_every_nanolitre_is_somewhere(
    profile: PumpProfile, course: Course, interventions: list[Intervention], looks: list[int]
) -> None:
    """At any time, whatever was done: initial + refilled = reservoir + delivered + leaked + withdrawn, in integers."""
    plant = _plant(course, profile)
    for intervention in interventions:
        plant.intervene(intervention)
    for now_ms in sorted(looks):
        condition = plant.condition(now_ms)
        there = plant.volume_nl(now_ms) + plant.delivered_nl(now_ms) + plant.leaked_nl(now_ms) + condition.withdrawn_nl
        assert there == condition.initial_nl + condition.refilled_nl
        assert 2_000_000 <= plant.volume_nl(now_ms) <= 33_000_000


@settings(max_examples=tries(100))
@given(_courses, st.lists(_interventions, max_size=5), st.lists(_times, max_size=8))
def test_asking_changes_nothing(course: Course, interventions: list[Intervention], looks: list[int]) -> None:
    """However often it is asked, the plant goes through the same legs, to the bit."""
    watched, left_alone = _plant(course), _plant(course)
    for plant in (watched, left_alone):
        for intervention in interventions:
            plant.intervene(intervention)
    for now_ms in sorted(looks):
        watched.truth(np.array([now_ms]))
    end_ms = 6 * _DAY_MS
    for seen, unseen in zip(watched.legs(end_ms), left_alone.legs(end_ms), strict=True):
        assert np.array_equal(seen, unseen)


@settings(max_examples=tries(60))
@given(_courses, st.lists(_interventions, max_size=5))
def test_an_unforeseen_intervention_is_as_good_as_a_foreseen_one(
    course: Course, interventions: list[Intervention]
) -> None:
    """Told beforehand or when it happens, an intervention leads to the same volume within 2 uL: some legs are cut."""
    foreseen, surprised = _plant(course), _plant(course)
    for intervention in interventions:
        foreseen.intervene(intervention)
    for intervention in sorted(interventions, key=lambda each: each.at_ms):
        surprised.volume_nl(intervention.at_ms)
        surprised.intervene(intervention)
    assert surprised.volume_nl(6 * _DAY_MS) == pytest.approx(foreseen.volume_nl(6 * _DAY_MS), abs=2000)


def test_one_and_many_times_are_the_same() -> None:
    """The truth at one time has the bits that it has among many."""
    plant = _plant()
    plant.intervene(FaultChange(90_000, "catheter-occlusion", 40.0))
    times = np.arange(0, 3 * _HOUR_MS, 77_777)
    many = plant.truth(times)
    for place, now_ms in enumerate(times.tolist()):
        assert plant.truth_at(now_ms) == tuple(column[place] for column in many)


def test_a_blocked_catheter_stops_the_flow_and_shows_the_propellants_pressure() -> None:
    """Behind a full occlusion the pressure is the propellant's gauge pressure less droop, and nothing flows."""
    plant = _plant()
    plant.intervene(FaultChange(_HOUR_MS, "catheter-occlusion", 100.0))
    before_nl = plant.delivered_nl(_HOUR_MS)
    assert plant.delivered_nl(100 * _HOUR_MS) == before_nl
    gauge_kpa = vapour_pressure_kpa("R-11", 37) - 101.325
    assert plant.truth_at(2 * _HOUR_MS).outlet_kpa == pytest.approx(gauge_kpa, abs=0.01)


@pytest.mark.parametrize("percent", [0.0, 20.0, 50.0, 90.0])
def test_a_narrowed_catheter_is_a_resistance_in_series(percent: float) -> None:
    """The flow falls by the severity, and the outlet sensor sees that share of the driving pressure."""
    plant = _plant()
    plant.intervene(FaultChange(0, "catheter-occlusion", percent))
    healthy = _flow_ml_per_day(_plant(), 0, _HOUR_MS)
    assert _flow_ml_per_day(plant, 0, _HOUR_MS) == pytest.approx(healthy * (1 - percent / 100), abs=1e-4)
    assert plant.truth_at(1).outlet_kpa == pytest.approx(12.4 + 44.886 * percent / 100, abs=0.01)


def test_a_fast_restrictor() -> None:
    """The restrictor's fault multiplies the flow, and value 0 mends it."""
    plant = _plant()
    plant.intervene(FaultChange(0, "restrictor-fast-flow", 20.0))
    assert _flow_ml_per_day(plant, 0, _HOUR_MS) == pytest.approx(1.2, abs=0.001)
    plant.intervene(FaultChange(_HOUR_MS, "restrictor-fast-flow", 0.0))
    assert _flow_ml_per_day(plant, _HOUR_MS, 2 * _HOUR_MS) == pytest.approx(1.0, abs=0.001)


def test_leaks_are_counted_apart() -> None:
    """A catheter that came off delivers nothing, and what leaves is counted as leaked."""
    off = _plant()
    off.intervene(FaultChange(0, "catheter-leak", 100.0))
    assert off.delivered_nl(_DAY_MS) == 0
    assert off.leaked_nl(_DAY_MS) == pytest.approx(1.26e6, rel=0.02)


@pytest.mark.parametrize("profile", [_PROFILE, _STIFF], ids=["R-11", "n-butane"])
def test_a_septum_leaks_at_the_rate_that_is_stated(profile: PumpProfile) -> None:
    """Whatever propellant drives it, and beside what is delivered."""
    plant = _plant(profile=profile)
    sound_nl = _plant(profile=profile).delivered_nl(_DAY_MS)
    plant.intervene(FaultChange(0, "septum-leak", 0.3))
    assert plant.leaked_nl(_DAY_MS) == pytest.approx(0.3e6, rel=0.03)
    assert plant.delivered_nl(_DAY_MS) == pytest.approx(sound_nl, rel=0.01)


def test_refill_faults() -> None:
    """A pocket fill and a flipped pump leave the reservoir as it was; an overfill squeezes the bellows."""
    for fault, value in (("pocket-fill", 100.0), ("flipped-pump", 1.0)):
        plant = _plant(volume_nl=10_000_000)
        plant.intervene(FaultChange(0, fault, value))
        plant.intervene(Filling(_HOUR_MS, 10_000_000, 37.0))
        assert plant.condition(_HOUR_MS).refilled_nl == 0
    plant = _plant(volume_nl=10_000_000)
    plant.intervene(FaultChange(0, "overfill", 1.0))
    plant.intervene(Filling(_HOUR_MS, 20_000_000, 37.0))
    assert plant.volume_nl(_HOUR_MS) == pytest.approx(31_000_000, abs=1)
    assert _flow_ml_per_day(plant, _HOUR_MS, 2 * _HOUR_MS) > 1.5


@pytest.mark.parametrize(
    ("fault", "value"), [("meteorite", 1.0), ("catheter-occlusion", 101.0), ("catheter-occlusion", math.nan)]
)
def test_impossible_faults_are_refused(fault: str, value: float) -> None:
    """A fault that is not in the table, or out of its range, changes nothing."""
    with pytest.raises(ValueError, match=fault):
        _plant().intervene(FaultChange(0, fault, value))


@pytest.mark.parametrize(
    "values", [(math.nan, 101.0, 12.0), (-1.0, 101.0, 12.0), (37.0, -1.0, 12.0), (37.0, 101.0, math.nan)]
)
def test_impossible_surroundings_are_refused(values: tuple[float, float, float]) -> None:
    """Surroundings are checked where they are made."""
    with pytest.raises(ValueError, match="must be"):
        Surroundings(*values)


def test_two_weeks_return_sixteen_millilitres() -> None:
    """Without droop, 14 days at 1 mL/day leave 16 mL of 30 for the syringe at refill."""
    plant = _plant(profile=_PROFILE.model_copy(update={"droop_kpa": 0.0}))
    assert plant.volume_nl(14 * 24 * _HOUR_MS) / 1e6 == pytest.approx(16.0, abs=0.01)


@pytest.mark.parametrize(
    "intervention",
    [
        FaultChange(5 * _HOUR_MS, "catheter-leak", 50.0),
        Filling(5 * _HOUR_MS, 3_000_000, 22.0),
        Aspiration(5 * _HOUR_MS),
    ],
    ids=["fault", "filling", "aspiration"],
)
def test_how_far_was_looked_ahead_makes_no_difference(intervention: Intervention) -> None:
    """What nobody foresaw voids what was worked out in several goes; the surroundings stay those of their time."""
    hours = np.arange(100)
    course = Course(
        hours * _HOUR_MS, 36.9 + 0.3 * np.sin(hours), np.where(hours < 12, 101.3, 75.0), np.full(hours.size, 12.4)
    )
    plants = [_plant(course, volume_nl=20_000_000) for _ in range(2)]
    plants[0].legs(5 * _HOUR_MS)
    for hour in (20, 40, 60):
        plants[1].legs(hour * _HOUR_MS)
    for plant in plants:
        plant.intervene(intervention)
    near, far = ((plant.volume_nl(50 * _HOUR_MS), plant.delivered_nl(50 * _HOUR_MS)) for plant in plants)
    assert near == far
    plants[1].follow(49 * _HOUR_MS, _BODY)
    assert plants[1].truth_at(49 * _HOUR_MS) == plants[0].truth_at(49 * _HOUR_MS)


def test_what_is_forgotten_is_not_needed() -> None:
    """After months a plant that forgets, and was looked far ahead of, goes on like one that does not."""
    hours = np.arange(100 * 24)
    course = Course(hours * _HOUR_MS, 36.9 + 0.3 * np.sin(hours), 101.3 - hours / 1000, np.full(hours.size, 12.4))
    plants = [_plant(course) for _ in range(2)]
    for day in range(10, 60, 10):
        plants[1].legs((day + 20) * _DAY_MS)
        plants[1].forget(day * _DAY_MS)
    for plant in plants:
        plant.intervene(Aspiration(50 * _DAY_MS))
        plant.intervene(Filling(50 * _DAY_MS + 60_000, 28_000_000, 22.0))
    assert plants[0].volume_nl(60 * _DAY_MS) == plants[1].volume_nl(60 * _DAY_MS)
    assert plants[0].truth_at(60 * _DAY_MS) == plants[1].truth_at(60 * _DAY_MS)


def test_no_bolus_into_a_pump_on_its_face() -> None:
    """The needle does not find the side port: nothing comes in, and nothing is pushed back."""
    plant = _plant()
    plant.intervene(FaultChange(0, "flipped-pump", 1.0))
    plant.intervene(BolusChange(_HOUR_MS, 5_000_000, 20.0))
    assert plant.condition(2 * _HOUR_MS).bolused_nl == 0
    assert plant.truth_at(2 * _HOUR_MS).outlet_kpa == _BODY.outlet_kpa
