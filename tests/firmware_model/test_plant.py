"""Thermal lag, surroundings and faults of the flow path."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.fluids import vapour_pressure_kpa
from firmware_model.plant import Plant
from firmware_model.profile import PumpProfile, load_profile
from firmware_model.surroundings import Surroundings
from firmware_model.thermal import ThermalLag

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")
_BODY = Surroundings(37.0, 101.325, 12.4)
_HOUR_MS = 3_600_000
_FULL_NL = 30_000_000


def _plant(surroundings: Surroundings = _BODY, profile: PumpProfile = _PROFILE) -> Plant:
    return Plant(profile, now_ms=0, surroundings=surroundings, volume_nl=_FULL_NL)


def _flow_ml_per_day(plant: Plant, from_ms: int, until_ms: int) -> float:
    before_nl = plant.delivered_nl(from_ms)
    return (plant.delivered_nl(until_ms) - before_nl) * 86_400 / 1000 / (until_ms - from_ms)


def test_lag_is_first_order() -> None:
    """After one time constant 1/e of the difference is left, and in the end none, to the bit."""
    lag = ThermalLag(now_ms=0, temperature_c=22.0, time_constant_ms=450_000)
    lag.set_surrounding(0, 37.0)
    assert lag.temperature_c(450_000) == pytest.approx(37 - 15 / math.e)
    assert lag.is_settled(24 * _HOUR_MS)
    assert lag.temperature_c(24 * _HOUR_MS) == 37.0


@pytest.mark.parametrize("minutes", [5.0, 10.0])
def test_recovery_after_a_cold_refill(minutes: float) -> None:
    """From 27 degrees an R-11 pump recovers 90 % of its flow in 13 to 26 min and falls 4 to 8 uL behind."""
    profile = _PROFILE.model_copy(update={"thermal_time_constant_min": minutes, "droop_kpa": 0.0})
    plant = _plant(Surroundings(27.0, 101.325, 12.4), profile)
    plant.set_surroundings(0, _BODY)
    recovered_min = next(
        minute for minute in range(120) if _flow_ml_per_day(plant, minute * 60_000, (minute + 1) * 60_000) >= 0.9
    )
    steady_nl = _flow_ml_per_day(_plant(profile=profile), 0, 4 * _HOUR_MS) * 4 / 24 * 1e6
    assert 13 * minutes / 5 - 1 <= recovered_min <= 13 * minutes / 5 + 1
    assert steady_nl - plant.delivered_nl(4 * _HOUR_MS) == pytest.approx(4000 * minutes / 5, rel=0.1)


def test_pressures_act_at_once_and_warmth_with_its_lag() -> None:
    """A change of weather changes the flow in the same moment; a warmer bath reaches the propellant later."""
    plant = _plant()
    plant.set_surroundings(90_500, Surroundings(37.0, 96.325, 12.4))
    assert plant.state(90_500).reservoir_kpa == pytest.approx(vapour_pressure_kpa("R-11", 37), abs=0.01)
    assert _flow_ml_per_day(plant, 90_500, 120_000) == pytest.approx(1.111, abs=0.002)
    plant.set_surroundings(120_000, Surroundings(39.0, 96.325, 12.4))
    assert 37 < plant.state(120_000).temperature_c < 37.2
    assert plant.state(24 * _HOUR_MS).temperature_c == 39.0


_surroundings = st.builds(Surroundings, st.floats(0, 60), st.floats(60, 110), st.floats(-10, 30))


@given(
    st.lists(st.tuples(st.integers(0, _HOUR_MS), _surroundings), min_size=1, max_size=4),
    st.lists(st.integers(0, 5 * _HOUR_MS), max_size=20),
)
def test_asking_and_repeating_change_nothing(changes: list[tuple[int, Surroundings]], looks: list[int]) -> None:
    """However often it is asked, or told what it knows, the plant goes through the same states, to the bit."""
    starts = [sum(duration for duration, _ in changes[: index + 1]) for index in range(len(changes))]
    end_ms = 5 * _HOUR_MS
    watched, left_alone = _plant(), _plant()
    around = _BODY
    schedule = [(at_ms, 0, surroundings) for at_ms, (_, surroundings) in zip(starts, changes, strict=True)]
    for at_ms, _, change in sorted([*schedule, *((look, 1, None) for look in looks)], key=lambda row: row[:2]):
        if change is not None:
            around = change
            left_alone.set_surroundings(at_ms, change)
        watched.set_surroundings(at_ms, around)
        watched.state(at_ms)
    assert watched.state(end_ms) == left_alone.state(end_ms)
    assert watched.delivered_nl(end_ms) == left_alone.delivered_nl(end_ms)


def test_a_blocked_catheter_stops_the_flow_and_shows_the_propellants_pressure() -> None:
    """Behind a full occlusion the pressure is the propellant's gauge pressure less droop, and nothing flows."""
    plant = _plant()
    plant.inject(_HOUR_MS, "catheter-occlusion", 100.0)
    before_nl = plant.delivered_nl(_HOUR_MS)
    assert plant.delivered_nl(100 * _HOUR_MS) == before_nl
    assert plant.state(2 * _HOUR_MS).outlet_kpa == pytest.approx(vapour_pressure_kpa("R-11", 37) - 101.325, abs=0.01)


@pytest.mark.parametrize("percent", [0.0, 20.0, 50.0, 90.0])
def test_a_narrowed_catheter_is_a_resistance_in_series(percent: float) -> None:
    """The flow falls by the severity, and the outlet sensor sees that share of the driving pressure."""
    plant = _plant()
    plant.inject(0, "catheter-occlusion", percent)
    healthy = _flow_ml_per_day(_plant(), 0, _HOUR_MS)
    assert _flow_ml_per_day(plant, 0, _HOUR_MS) == pytest.approx(healthy * (1 - percent / 100), abs=1e-4)
    assert plant.state(0).outlet_kpa == pytest.approx(12.4 + 44.886 * percent / 100, abs=0.01)


def test_a_fast_restrictor() -> None:
    """The restrictor's fault multiplies the flow, and value 0 mends it."""
    plant = _plant()
    plant.inject(0, "restrictor-fast-flow", 20.0)
    assert _flow_ml_per_day(plant, 0, _HOUR_MS) == pytest.approx(1.2, abs=0.001)
    plant.inject(_HOUR_MS, "restrictor-fast-flow", 0.0)
    assert _flow_ml_per_day(plant, _HOUR_MS, 2 * _HOUR_MS) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(
    ("fault", "value"), [("meteorite", 1.0), ("catheter-occlusion", 101.0), ("catheter-occlusion", math.nan)]
)
def test_impossible_faults_are_refused(fault: str, value: float) -> None:
    """A fault that is not in the table, or out of its range, changes nothing."""
    with pytest.raises(ValueError, match=fault):
        _plant().inject(0, fault, value)


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
