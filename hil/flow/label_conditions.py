"""From the conditions on the bench to those that a label speaks of, by the pump model."""

from dataclasses import dataclass

from firmware_model.physics.flow import expected_flow, flow_sensitivities
from firmware_model.profile import PumpProfile
from hil.benches.bench_file import EnvironmentTable
from hil.errors import UsageError
from hil.flow.gravimetry import AMBIENT_LINE, Condition

__all__ = [
    "LABEL_AMBIENT_KPA",
    "LABEL_OUTLET_KPA",
    "LABEL_TEMPERATURE_C",
    "Controlled",
    "LabelConversion",
    "to_label_conditions",
]

LABEL_TEMPERATURE_C = 37.0
LABEL_AMBIENT_KPA = 101.325
LABEL_OUTLET_KPA = 12.40


@dataclass(frozen=True)
class Controlled:
    """A pressure that a controller makes, and how well it is known (k = 1)."""

    pressure_kpa: float
    u_pressure_kpa: float


@dataclass(frozen=True)
class LabelConversion:
    """What to multiply a flow on the bench with, and how the bench's conditions make that uncertain."""

    factor: float
    conditions: tuple[Condition, ...]
    model_ml_per_day: float
    """What the pump model gives at the conditions on the bench."""


def to_label_conditions(
    profile: PumpProfile,
    room: EnvironmentTable,
    *,
    bath_c: float,
    u_bath_c: float,
    volume_ml: float,
    chamber: Controlled | None = None,
    outlet: Controlled | None = None,
) -> LabelConversion:
    """The conversion for a pump in a bath of ``bath_c`` that says it holds ``volume_ml``.

    ``chamber`` takes the place of the room's pressure; ``outlet`` comes on top of the static head. The volume only sets
    the droop, and is taken to lie between touching the stop and full: a pump's own reading may be a little outside.
    Raises UsageError if the model gives no forward flow under these conditions.
    """
    volume_ml = min(max(volume_ml, profile.residual_ml + profile.stop_region_ml), profile.capacity_ml)
    ambient_kpa = room.ambient_kpa if chamber is None else chamber.pressure_kpa
    outlet_kpa = room.outlet_kpa + (0.0 if outlet is None else outlet.pressure_kpa)
    try:
        label = expected_flow(profile, LABEL_TEMPERATURE_C, LABEL_AMBIENT_KPA, LABEL_OUTLET_KPA, volume_ml)
        here = expected_flow(profile, bath_c, ambient_kpa, outlet_kpa, volume_ml)
        slopes = flow_sensitivities(profile, bath_c, ambient_kpa, outlet_kpa, volume_ml)
    except ValueError as error:
        raise UsageError(
            f"the pump model gives no flow at environment.ambient_kpa = {ambient_kpa:g}, environment.outlet_kpa = "
            f"{outlet_kpa:g} and {bath_c:.2f} C ({error}); are both in kPa, ambient absolute and outlet gauge?"
        ) from error
    ambient = Condition(AMBIENT_LINE, room.ambient_kpa, "kPa", room.u_ambient_kpa, slopes.per_ambient_kpa)
    if chamber is not None:
        ambient = Condition(
            "chamber pressure", chamber.pressure_kpa, "kPa", chamber.u_pressure_kpa, slopes.per_ambient_kpa
        )
    conditions = [
        Condition("bath temperature", bath_c, "C", u_bath_c, slopes.per_k),
        ambient,
        Condition("outlet pressure", room.outlet_kpa, "kPa", room.u_outlet_kpa, slopes.per_outlet_kpa),
    ]
    if outlet is not None:
        conditions.append(
            Condition("outlet controller", outlet.pressure_kpa, "kPa", outlet.u_pressure_kpa, slopes.per_outlet_kpa)
        )
    return LabelConversion(label.flow_ml_per_day / here.flow_ml_per_day, tuple(conditions), here.flow_ml_per_day)
