"""Vapour pressure and conductance against temperature, as tables that are looked up for many legs at once.

Between entries 0.01 K apart both are interpolated linearly, which is within 2e-8 of the formulas. A lookup is additions
and multiplications only, so that one leg alone and a year of them give the same bits, on any machine.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.fluids import (
    HIGHEST_TEMPERATURE_C,
    InfusateBase,
    PropellantName,
    infusate_viscosity_pa_s,
    vapour_pressure_kpa,
    water_viscosity_pa_s,
)
from firmware_model.profile import PumpProfile
from protocols.compiled import compiled

__all__ = ["FlowTable", "interpolated"]

Values = NDArray[np.float64]

_PER_K = 100
_LAST = round(HIGHEST_TEMPERATURE_C * _PER_K)
_NL_PER_MS_KPA = 1e12
"""1 m3/(Pa.s) in nL per ms and kPa: 10^12 nL per m3, 10^-3 s per ms, 10^3 Pa per kPa."""
_REFERENCE_TEMPERATURE_C = 37.0


class FlowTable:
    """What drives and what limits the flow of one pump, as functions of its temperature (0 to 60 degrees Celsius)."""

    def __init__(self, profile: PumpProfile) -> None:
        """Tabulate the profile's propellant, infusate and restrictor."""
        self.vapour_table_kpa = _vapour_table_kpa(profile.propellant)
        """Saturation pressure of the propellant, kPa absolute, every 0.01 K."""
        self.conductance_table = _fluidity_table(profile.infusate.glycerin_percent, profile.infusate.base) * (
            _NL_PER_MS_KPA / profile.restrictor_pa_s_per_m3
        )
        """Flow through the healthy restrictor for each kPa across it, nL per ms, every 0.01 K."""


@compiled
def interpolated(table: Values, temperature_c: float) -> float:
    """What a table with an entry every 0.01 K says of one temperature."""
    place = temperature_c * _PER_K
    below = min(int(place), _LAST - 1)
    low: float = table[below]
    between: float = low + (table[below + 1] - low) * (place - below)
    return between


@lru_cache(maxsize=16)
def _vapour_table_kpa(propellant: PropellantName) -> Values:
    return np.array([vapour_pressure_kpa(propellant, step / _PER_K) for step in range(_LAST + 1)])


@lru_cache(maxsize=64)
def _fluidity_table(glycerin_percent: float, base: InfusateBase) -> Values:
    """How much thinner than water of 37 degrees Celsius the infusate is."""
    water = water_viscosity_pa_s(_REFERENCE_TEMPERATURE_C)
    return np.array(
        [water / infusate_viscosity_pa_s(step / _PER_K, glycerin_percent, base) for step in range(_LAST + 1)]
    )
