"""Propellants and infusates: vapour pressure and viscosity as functions of temperature, 0 to 60 degrees Celsius."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "HIGHEST_TEMPERATURE_C",
    "INFUSATE_BASES",
    "LOWEST_TEMPERATURE_C",
    "MAX_GLYCERIN_PERCENT",
    "PROPELLANTS",
    "InfusateBase",
    "Propellant",
    "PropellantName",
    "infusate_viscosity_pa_s",
    "vapour_pressure_kpa",
    "water_viscosity_pa_s",
]

LOWEST_TEMPERATURE_C = 0.0
HIGHEST_TEMPERATURE_C = 60.0
MAX_GLYCERIN_PERCENT = 60.0
"""Beyond this share of glycerin Cheng's formula was not checked here, and no pump is filled so."""

PropellantName = Literal["R-11", "R-114", "n-butane"]
InfusateBase = Literal["water", "saline", "fudr-mix"]

INFUSATE_BASES: Mapping[InfusateBase, float] = {"water": 1.0, "saline": 1.016, "fudr-mix": 1.02}
"""How much thicker than water: 0.9 % of salt adds some 1.6 % between 20 and 40 degrees Celsius; floxuridine with
heparin and dexamethasone in saline is taken for a little thicker than that (assumed)."""


@dataclass(frozen=True)
class Propellant:
    """One row of coefficients: ln(P/Pa) = a + b/T + c/T^2 with T in kelvin."""

    a: float
    b: float
    c: float


PROPELLANTS: Mapping[PropellantName, Propellant] = {
    "R-11": Propellant(20.57735, -2250.541, -129556.7),
    "R-114": Propellant(20.64056, -2127.964, -109143.5),
    "n-butane": Propellant(20.73908, -2205.368, -83588.1),
}
"""Fitted to CoolProp 8.0.0 between 0 and 60 degrees Celsius; largest error there 0.035 %."""

_WATER_TERMS = ((280.68, -1.9), (511.45, -7.7), (61.131, -19.6), (0.45903, -40.0))
"""Liquid water at 0.1 MPa: mu/uPa.s = sum of a (T/300 K)^b; Patek et al., J. Phys. Chem. Ref. Data 38, 21 (2009)."""


def vapour_pressure_kpa(propellant: PropellantName, temperature_c: float) -> float:
    """Saturation pressure of a propellant, in kPa absolute.

    As long as any of it is liquid this is the pressure on the bellows, whatever the volume behind it.
    Raises ValueError outside 0 to 60 degrees Celsius and for a propellant that is not in the table.
    """
    kelvin = _kelvin(temperature_c)
    row = PROPELLANTS.get(propellant)
    if row is None:
        raise ValueError(f"unknown propellant {propellant!r}; known: {', '.join(PROPELLANTS)}")
    return math.exp(row.a + (row.b + row.c / kelvin) / kelvin) / 1000


def water_viscosity_pa_s(temperature_c: float) -> float:
    """Dynamic viscosity of water in Pa.s at atmospheric pressure. Raises ValueError outside 0 to 60 degrees Celsius."""
    reduced = _kelvin(temperature_c) / 300
    return 1e-6 * sum(factor * math.pow(reduced, exponent) for factor, exponent in _WATER_TERMS)


def infusate_viscosity_pa_s(temperature_c: float, glycerin_percent: float = 0.0, base: InfusateBase = "water") -> float:
    """Dynamic viscosity in Pa.s of a ``base`` with ``glycerin_percent`` (by mass) of glycerin in it.

    Glycerin is what slows a pump of this kind down. Its ratio to water follows Cheng, Ind. Eng. Chem. Res. 47,
    3285 (2008); the water below it is that of ``water_viscosity_pa_s``. Raises ValueError outside 0 to 60 degrees
    Celsius or 0 to 60 percent.
    """
    if not 0 <= glycerin_percent <= MAX_GLYCERIN_PERCENT:  # also refuses NaN
        raise ValueError(f"glycerin must be 0 to {MAX_GLYCERIN_PERCENT:g} % by mass, got {glycerin_percent}")
    thicker = INFUSATE_BASES[base] * _glycerin_ratio(temperature_c, glycerin_percent / 100)
    return water_viscosity_pa_s(temperature_c) * thicker


def _glycerin_ratio(temperature_c: float, share: float) -> float:
    if share == 0:
        return 1.0
    a = 0.705 - 0.0017 * temperature_c
    b = (4.9 + 0.036 * temperature_c) * math.pow(a, 2.5)
    weight = share - a * b * share * (1 - share) / (a * share + b * (1 - share))
    water_exponent = (-1230 - temperature_c) * temperature_c / (36100 + 360 * temperature_c)
    glycerin_exponent = (-1233 + temperature_c) * temperature_c / (9900 + 70 * temperature_c)
    return math.exp(weight * (math.log(12100 / 1.790) + glycerin_exponent - water_exponent))


def _kelvin(temperature_c: float) -> float:
    if not LOWEST_TEMPERATURE_C <= temperature_c <= HIGHEST_TEMPERATURE_C:  # also refuses NaN
        raise ValueError(
            f"temperature must be {LOWEST_TEMPERATURE_C:g} to {HIGHEST_TEMPERATURE_C:g} degrees Celsius, "
            f"got {temperature_c}"
        )
    return temperature_c + 273.15
