"""Fluids against CoolProp, which shares no code and no formula with them."""

import math

import pytest

from firmware_model.physics.fluids import (
    PropellantName,
    infusate_viscosity_pa_s,
    vapour_pressure_kpa,
    water_viscosity_pa_s,
)
from tests.firmware_model.coolprop import (
    COOLPROP_NAMES,
    vapour_pressure_by_coolprop_kpa,
    water_viscosity_by_coolprop_pa_s,
)

_PUBLISHED: dict[PropellantName, tuple[float, float]] = {
    "R-11": (21.97559, 3101.98),
    "R-114": (21.81337, 2843.70),
    "n-butane": (21.63741, 2753.56),
}


def _tenths(low_c: int, high_c: int) -> list[float]:
    return [tenth / 10 for tenth in range(10 * low_c, 10 * high_c + 1)]


@pytest.mark.parametrize("propellant", COOLPROP_NAMES)
def test_vapour_pressure_agrees_with_coolprop(propellant: PropellantName) -> None:
    """The fit is within 0.04 % of CoolProp wherever it may be asked, and so within 0.13 % at body temperature."""
    for temperature_c in _tenths(0, 60):
        oracle_kpa = vapour_pressure_by_coolprop_kpa(propellant, temperature_c)
        assert vapour_pressure_kpa(propellant, temperature_c) == pytest.approx(oracle_kpa, rel=4e-4)


@pytest.mark.parametrize("propellant", _PUBLISHED)
def test_vapour_pressure_agrees_with_the_two_term_formula(propellant: PropellantName) -> None:
    """The usual ln P = A - B/T, good to 0.13 % at 20 to 42 degrees, is what the three terms refine."""
    a, b = _PUBLISHED[propellant]
    for temperature_c in _tenths(20, 42):
        two_terms_kpa = math.exp(a - b / (temperature_c + 273.15)) / 1000
        assert vapour_pressure_kpa(propellant, temperature_c) == pytest.approx(two_terms_kpa, rel=1.5e-3)


def test_water_viscosity_agrees_with_coolprop() -> None:
    """Water is within 0.01 % of CoolProp (IAPWS) between 0.1 and 60 degrees; 0.6913 mPa.s at 37."""
    for temperature_c in _tenths(0, 60)[1:]:
        oracle_pa_s = water_viscosity_by_coolprop_pa_s(temperature_c)
        assert water_viscosity_pa_s(temperature_c) == pytest.approx(oracle_pa_s, rel=1e-4)
    assert water_viscosity_pa_s(37) == pytest.approx(0.6913e-3, rel=1e-4)


@pytest.mark.parametrize(("percent", "ratio"), [(0, 1.0), (25, 1.92), (40, 3.21), (50, 4.90), (60, 8.17)])
def test_glycerin_thickens_water(percent: float, ratio: float) -> None:
    """Mixtures at 37 degrees are as many times thicker than water as Cheng's formula says."""
    assert infusate_viscosity_pa_s(37, percent) / water_viscosity_pa_s(37) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("temperature_c", [-0.1, 60.1, math.nan, math.inf, -math.inf])
def test_temperatures_outside_the_fit_are_refused(temperature_c: float) -> None:
    """Below 0 and above 60 degrees, and for NaN, there is no number rather than a wrong one."""
    with pytest.raises(ValueError, match="0 to 60 degrees Celsius"):
        vapour_pressure_kpa("R-11", temperature_c)
    with pytest.raises(ValueError, match="0 to 60 degrees Celsius"):
        water_viscosity_pa_s(temperature_c)


@pytest.mark.parametrize("percent", [-1, 60.5, math.nan])
def test_glycerin_outside_the_formula_is_refused(percent: float) -> None:
    """A share of glycerin that nobody checked is refused."""
    with pytest.raises(ValueError, match="glycerin"):
        infusate_viscosity_pa_s(37, percent)


def test_an_unknown_propellant_is_named() -> None:
    """The error for a wrong propellant lists the right ones."""
    with pytest.raises(ValueError, match="R-11, R-114, n-butane"):
        vapour_pressure_kpa("butane", 37)  # type: ignore[arg-type]
