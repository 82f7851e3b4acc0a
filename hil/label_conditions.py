"""From the conditions on the bench to those that a label speaks of, by the pump model."""

from dataclasses import dataclass

from firmware_model.flow import expected_flow, flow_sensitivities
from firmware_model.profile import PumpProfile
from hil.bench_file import EnvironmentTable
from hil.errors import UsageError
from hil.gravimetry import AMBIENT_LINE, Condition

__all__ = ["LABEL_AMBIENT_KPA", "LABEL_OUTLET_KPA", "LABEL_TEMPERATURE_C", "LabelConversion", "to_label_conditions"]

LABEL_TEMPERATURE_C = 37.0
LABEL_AMBIENT_KPA = 101.325
LABEL_OUTLET_KPA = 12.40


@dataclass(frozen=True)
class LabelConversion:
    """What to multiply a flow on the bench with, and how the bench's conditions make that uncertain."""

    factor: float
    conditions: tuple[Condition, ...]


def to_label_conditions(
    profile: PumpProfile, room: EnvironmentTable, *, bath_c: float, u_bath_c: float, volume_ml: float
) -> LabelConversion:
    """The conversion for a pump in a bath of ``bath_c`` that says it holds ``volume_ml``.

    The volume only sets the droop, and is taken to lie between touching the stop and full: a pump's own reading may be
    a little outside. Raises UsageError if the model gives no forward flow under the conditions of the bench file.
    """
    volume_ml = min(max(volume_ml, profile.residual_ml + profile.stop_region_ml), profile.capacity_ml)
    try:
        label = expected_flow(profile, LABEL_TEMPERATURE_C, LABEL_AMBIENT_KPA, LABEL_OUTLET_KPA, volume_ml)
        here = expected_flow(profile, bath_c, room.ambient_kpa, room.outlet_kpa, volume_ml)
        slopes = flow_sensitivities(profile, bath_c, room.ambient_kpa, room.outlet_kpa, volume_ml)
    except ValueError as error:
        raise UsageError(
            f"the pump model gives no flow at environment.ambient_kpa = {room.ambient_kpa:g}, environment.outlet_kpa = "
            f"{room.outlet_kpa:g} and {bath_c:.2f} C ({error}); are both in kPa, ambient absolute and outlet gauge?"
        ) from error
    return LabelConversion(
        factor=label.flow_ml_per_day / here.flow_ml_per_day,
        conditions=(
            Condition("bath temperature", bath_c, "C", u_bath_c, slopes.per_k),
            Condition(AMBIENT_LINE, room.ambient_kpa, "kPa", room.u_ambient_kpa, slopes.per_ambient_kpa),
            Condition("outlet pressure", room.outlet_kpa, "kPa", room.u_outlet_kpa, slopes.per_outlet_kpa),
        ),
    )
