"""One pump as it was made: how it differs from its profile, and the limits that its firmware works by."""

import functools
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from firmware_model.config import FrozenModel, location
from firmware_model.profile import AlarmLimits, Droop, PumpProfile, SensorProfile

__all__ = ["ImpossibleLimit", "UnitTable", "unit_profile"]


PressureBias = Annotated[float, Field(ge=-50, le=50)]


class ImpossibleLimit(ValueError):
    """A pump cannot work by an alarm limit: which one, and why."""

    def __init__(self, limit: str, problem: str) -> None:
        """Take the limit's name in a profile."""
        super().__init__(f"{limit}: {problem}")
        self.limit = limit
        self.problem = problem


class UnitTable(FrozenModel):
    """How this pump differs from its profile, as it was made."""

    droop_kpa: Droop | None = None
    """The bellows' spring, instead of the profile's."""
    temperature_bias_c: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """What its temperature sensor reads too much, beyond the profile's bias."""
    reservoir_bias_kpa: PressureBias = 0.0
    """The same of its reservoir pressure sensor."""
    outlet_bias_kpa: PressureBias = 0.0
    """The same of its outlet pressure sensor."""
    ambient_bias_kpa: PressureBias = 0.0
    """The same of its ambient pressure sensor."""
    bellows_bias_ml: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """The same of its bellows sensor."""


def unit_profile(profile: PumpProfile, unit: UnitTable, limits: Mapping[str, float]) -> PumpProfile:
    """The profile with what is particular to one pump. Raises ImpossibleLimit for a limit that it cannot have."""
    sensors = profile.sensors
    biased = {
        "temperature": _biased(sensors.temperature, unit.temperature_bias_c * 1e3),
        "reservoir_pressure": _biased(sensors.reservoir_pressure, unit.reservoir_bias_kpa * 1e3),
        "outlet_pressure": _biased(sensors.outlet_pressure, unit.outlet_bias_kpa * 1e3),
        "ambient_pressure": _biased(sensors.ambient_pressure, unit.ambient_bias_kpa * 1e3),
        "bellows": _biased(sensors.bellows, unit.bellows_bias_ml * 1e6),
    }
    droop_kpa = profile.droop_kpa if unit.droop_kpa is None else unit.droop_kpa
    limited = _limited(profile, tuple(sorted(limits.items()))) if limits else profile
    changes = {"sensors": sensors.model_copy(update=biased), "droop_kpa": droop_kpa}
    return limited.model_copy(update=changes)


def _biased(sensor: SensorProfile, bias: float) -> SensorProfile:
    return sensor.model_copy(update={"bias": round(sensor.bias + bias, 6)}) if bias else sensor


@functools.lru_cache(maxsize=32)
def _limited(profile: PumpProfile, limits: tuple[tuple[str, float], ...]) -> PumpProfile:
    """With other alarm limits; checked as a whole, once for all pumps that have them."""
    fields = AlarmLimits.model_fields
    for name, value in limits:
        if fields[name].annotation is int and value != round(value):
            raise ImpossibleLimit(name, f"this is a whole number, not {value:g}")
    given = {name: round(value) if fields[name].annotation is int else value for name, value in limits}
    document = profile.model_dump()
    document["alarms"] |= given
    try:
        return PumpProfile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ImpossibleLimit(str(location(first)[-1]), f"{first['msg'][0].lower()}{first['msg'][1:]}") from error
