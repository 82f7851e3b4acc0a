"""What a collection says about the pump: delivered volume in time, flow, and how well the pump knows it."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firmware_model.profile import PumpProfile
from hil.benches.bench_file import EnvironmentTable
from hil.benches.instrument_tables import BalanceTable
from hil.errors import BenchFault
from hil.flow.air import air_density_kg_per_m3
from hil.flow.collection import ESTIMATE_WINDOW_H, Collection
from hil.flow.evaporation import evaporation_of
from hil.flow.gravimetry import Gravimetry, ReferenceVessel, buoyancy_factor
from hil.flow.trumpet import equal_interval_min

__all__ = ["Delivery", "delivery_of", "gravimetry_of", "reference_of"]

ESTIMATE_WINDOW_MS = ESTIMATE_WINDOW_H * 3_600_000

U_DENSITY_KG_PER_M3 = 0.2
U_TIME_S = 0.2
MAX_JITTER = 0.5
"""Of the interval: a sample later than that left a gap, which interpolation would paint over."""


@dataclass(frozen=True)
class Delivery:
    """Delivered volume on a grid of equal intervals, and the pump's own hourly estimates beside it."""

    time_h: NDArray[np.float64]
    """Bench time of each of n samples, in hours."""
    volume_ml: NDArray[np.float64]
    """Volume collected until each of n samples, corrected for buoyancy and evaporation, in mL."""
    interval_min: float
    estimate_time_h: NDArray[np.float64]
    """Bench time at which each of m hourly estimates was made, in hours."""
    estimate_ml_per_day: NDArray[np.float64]
    estimate_difference_ml_per_day: NDArray[np.float64]
    """Each estimate less the gravimetric flow over the same six hours, all of which were collected."""

    def at_label_conditions(self, factor: float) -> Self:
        """The same, with every volume and flow multiplied by a conversion ``factor``."""
        return replace(
            self,
            volume_ml=self.volume_ml * factor,
            estimate_ml_per_day=self.estimate_ml_per_day * factor,
            estimate_difference_ml_per_day=self.estimate_difference_ml_per_day * factor,
        )


def gravimetry_of(profile: PumpProfile, balance: BalanceTable, room: EnvironmentTable) -> Gravimetry:
    """The measurement's setup, from the bench file and the pump profile."""
    evaporation = evaporation_of(room)
    weighings = balance.repeatability_weighings
    return Gravimetry(
        readability_g=balance.readability_mg / 1000,
        u_repeatability_g=balance.u_repeatability_mg / 1000,
        u_drift_g_per_day=balance.u_drift_mg_per_day / 1000,
        room_temperature_c=room.room_temperature_c,
        u_room_temperature_c=room.u_room_temperature_c,
        ambient_kpa=room.ambient_kpa,
        u_ambient_kpa=room.u_ambient_kpa,
        relative_humidity_percent=room.relative_humidity_percent,
        u_relative_humidity_percent=room.u_relative_humidity_percent,
        density_room_kg_per_m3=profile.infusate.density_20c_kg_per_m3,
        density_pump_kg_per_m3=profile.infusate.density_kg_per_m3,
        u_density_kg_per_m3=U_DENSITY_KG_PER_M3,
        evaporation_ug_per_s=evaporation.rate_ug_per_s,
        u_evaporation_ug_per_s=evaporation.u_ug_per_s,
        evaporation_name=evaporation.name,
        drop_volume_nl=room.drop_volume_nl,
        u_time_s=U_TIME_S,
        u_sensitivity_share=balance.u_sensitivity_ppm * 1e-6,
        u_linearity_g=balance.u_linearity_mg / 1000,
        beaker_volume_ml=room.beaker_volume_ml,
        repeatability_degrees_of_freedom=math.inf if weighings is None else weighings - 1,
    )


def reference_of(change_g: float, balance: BalanceTable, room: EnvironmentTable) -> ReferenceVessel:
    """The reference vessel, whose balance's reading changed by ``change_g`` over the collection."""
    return ReferenceVessel(
        change_g=change_g,
        readability_g=balance.readability_mg / 1000,
        u_repeatability_g=balance.u_repeatability_mg / 1000,
        u_drift_g_per_day=balance.u_drift_mg_per_day / 1000,
        u_sensitivity_share=balance.u_sensitivity_ppm * 1e-6,
        u_linearity_g=balance.u_linearity_mg / 1000,
        u_likeness_share=(room.u_vessel_likeness_percent or 0.0) / 100,
    )


def delivery_of(collection: Collection, setup: Gravimetry) -> Delivery:
    """Volumes of a collection, put on the exact grid of its interval by linear interpolation over the odd moment.

    Raises BenchFault for a collection with a gap.
    """
    times_ms = np.array([sample.time_ms for sample in collection.samples], dtype=np.float64)
    try:
        equal_interval_min([time_ms / 60_000 for time_ms in times_ms], jitter=MAX_JITTER)
    except ValueError as error:
        raise BenchFault(f"the collection has a gap: {error}; what held the rig up?") from error
    masses_g = np.array([sample.mass_g for sample in collection.samples])
    air = air_density_kg_per_m3(setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent)
    buoyancy = buoyancy_factor(air, setup.density_room_kg_per_m3)
    evaporated_g = setup.evaporation_ug_per_s * (times_ms - times_ms[0]) * 1e-9
    weighed_g = [sample.reference_g for sample in collection.samples if sample.reference_g is not None]
    if len(weighed_g) == times_ms.size:  # the mean rate: single weighings of so small a loss would only add noise
        evaporated_g = (
            buoyancy * (weighed_g[0] - weighed_g[-1]) * (times_ms - times_ms[0]) / (times_ms[-1] - times_ms[0])
        )
    collected_g = (masses_g - masses_g[0]) * buoyancy + evaporated_g
    volumes_ml = collected_g / setup.density_pump_kg_per_m3 * 1000
    grid_ms = times_ms[0] + collection.interval_ms * np.arange(times_ms.size)
    grid_ml = np.interp(grid_ms, times_ms, volumes_ml)

    ends_ms = np.array([each.end_ms for each in collection.estimates], dtype=np.float64)
    estimates = np.array([each.flow_ml_per_day for each in collection.estimates])
    before_ml, until_ml = (np.interp(at_ms, times_ms, volumes_ml) for at_ms in (ends_ms - ESTIMATE_WINDOW_MS, ends_ms))
    gravimetric = (until_ml - before_ml) / (ESTIMATE_WINDOW_MS / 86_400_000)
    return Delivery(
        time_h=grid_ms / 3_600_000,
        volume_ml=grid_ml,
        interval_min=collection.interval_ms / 60_000,
        estimate_time_h=ends_ms / 3_600_000,
        estimate_ml_per_day=estimates,
        estimate_difference_ml_per_day=estimates - gravimetric,
    )
