"""Fluids by CoolProp, which shares no code and no formula with ours: the oracle of the tests."""

from firmware_model.physics.fluids import PropellantName

__all__ = ["COOLPROP_NAMES", "vapour_pressure_by_coolprop_kpa", "water_viscosity_by_coolprop_pa_s"]

COOLPROP_NAMES: dict[PropellantName, str] = {"R-11": "R11", "R-114": "R114", "n-butane": "n-Butane"}


def vapour_pressure_by_coolprop_kpa(propellant: PropellantName, temperature_c: float) -> float:
    """Saturation pressure."""
    return _property("P", COOLPROP_NAMES[propellant], temperature_c, "Q", 0) / 1000


def water_viscosity_by_coolprop_pa_s(temperature_c: float) -> float:
    """Dynamic viscosity at one atmosphere, by IAPWS."""
    return _property("V", "Water", temperature_c, "P", 101_325)


def _property(wanted: str, fluid: str, temperature_c: float, given: str, value: float) -> float:
    from CoolProp.CoolProp import PropsSI  # noqa: PLC0415 - two seconds, which only those who ask shall wait

    return float(PropsSI(wanted, "T", temperature_c + 273.15, given, value, fluid))
