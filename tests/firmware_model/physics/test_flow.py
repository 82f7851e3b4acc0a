"""Steady flow: the targets that check the physics against itself, and CoolProp as an oracle for the ratios."""

import math
from pathlib import Path

import pytest

from firmware_model.physics.flow import expected_flow, flow_sensitivities
from firmware_model.physics.surroundings import standard_atmosphere_kpa
from firmware_model.profile import PumpProfile, load_profile
from tests.firmware_model.coolprop import vapour_pressure_by_coolprop_kpa, water_viscosity_by_coolprop_pa_s

_PUMPS = Path(__file__).parents[3] / "fixtures" / "pumps"
_SOFT = load_profile(_PUMPS / "generic-30ml.toml")
_STIFF = load_profile(_PUMPS / "generic-30ml-butane.toml")
_SEA_LEVEL_KPA = 101.325
_KPA_PER_MMHG = 0.133322387415
_OUTLET_KPA = 93 * _KPA_PER_MMHG

both = pytest.mark.parametrize("profile", [_SOFT, _STIFF], ids=["R-11", "n-butane"])


def _flow(
    profile: PumpProfile,
    *,
    temperature_c: float = 37.0,
    ambient_kpa: float = _SEA_LEVEL_KPA,
    outlet_kpa: float = _OUTLET_KPA,
    volume_ml: float = 30.0,
) -> float:
    return expected_flow(profile, temperature_c, ambient_kpa, outlet_kpa, volume_ml).flow_ml_per_day


def _oracle_flow(profile: PumpProfile, temperature_c: float, ambient_kpa: float, outlet_kpa: float) -> float:
    driving_kpa = vapour_pressure_by_coolprop_kpa(profile.propellant, temperature_c) - ambient_kpa - outlet_kpa
    thickening = water_viscosity_by_coolprop_pa_s(temperature_c) / water_viscosity_by_coolprop_pa_s(37)
    return 1000 * driving_kpa / (profile.restrictor_pa_s_per_m3 * thickening) * 86_400 * 1e6


@pytest.mark.parametrize(("profile", "pressure_kpa"), [(_SOFT, 44.87), (_STIFF, 234.0)], ids=["R-11", "n-butane"])
def test_driving_pressure_at_the_reference(profile: PumpProfile, pressure_kpa: float) -> None:
    """A full pump at 37 degrees, sea level and 93 mmHg has its propellant's net pressure to itself."""
    point = expected_flow(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 30)
    assert point.driving_pressure_kpa == pytest.approx(pressure_kpa, rel=1e-3)
    assert point.flow_ml_per_day == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(("profile", "percent_per_k"), [(_SOFT, 13.28), (_STIFF, 6.19)], ids=["R-11", "n-butane"])
def test_slope_with_temperature(profile: PumpProfile, percent_per_k: float) -> None:
    """Warmth acts twice, through vapour pressure and viscosity; both together are within 0.1 %/K of the target."""
    slope = flow_sensitivities(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 30).per_k
    assert 100 * slope == pytest.approx(percent_per_k, abs=0.1)


@pytest.mark.parametrize(
    ("profile", "temperature_c", "ratio"),
    [(_SOFT, 35, 0.7487), (_SOFT, 39, 1.2808), (_STIFF, 35, 0.8816), (_STIFF, 39, 1.1292)],
)
def test_flow_ratio_over_temperature(profile: PumpProfile, temperature_c: float, ratio: float) -> None:
    """Two degrees of cold or fever change the flow by the target's ratio, within 0.5 %."""
    assert _flow(profile, temperature_c=temperature_c) / _flow(profile) == pytest.approx(ratio, rel=0.005)


@pytest.mark.parametrize(("profile", "percent"), [(_SOFT, -2.97), (_STIFF, -0.57)], ids=["R-11", "n-butane"])
def test_ten_mmhg_more_at_the_outlet(profile: PumpProfile, percent: float) -> None:
    """A higher arterial pressure slows the pump by the target's percentage, within 0.2 points."""
    change = _flow(profile, outlet_kpa=103 * _KPA_PER_MMHG) / _flow(profile) - 1
    assert 100 * change == pytest.approx(percent, abs=0.2)


@pytest.mark.parametrize(("profile", "percent"), [(_SOFT, 39.9), (_STIFF, 7.65)], ids=["R-11", "n-butane"])
def test_a_mile_of_altitude(profile: PumpProfile, percent: float) -> None:
    """The sealed propellant knows no weather: 1609 m up, the pump is faster by the target, within 0.2 points."""
    change = _flow(profile, ambient_kpa=standard_atmosphere_kpa(1609)) / _flow(profile) - 1
    assert 100 * change == pytest.approx(percent, abs=0.2)


@pytest.mark.parametrize(("profile", "zero_flow_c"), [(_SOFT, 27.0), (_STIFF, 2.6)], ids=["R-11", "n-butane"])
def test_zero_flow_temperature(profile: PumpProfile, zero_flow_c: float) -> None:
    """The driving pressure changes its sign within 0.1 K of the target."""
    pressures = [
        expected_flow(profile, zero_flow_c + side, _SEA_LEVEL_KPA, _OUTLET_KPA, 30).driving_pressure_kpa
        for side in (-0.1, 0.1)
    ]
    assert pressures[0] < 0 < pressures[1]


@pytest.mark.parametrize(("profile", "resistance"), [(_SOFT, 3.877e15), (_STIFF, 2.022e16)], ids=["R-11", "n-butane"])
def test_restrictor_for_one_ml_per_day(profile: PumpProfile, resistance: float) -> None:
    """The restrictor that gives 1 mL/day is the target's, within 0.1 %."""
    point = expected_flow(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 30)
    needed = point.driving_pressure_kpa * 1000 * 86_400e6
    assert needed == pytest.approx(resistance, rel=1e-3)
    assert profile.restrictor_pa_s_per_m3 == pytest.approx(resistance, rel=1e-3)


@pytest.mark.deep(quick=5)
@both
@pytest.mark.parametrize("temperature_c", [30.0, 35.0, 37.0, 39.0, 42.0])
@pytest.mark.parametrize("ambient_kpa", [70.0, 101.325, 105.0])
def test_flow_agrees_with_coolprop(profile: PumpProfile, temperature_c: float, ambient_kpa: float) -> None:
    """With CoolProp's fluids in the same law the flow comes out the same, within 0.5 %."""
    flow = _flow(profile, temperature_c=temperature_c, ambient_kpa=ambient_kpa)
    assert flow == pytest.approx(_oracle_flow(profile, temperature_c, ambient_kpa, _OUTLET_KPA), rel=0.005)


def test_fever_for_a_day_hides_in_two_weeks() -> None:
    """One day of 39 degrees adds about 2 % to what an R-11 pump gives in 14 days."""
    extra = (_flow(_SOFT, temperature_c=39) - _flow(_SOFT)) / (14 * _flow(_SOFT))
    assert 100 * extra == pytest.approx(2.0, abs=0.05)


@both
def test_droop_and_stop(profile: PumpProfile) -> None:
    """The spring costs its whole 2 kPa where the stop begins; half-way to the stop half is left, and there nothing."""
    full, touch, half, stop = (
        expected_flow(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, volume_ml).driving_pressure_kpa
        for volume_ml in (30.0, 2.3, 2.15, 2.0)
    )
    assert full - touch == pytest.approx(2.0)
    assert half == pytest.approx(touch / 2)
    assert stop == 0
    assert _flow(profile, volume_ml=1.0) == 0


def test_glycerin_slows_the_pump() -> None:
    """Forty percent of glycerin divides the flow by its viscosity ratio."""
    thick = _SOFT.model_copy(update={"infusate": _SOFT.infusate.model_copy(update={"glycerin_percent": 40.0})})
    assert _flow(_SOFT) / _flow(thick) == pytest.approx(3.21, abs=0.005)


def test_cold_stops_or_reverses_as_the_profile_says() -> None:
    """Below the outlet's pressure a check valve holds; without one the artery fills the pump."""
    reversing = _SOFT.model_copy(update={"below_outlet": "reverse-flow"})
    assert expected_flow(_SOFT, 22, _SEA_LEVEL_KPA, _OUTLET_KPA, 20).driving_pressure_kpa < 0
    assert _flow(_SOFT, temperature_c=22, volume_ml=20) == 0
    assert _flow(reversing, temperature_c=22, volume_ml=20) < 0
    assert _flow(reversing, temperature_c=22, volume_ml=30) == 0


@both
def test_pressures_act_alike(profile: PumpProfile) -> None:
    """Ambient and outlet pressure oppose the propellant alike, each by one over the driving pressure."""
    point = expected_flow(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 20)
    sensitivities = flow_sensitivities(profile, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 20)
    assert sensitivities.per_ambient_kpa == pytest.approx(-1 / point.driving_pressure_kpa, rel=1e-6)
    assert sensitivities.per_outlet_kpa == pytest.approx(sensitivities.per_ambient_kpa, rel=1e-6)


def test_bench_conditions_in_the_uncertainty_budget() -> None:
    """0.05 K, 0.1 kPa and 1 mmHg are 0.67, 0.22 and 0.30 % of an R-11 pump's flow."""
    sensitivities = flow_sensitivities(_SOFT, 37, _SEA_LEVEL_KPA, _OUTLET_KPA, 30)
    assert 100 * sensitivities.per_k * 0.05 == pytest.approx(0.67, abs=0.01)
    assert 100 * sensitivities.per_ambient_kpa * 0.1 == pytest.approx(-0.22, abs=0.01)
    assert 100 * sensitivities.per_outlet_kpa * _KPA_PER_MMHG == pytest.approx(-0.30, abs=0.01)


@pytest.mark.parametrize(
    "conditions",
    [
        (math.nan, 101.325, 12.4, 30.0),
        (61.0, 101.325, 12.4, 30.0),
        (37.0, math.nan, 12.4, 30.0),
        (37.0, 0.0, 12.4, 30.0),
        (37.0, 101.325, math.inf, 30.0),
        (37.0, 101.325, 12.4, math.nan),
        (37.0, 101.325, 12.4, -1.0),
        (37.0, 101.325, 12.4, 30.1),
    ],
)
def test_conditions_outside_the_model_are_refused(conditions: tuple[float, float, float, float]) -> None:
    """NaN, infinity and what the pump cannot be in raise ValueError."""
    with pytest.raises(ValueError, match="must be"):
        expected_flow(_SOFT, *conditions)


def test_sensitivities_need_a_flow() -> None:
    """Where nothing flows there is nothing to relate a change to."""
    with pytest.raises(ValueError, match="no forward flow"):
        flow_sensitivities(_SOFT, 22, _SEA_LEVEL_KPA, _OUTLET_KPA, 20)


@pytest.mark.parametrize(
    ("altitude_m", "pressure_kpa"), [(0, 101.325), (1000, 89.874), (5000, 54.020), (11_000, 22.632)]
)
def test_standard_atmosphere(altitude_m: float, pressure_kpa: float) -> None:
    """Pressures are those tabulated for the ICAO standard atmosphere."""
    assert standard_atmosphere_kpa(altitude_m) == pytest.approx(pressure_kpa, rel=2e-4)
