"""Density of moist air, for buoyancy."""

import math

__all__ = ["air_density_kg_per_m3"]


def air_density_kg_per_m3(temperature_c: float, pressure_kpa: float, relative_humidity_percent: float) -> float:
    """Density of air, in kg/m3, by the simplified CIPM formula (OIML R 111-1, E.3.1).

    Good to 2e-4 between 90 and 110 kPa, 10 and 30 C, and below 80 % humidity. ``pressure_kpa`` is absolute.
    """
    hpa = pressure_kpa * 10
    vapour = 0.009 * relative_humidity_percent * math.exp(0.061 * temperature_c)
    return (0.34848 * hpa - vapour) / (273.15 + temperature_c)
