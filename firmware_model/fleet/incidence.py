"""How often pumps break, of what and how badly: tables of a population's file."""

import math
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from firmware_model.config import FrozenModel
from firmware_model.faults.injection import fault_kind, fault_value
from firmware_model.faults.table import MOMENTARY_FAULTS, PUMP_FAULTS, REFILL_FAULTS
from firmware_model.fleet.detection import DETECTED_BY
from firmware_model.quantities import duration_ms
from firmware_model.scenario.expectation import ALARM_NAMES
from firmware_model.scenario.scenario import MAX_DAYS

__all__ = ["Failures", "FaultIncidence"]

Rate = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[int, BeforeValidator(duration_ms), Field(gt=0)]
Time = Annotated[int, BeforeValidator(duration_ms)]


class Failures(FrozenModel):
    """How many pumps fail, for good. Put in, to agree with a published series: calibrated, not predicted."""

    at_1y_percent: Annotated[float, Field(gt=0, lt=100)] = 9.0
    """Failed by the end of the first year."""
    at_2y_percent: Annotated[float, Field(gt=0, lt=100)] = 16.0
    """Failed by the end of the second year."""
    follow_up: Annotated[int, BeforeValidator(duration_ms), Field(ge=86_400_000)] = 30 * 86_400_000
    """So long after its failure a pump is still in, and its alarms are counted; then it is taken out."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self._shape <= 0:
            raise ValueError("at_2y_percent must be more than at_1y_percent")
        return self

    @property
    def _shape(self) -> float:
        return math.log2(_hazard(self.at_2y_percent) / _hazard(self.at_1y_percent))

    def years_at(self, share: float) -> float:
        """When a pump fails, in years: cumulative hazard (t/scale)^shape through both points (Weibull)."""
        try:
            return float((-math.log(share) / _hazard(self.at_1y_percent)) ** (1 / self._shape))
        except OverflowError:  # both points all but the same: who has not failed by then hardly ever will
            return math.inf


def _hazard(percent: float) -> float:
    """Cumulative, when so many have failed."""
    return -math.log1p(-percent / 100)


class FaultIncidence(FrozenModel):
    """How often something breaks, and how badly."""

    name: str
    """One of `pumprig sim --list-faults`."""
    share: Share | None = None
    """Of all failures: a pump that has one is taken out after it. Or one of the next two:"""
    per_year: Rate | None = None
    """It happens so often, and the pump stays in."""
    per_refill: Share | None = None
    """It happens at so many of the refills, and the pump stays in."""
    values: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] | None = None
    """Severities, each as likely; the fault's own default if not given."""
    ramp: Time = 0
    """In which it grows."""
    duration: Annotated[Length, Field(le=MAX_DAYS * 86_400_000)] | None = None
    """After which it is over by itself; for good if not given."""
    detected_by: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """The alarms that are right for it, if not the usual ones."""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return fault_kind(name, PUMP_FAULTS).name

    @field_validator("values")
    @classmethod
    def _are_possible(cls, values: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        for value in values or ():
            if "name" in info.data:
                fault_value(value, PUMP_FAULTS[info.data["name"]])
        return values

    @field_validator("detected_by")
    @classmethod
    def _are_alarms(cls, alarms: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for alarm in alarms or ():
            if alarm not in ALARM_NAMES:
                raise ValueError(f"unknown alarm {alarm!r}; known: {', '.join(ALARM_NAMES)}")
        return alarms

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        given = [key for key in ("share", "per_year", "per_refill") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of share, per_year and per_refill, not {' and '.join(given) or 'none'}")
        if (self.name in REFILL_FAULTS) != (self.per_refill is not None):
            raise ValueError("faults of refills, and no others, are given per_refill")
        if self.per_refill is not None and (self.ramp or self.duration):
            raise ValueError("a fault per_refill lasts as long as the refill: leave out ramp and duration")
        if self.share is not None and self.duration is not None:
            raise ValueError("a failure is for good: leave out duration, or give per_year")
        if self.name in MOMENTARY_FAULTS and (self.ramp or self.duration):
            raise ValueError(f"{self.name} happens at once: leave out ramp and duration")
        if self.duration is not None and self.ramp > self.duration:
            raise ValueError("ramp must be no longer than duration")
        return self

    @property
    def right_alarms(self) -> tuple[str, ...]:
        """Those that count as its detection."""
        return DETECTED_BY[self.name] if self.detected_by is None else self.detected_by

    @property
    def severities(self) -> tuple[str, ...]:
        """Values with their units."""
        kind = PUMP_FAULTS[self.name]
        return self.values or (f"{kind.default:g}{kind.unit}",)
