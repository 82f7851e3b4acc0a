"""What the pump model gives for the start after a refill that was not at the bath's temperature."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_model.physics.flow import expected_flow
from firmware_model.profile import PumpProfile

__all__ = ["ExpectedStartUp", "RefillConditions", "expected_start_up"]

_WATER_J_PER_ML_K = 4.18
_STEPS_PER_TIME_CONSTANT = 60
_TIME_CONSTANTS = 12
STEADY_SHARE = 0.9


@dataclass(frozen=True)
class RefillConditions:
    """A reservoir that held ``held_ml`` at the bath's temperature is filled with ``filled_ml`` at ``infusate_c``."""

    bath_c: float
    ambient_kpa: float
    outlet_kpa: float
    held_ml: float
    filled_ml: float
    infusate_c: float


@dataclass(frozen=True)
class ExpectedStartUp:
    """Flow over its steady value since the refill, and what follows from it."""

    time_min: NDArray[np.float64]
    flow_share: NDArray[np.float64]
    t90_min: float
    missing_ul: float


def expected_start_up(profile: PumpProfile, conditions: RefillConditions, time_constant_min: float) -> ExpectedStartUp:
    """The start-up of a pump whose propellant follows with ``time_constant_min``.

    Pump, what it held and what was filled in are one temperature at once; that comes back to the bath's exponentially,
    and the flow is at any time the steady one at the temperature of that time.
    """
    held_j_per_k = profile.heat_capacity_j_per_k + conditions.held_ml * _WATER_J_PER_ML_K
    added_j_per_k = conditions.filled_ml * _WATER_J_PER_ML_K
    lag_c = (conditions.bath_c - conditions.infusate_c) * added_j_per_k / (held_j_per_k + added_j_per_k)
    time_min = np.linspace(0, _TIME_CONSTANTS, _TIME_CONSTANTS * _STEPS_PER_TIME_CONSTANT + 1) * time_constant_min
    volume_ml = min(conditions.held_ml + conditions.filled_ml, profile.capacity_ml)

    def flow_ml_per_day(temperature_c: float) -> float:
        return expected_flow(
            profile, temperature_c, conditions.ambient_kpa, conditions.outlet_kpa, volume_ml
        ).flow_ml_per_day

    steady = flow_ml_per_day(conditions.bath_c)
    share = np.array(
        [flow_ml_per_day(conditions.bath_c - lag_c * math.exp(-t / time_constant_min)) / steady for t in time_min]
    )
    missing_min = float(np.sum((1 - share[1:] + 1 - share[:-1]) / 2 * np.diff(time_min)))
    return ExpectedStartUp(
        time_min,
        share,
        t90_min=float(np.interp(STEADY_SHARE, share, time_min)),
        missing_ul=missing_min * steady * 1000 / 1440,
    )
