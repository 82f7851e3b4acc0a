"""Steady flow of a pump under given conditions, and how strongly it depends on each of them."""

from dataclasses import dataclass

from firmware_model.physics.bellows import Bellows
from firmware_model.physics.fluids import infusate_viscosity_pa_s, vapour_pressure_kpa, water_viscosity_pa_s
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import PumpProfile, nanolitres

__all__ = ["FlowPoint", "FlowSensitivities", "expected_flow", "flow_sensitivities", "resistance_pa_s_per_m3"]

REFERENCE_TEMPERATURE_C = 37.0
"""At which the profile states its restrictor, with water in it."""

_M3_PER_S_IN_ML_PER_DAY = 86_400e6
_STEP = 0.01


@dataclass(frozen=True)
class FlowPoint:
    """The flow and the pressures behind it, at one set of conditions.

    ``driving_pressure_kpa`` is what is left of the vapour pressure (absolute) after droop, ambient and outlet
    pressure; where it is negative, ``flow_ml_per_day`` is zero or reversed, as the profile says.
    """

    flow_ml_per_day: float
    driving_pressure_kpa: float
    vapour_pressure_kpa: float
    droop_kpa: float
    resistance_pa_s_per_m3: float
    viscosity_mpa_s: float


@dataclass(frozen=True)
class FlowSensitivities:
    """Relative change of flow for a unit change of one condition: fractions per K and per kPa."""

    per_k: float
    per_ambient_kpa: float
    per_outlet_kpa: float


def resistance_pa_s_per_m3(profile: PumpProfile, temperature_c: float) -> float:
    """Flow resistance of the profile's restrictor with its infusate at a temperature: proportional to viscosity."""
    infusate = profile.infusate
    viscosity = infusate_viscosity_pa_s(temperature_c, infusate.glycerin_percent, infusate.base)
    return profile.restrictor_pa_s_per_m3 * viscosity / water_viscosity_pa_s(REFERENCE_TEMPERATURE_C)


def expected_flow(
    profile: PumpProfile, temperature_c: float, ambient_kpa: float, outlet_kpa: float, volume_ml: float
) -> FlowPoint:
    """Flow of a healthy pump at rest with its surroundings.

    Ambient pressure is absolute, outlet pressure gauge, and the volume what is in the reservoir. Raises ValueError for
    conditions outside the model and for a volume that the reservoir cannot hold.
    """
    conditions = Surroundings(temperature_c, ambient_kpa, outlet_kpa)
    if not 0 <= volume_ml <= profile.capacity_ml:  # also refuses NaN
        raise ValueError(f"volume must be 0 to {profile.capacity_ml:g} mL, the profile's capacity; got {volume_ml}")
    bellows = Bellows.of(profile)
    volume_nl = nanolitres(volume_ml)
    vapour_kpa = vapour_pressure_kpa(profile.propellant, temperature_c)
    source_kpa = vapour_kpa - conditions.ambient_kpa - conditions.outlet_kpa
    resistance = resistance_pa_s_per_m3(profile, temperature_c)
    flowing_kpa = float(bellows.flowing_pressure_kpa(source_kpa, volume_nl))
    return FlowPoint(
        flow_ml_per_day=flowing_kpa * 1000 / resistance * _M3_PER_S_IN_ML_PER_DAY,
        driving_pressure_kpa=float(bellows.driving_pressure_kpa(source_kpa, volume_nl)),
        vapour_pressure_kpa=vapour_kpa,
        droop_kpa=float(bellows.droop_at_kpa(volume_nl)),
        resistance_pa_s_per_m3=resistance,
        viscosity_mpa_s=1000
        * infusate_viscosity_pa_s(temperature_c, profile.infusate.glycerin_percent, profile.infusate.base),
    )


def flow_sensitivities(
    profile: PumpProfile, temperature_c: float, ambient_kpa: float, outlet_kpa: float, volume_ml: float
) -> FlowSensitivities:
    """Relative sensitivities of the flow, by central differences; temperature counts with its viscosity.

    Raises ValueError where there is no forward flow, or none within 0.01 K and 0.01 kPa.
    """
    flow = expected_flow(profile, temperature_c, ambient_kpa, outlet_kpa, volume_ml).flow_ml_per_day

    def slope(step_c: float, step_ambient_kpa: float, step_outlet_kpa: float) -> float:
        low, high = (
            expected_flow(
                profile,
                temperature_c + side * step_c,
                ambient_kpa + side * step_ambient_kpa,
                outlet_kpa + side * step_outlet_kpa,
                volume_ml,
            ).flow_ml_per_day
            for side in (-1, 1)
        )
        if not (flow > 0 and low > 0 and high > 0):
            raise ValueError(
                f"no forward flow to relate a change to at {temperature_c} degrees Celsius, {ambient_kpa} kPa ambient, "
                f"{outlet_kpa} kPa outlet and {volume_ml} mL"
            )
        return (high - low) / (2 * _STEP * flow)

    return FlowSensitivities(
        per_k=slope(_STEP, 0, 0), per_ambient_kpa=slope(0, _STEP, 0), per_outlet_kpa=slope(0, 0, _STEP)
    )
