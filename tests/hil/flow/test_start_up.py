"""The start after a refill: what the model expects, and what is found in weighings of drops."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.physics.plant import Plant
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import PumpProfile, load_profile
from hil.flow.start_up import StartUp
from hil.flow.start_up_model import RefillConditions, expected_start_up
from hil.shipped import shipped

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def profile() -> PumpProfile:
    """The generic pump."""
    return load_profile(Path(shipped("pumps/generic-30ml.toml")))


def full(infusate_c: float) -> RefillConditions:
    """A refill of the empty generic pump at label conditions."""
    return RefillConditions(37.0, 101.325, 12.40, held_ml=2.0, filled_ml=28.0, infusate_c=infusate_c)


@pytest.mark.parametrize(("time_constant_min", "t90_min", "missing_ul"), [(5.0, 13.0, 4.0), (10.0, 26.0, 8.0)])
def test_room_temperature_takes_what_thermodynamics_says(
    profile: PumpProfile, time_constant_min: float, t90_min: float, missing_ul: float
) -> None:
    """13 to 26 min and 4 to 8 uL for R-11 at 22 C and time constants of 5 to 10 min, as worked out with CoolProp."""
    expected = expected_start_up(profile, full(22.0), time_constant_min)
    assert expected.t90_min == pytest.approx(t90_min, abs=0.5)
    assert expected.missing_ul == pytest.approx(missing_ul, abs=0.1)


@pytest.mark.parametrize("pump", ["generic-30ml", "generic-30ml-butane"])
def test_the_expectation_is_what_the_simulated_flow_path_does(pump: str) -> None:
    """Another computation, leg by leg as the pump is simulated, misses as much after a refill at 4 C."""
    profile = load_profile(Path(shipped(f"pumps/{pump}.toml")))
    plant = Plant(profile, now_ms=0, surroundings=Surroundings(37.0, 101.325, 12.40), volume_nl=20_000_000)
    filled_ms = 60 * MINUTE_MS
    plant.intervene(Aspiration(filled_ms))
    plant.intervene(Filling(filled_ms, 28_000_000, 4.0))
    start_nl, steady_nl, end_nl = (plant.delivered_nl(filled_ms + minutes * MINUTE_MS) for minutes in (0, 120, 240))
    missing_ul = ((end_nl - steady_nl) - (steady_nl - start_nl)) / 1000
    expected = expected_start_up(profile, full(4.0), profile.thermal_time_constant_min)
    assert missing_ul == pytest.approx(expected.missing_ul, rel=0.01, abs=0.05)


def found_in_drops(profile: PumpProfile, phase: float, drop_ul: float = 0.5) -> StartUp:
    """What weighings every quarter of a minute would show, had the last drop before fallen at ``phase``."""
    expected = expected_start_up(profile, full(4.0), profile.thermal_time_constant_min)
    steady = 1000 / 1440
    time_min = np.arange(0, 75.01, 0.25)
    fine_min = np.arange(0, 75.01, 0.01)
    flow = steady * np.interp(fine_min, expected.time_min, expected.flow_share)
    volume = np.interp(time_min, fine_min, np.concatenate([[0.0], np.cumsum((flow[1:] + flow[:-1]) / 2 * 0.01)]))
    fallen = np.floor(volume / drop_ul + phase) * drop_ul
    return StartUp(
        time_min=time_min,
        volume_ul=fallen,
        steady_ul_per_min=steady,
        u_steady_share=0.001,
        u_scale_share=0.005,
        u_bath_share=0.0,
        drop_ul=drop_ul,
        u_weighing_ul=0.02,
        u_start_min=0.0,
        time_constant_min=profile.thermal_time_constant_min,
    )


def test_drops_hide_no_more_than_is_claimed(profile: PumpProfile) -> None:
    """Whenever the drops fall, time to 90 % and missing volume are within their U of the truth, nearly always."""
    expected = expected_start_up(profile, full(4.0), profile.thermal_time_constant_min)
    within_time, within_volume = [], []
    for phase in np.arange(0.0, 1.0, 0.05):
        found = found_in_drops(profile, float(phase))
        reached, missing = found.time_to(0.9), found.missing_ul()
        within_time.append(abs(reached.value - expected.t90_min) <= reached.expanded_uncertainty)
        within_volume.append(abs(missing.value - expected.missing_ul) <= missing.expanded_uncertainty)
    assert sum(within_time) >= 19
    assert sum(within_volume) >= 19


def test_a_flow_that_does_not_come_back_has_no_time(profile: PumpProfile) -> None:
    """Half of the steady flow for ever is no start-up."""
    found = found_in_drops(profile, 0.5)
    with pytest.raises(ValueError, match="not 90 % of the steady one"):
        replace(found, steady_ul_per_min=2 * found.steady_ul_per_min).time_to(0.9)


_U_NOISE_UL, _U_STEADY_SHARE = 0.028, 0.002
_TAU_MIN, _STEADY_UL_PER_MIN = 25.0, 0.7


def weighed(lag: float, drop_ul: float, random: np.random.Generator) -> StartUp:
    """A flow that begins at 1 - ``lag`` and comes back with 25 min, weighed every 15 s over a random first drop."""
    time_min = np.arange(0, 9 * _TAU_MIN, 0.25)
    volume_ul = _STEADY_UL_PER_MIN * (time_min - lag * _TAU_MIN * (1 - np.exp(-time_min / _TAU_MIN)))
    fallen_ul = np.floor(volume_ul / drop_ul + random.uniform()) * drop_ul
    return StartUp(
        time_min=time_min,
        volume_ul=fallen_ul + random.normal(0, _U_NOISE_UL, time_min.size),
        steady_ul_per_min=_STEADY_UL_PER_MIN * random.normal(1, _U_STEADY_SHARE),
        u_steady_share=_U_STEADY_SHARE,
        u_scale_share=0.0,
        u_bath_share=0.0,
        drop_ul=drop_ul,
        u_weighing_ul=_U_NOISE_UL,
        u_start_min=0.0,
        time_constant_min=_TAU_MIN,
    )


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("drop_ul", [0.04, 0.5])
def test_time_is_as_sure_as_it_says(drop_ul: float) -> None:
    """Of small drops and large ones alike: U covers the truth in 93 % of all cases or more, and is not idly wide."""
    random = np.random.default_rng(1)
    found = [weighed(0.35, drop_ul, random).time_to(0.9) for _ in range(300)]
    errors = np.array([each.value for each in found]) - _TAU_MIN * np.log(0.35 / 0.1)
    u_expanded = np.array([each.expanded_uncertainty for each in found])
    assert np.mean(np.abs(errors) <= u_expanded) >= 0.93
    assert float(u_expanded.mean()) < 3 * float(errors.std())


def test_a_flow_that_falls_again_is_not_back_at_once() -> None:
    """It is enough in the first window, then a quarter too low for half an hour: back for good is later, and unsure."""
    steady = weighed(0.0, 0.04, np.random.default_rng(1))
    dip_ul = np.interp(steady.time_min, [20, 50], [0.0, 0.25 * 30 * _STEADY_UL_PER_MIN])
    fell = replace(steady, volume_ul=steady.volume_ul - dip_ul).time_to(0.9)
    assert steady.time_to(0.9).value == pytest.approx(6.0)
    assert fell.value == pytest.approx((6 + 50) / 2, abs=3)
    assert fell.expanded_uncertainty > 22
