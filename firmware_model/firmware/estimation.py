"""Volume, pressure and flow as the firmware estimates them: integers, for one hour or for many at once.

Every function takes ints, or NumPy arrays of int64 of one shape, and does the same to both.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from firmware_model.electronics.sensors import Readings
from firmware_model.physics.fluids import (
    InfusateBase,
    PropellantName,
    infusate_viscosity_pa_s,
    vapour_pressure_kpa,
    water_viscosity_pa_s,
)
from firmware_model.profile import PumpProfile, nanolitres
from protocols.compiled import compiled

__all__ = [
    "FLOW_WINDOW_HOURS",
    "MEAN_SAMPLES",
    "Calibration",
    "CalibrationTables",
    "drive_deviation_pa",
    "explained_over_window",
    "flow_nl_per_day",
    "mean_reading",
    "pressure_flow_nl_per_day",
    "pressure_flow_over_window",
    "rounded_quotient",
    "slope_nl_per_day",
]

MEAN_SAMPLES = 15
"""Samples of which the firmware takes the mean."""
FLOW_WINDOW_HOURS = 6
Reading = Any

_SLOPE = (5, 3, 1, -1, -3, -5)
"""Least-squares slope of six equally spaced values: sum of (-5 -3 -1 1 3 5) V / 35. Flow is minus that of volume."""
_FLOW = (5, 13, 17, 17, 13, 5)
"""That slope is a mean of the flows in the five hours between, weighted 5 8 9 8 5 of 35. A flow that is known at the
six ends counts half for the hour before and half for the hour after: these of 70."""

_STEP_BITS = 9
"""The tables' step is 512 m degrees Celsius, so that a shift finds the place in them."""
_HOTTEST_MC = 60_000
_LAST_STEP = (_HOTTEST_MC >> _STEP_BITS) + 1
_SHIFT = 16
_M3_PER_S_IN_NL_PER_DAY = 86_400 * 10**12


@compiled
def rounded_quotient(numerator: Reading, denominator: int) -> Reading:
    """The quotient of integers, rounded to the nearest (halves upwards); ``denominator`` is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


@compiled
def mean_reading(total: Reading, count: int) -> Reading:
    """The mean of ``count`` readings that add up to ``total``."""
    return rounded_quotient(total, count)


def flow_nl_per_day(volumes_nl: Sequence[Reading]) -> Reading:
    """Flow over the last six hours from the volumes at their ends, oldest first; positive when volume falls.

    Raises ValueError for another number of hours: a shorter window would be another estimator.
    """
    return slope_nl_per_day(_of_a_window(volumes_nl))


def pressure_flow_over_window(flows_nl_per_day: Sequence[Reading]) -> Reading:
    """Mean of six hourly flows, oldest first, weighted as the slope of the volume weights them.

    Raises ValueError for another number of hours.
    """
    return explained_over_window(_of_a_window(flows_nl_per_day))


@compiled
def slope_nl_per_day(volumes_nl: Any) -> Reading:
    """See ``flow_nl_per_day``."""
    return rounded_quotient(24 * _weighted(_SLOPE, volumes_nl), 35)


@compiled
def explained_over_window(flows_nl_per_day: Any) -> Reading:
    """See ``pressure_flow_over_window``."""
    return rounded_quotient(_weighted(_FLOW, flows_nl_per_day), 70)


@compiled
def _weighted(weights: tuple[int, ...], values: Any) -> Reading:
    total = weights[0] * values[0]
    for place in range(1, FLOW_WINDOW_HOURS):
        total = total + weights[place] * values[place]
    return total


def _of_a_window(values: Sequence[Reading]) -> tuple[Reading, ...]:
    if len(values) != FLOW_WINDOW_HOURS:
        raise ValueError(f"the flow estimate needs {FLOW_WINDOW_HOURS} hours, got {len(values)}")
    return tuple(values)


class CalibrationTables(NamedTuple):
    """A calibration as compiled code takes it. Tables of the shape (steps of temperature,)."""

    vapour_pa: Any
    flow_per_pa: Any
    """So many nL/day for each Pa, times 2 to the ``_SHIFT``."""
    droop_pa: int
    capacity_nl: int
    spring_nl: int
    """Below capacity, where the spring has all its droop."""
    check_valve: bool


class Calibration:
    """What the firmware was told of its pump at manufacture: tables, in integers."""

    def __init__(self, profile: PumpProfile) -> None:
        """Tabulate propellant and restrictor about every half degree, from 0 to 60 degrees Celsius."""
        fluidity = _fluidity_table(profile.infusate.glycerin_percent, profile.infusate.base)
        scale = (1 << _SHIFT) * _M3_PER_S_IN_NL_PER_DAY / profile.restrictor_pa_s_per_m3
        self.tables = CalibrationTables(
            _vapour_table_pa(profile.propellant),
            np.rint(fluidity * scale).astype(np.int64),
            round(profile.droop_kpa * 1000),
            nanolitres(profile.capacity_ml),
            nanolitres(profile.capacity_ml) - nanolitres(profile.residual_ml + profile.stop_region_ml),
            profile.below_outlet == "check-valve",
        )
        table = profile.sensors
        sensors = (
            table.temperature,
            table.reservoir_pressure,
            table.outlet_pressure,
            table.ambient_pressure,
            table.bellows,
            table.battery,
        )
        self.ranges = tuple((sensor.lower, sensor.upper) for sensor in sensors)
        """Lowest and highest reading of each sensor."""
        self.allowed_roughness = tuple(
            round((MEAN_SAMPLES - 2) * 8 * (sensor.noise + sensor.resolution / 2)) for sensor in sensors[:-1]
        )
        """Roughness over the last samples that a sound sensor never comes to: twice its worst."""

    def vapour_pa(self, temperature_mc: Reading) -> Reading:
        """Pressure that the propellant should have at a temperature, Pa absolute."""
        return _interpolated(self.tables.vapour_pa, temperature_mc)

    def drive_deviation_pa(self, mean: Readings) -> Reading:
        """Reservoir pressure less what propellant and bellows should make of it at this temperature and volume."""
        return drive_deviation_pa(self.tables, mean.temperature_mc, mean.reservoir_pa, mean.bellows_nl)

    def pressure_flow_nl_per_day(self, mean: Readings) -> Reading:
        """Flow that the measured pressures drive through the restrictor."""
        return pressure_flow_nl_per_day(
            self.tables, mean.temperature_mc, mean.reservoir_pa, mean.outlet_pa, mean.ambient_pa
        )


@compiled
def _interpolated(table: Any, temperature_mc: Reading) -> Reading:
    inside_mc = np.minimum(np.maximum(temperature_mc, 0), _HOTTEST_MC)
    step = inside_mc >> _STEP_BITS
    low = table[step]
    return low + ((table[step + 1] - low) * (inside_mc & ((1 << _STEP_BITS) - 1)) >> _STEP_BITS)


@compiled
def drive_deviation_pa(
    tables: CalibrationTables, temperature_mc: Reading, reservoir_pa: Reading, bellows_nl: Reading
) -> Reading:
    """See ``Calibration.drive_deviation_pa``."""
    below_nl = np.minimum(np.maximum(tables.capacity_nl - bellows_nl, 0), tables.spring_nl)
    droop_pa = tables.droop_pa * below_nl // tables.spring_nl
    return reservoir_pa - _interpolated(tables.vapour_pa, temperature_mc) + droop_pa


@compiled
def pressure_flow_nl_per_day(
    tables: CalibrationTables, temperature_mc: Reading, reservoir_pa: Reading, outlet_pa: Reading, ambient_pa: Reading
) -> Reading:
    """See ``Calibration.pressure_flow_nl_per_day``."""
    driving_pa = reservoir_pa - ambient_pa - outlet_pa
    if tables.check_valve:
        driving_pa = np.maximum(driving_pa, 0)
    return driving_pa * _interpolated(tables.flow_per_pa, temperature_mc) >> _SHIFT


_TEMPERATURES_C = [min(step << _STEP_BITS, _HOTTEST_MC) / 1000 for step in range(_LAST_STEP + 1)]


@lru_cache(maxsize=16)
def _vapour_table_pa(propellant: PropellantName) -> Any:
    return np.array([round(vapour_pressure_kpa(propellant, t) * 1000) for t in _TEMPERATURES_C])


@lru_cache(maxsize=64)
def _fluidity_table(glycerin_percent: float, base: InfusateBase) -> Any:
    """How much thinner than water of 37 degrees Celsius the infusate is."""
    water = water_viscosity_pa_s(37.0)
    return np.array([water / infusate_viscosity_pa_s(t, glycerin_percent, base) for t in _TEMPERATURES_C])
