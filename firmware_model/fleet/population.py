"""A population of pumps and patients, from one TOML file: what differs between them, what breaks, what must hold."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from firmware_model.config import FrozenModel, check_model, line_of, read_toml
from firmware_model.errors import ConfigurationError
from firmware_model.faults.injection import fault_kind, fault_value
from firmware_model.faults.table import PUMP_FAULTS, REFILL_FAULTS
from firmware_model.fleet.criterion import Criterion, parse_criterion
from firmware_model.fleet.detection import DETECTED_BY
from firmware_model.fleet.distribution import Distribution, Spread
from firmware_model.profile import PumpProfile, load_profile
from firmware_model.quantities import duration_ms
from firmware_model.scenario.expectation import ALARM_NAMES
from firmware_model.scenario.scenario import Several, find_profile, known_limits
from firmware_model.scenario.unit import UnitTable, unit_profile

__all__ = [
    "Clinic",
    "Failures",
    "FaultIncidence",
    "LoadedPopulation",
    "Patients",
    "Population",
    "Units",
    "Variant",
    "load_population",
]

Rate = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[int, BeforeValidator(duration_ms), Field(gt=0)]
Time = Annotated[int, BeforeValidator(duration_ms)]


def _spread(low: float, high: float, mean: float | None = None, sd: float | None = None) -> Distribution:
    return Distribution(low=low, high=high, mean=mean, sd=sd)


_NONE = _spread(0.0, 0.0)


class Units(FrozenModel):
    """How pumps of one profile differ from each other, as they were made."""

    restrictor_percent: Spread = _NONE
    """So much more (or less) than its profile says does a restrictor let through; the firmware does not know of it."""
    droop_kpa: Spread | None = None
    """The bellows' spring; the firmware knows it, for it is measured when a pump is made. As the profile says, if not given."""
    temperature_bias_c: Spread = _NONE
    """What the temperature sensor reads too much, beyond the profile's bias."""
    reservoir_bias_kpa: Spread = _NONE
    """The same of the reservoir pressure sensor."""
    outlet_bias_kpa: Spread = _NONE
    """The same of the outlet pressure sensor."""
    ambient_bias_kpa: Spread = _NONE
    """The same of the ambient pressure sensor."""
    bellows_bias_ml: Spread = _NONE
    """The same of the bellows sensor."""


class Patients(FrozenModel):
    """Who carries the pumps."""

    weight_kg: Spread = _spread(40, 120, 72, 14)
    """It sets the drug's concentration."""
    temperature_c: Spread = _spread(36.9, 36.9)
    """Mean over the day, of the tissue around the pump."""
    circadian_amplitude_c: Spread = _spread(0.3, 0.3)
    """So much warmer and colder than the mean it gets within a day."""
    outlet_kpa: Spread = _spread(12.4, 12.4)
    """Mean arterial pressure at the catheter's tip, gauge."""
    altitude_m: Spread = _NONE
    """Where they live."""
    fevers_per_year: Rate = 0.0
    fever_c: Spread = _spread(38.0, 39.5)
    """Mean of the tissue around the pump."""
    fever_days: Spread = _spread(1, 3)
    trips_per_year: Rate = 0.0
    """A flight there, some days, and a flight back."""
    trip_days: Spread = _spread(3, 14)
    flight_h: Spread = _spread(1.5, 11)
    cabin_altitude_m: Spread = _spread(1500, 2400)
    mountains_share: Share = 0.0
    """Of the trips: days at another altitude."""
    mountain_altitude_m: Spread = _spread(800, 2200)
    departures_per_year: Rate = 0.0
    """The pump goes out of sight while nothing is wrong with it: death of the disease, the end of a therapy, a move."""

    @model_validator(mode="after")
    def _is_covered(self) -> Self:
        for key, low, high in (
            ("temperature_c", 30, 42),
            ("fever_c", 36, 43),
            ("outlet_kpa", 0, 40),
            ("altitude_m", -400, 5000),
            ("cabin_altitude_m", 0, 3000),
            ("mountain_altitude_m", 0, 6000),
            ("fever_days", 0.5, 30),
            ("trip_days", 1, 90),
            ("flight_h", 1, 20),
            ("weight_kg", 1, 400),
            ("circadian_amplitude_c", 0, 1.5),
        ):
            spread: Distribution = getattr(self, key)
            if not low <= spread.low <= spread.high <= high:
                raise ValueError(
                    f"{key} goes from {spread.low:g} to {spread.high:g}; it must lie in {low:g} to {high:g}"
                )
        return self


class Clinic(FrozenModel):
    """How the clinic refills."""

    refill_interval_d: Annotated[float, Field(ge=2, le=90)] = 21.0
    """Between appointments."""
    early_or_late_d: Spread = _spread(-1.0, 1.0)
    """How far from its date an appointment is."""
    late_share: Share = 0.0
    """Of the appointments that are missed at first ..."""
    late_d: Spread = _spread(2.0, 7.0)
    """... and take place so much later."""
    fill_ml: Annotated[float, Field(gt=0)] = 28.0
    infusate_c: Spread = _spread(20.0, 24.0)
    drug: Annotated[str, Field(min_length=1, max_length=40)] = "FUDR"
    dose_mg_per_kg_day: Annotated[float, Field(ge=0, le=100)] = 0.12
    """Of the drug; with the label flow and the patient's weight it gives the concentration."""


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
        if self.at_2y_percent <= self.at_1y_percent:
            raise ValueError("at_2y_percent must be more than at_1y_percent")
        return self

    def years_at(self, share: float) -> float:
        """When a pump fails, in years: cumulative hazard (t/scale)^shape through both points (Weibull)."""
        first, second = (-math.log1p(-percent / 100) for percent in (self.at_1y_percent, self.at_2y_percent))
        shape = math.log2(second / first)
        return float((-math.log(share) / first) ** (1 / shape))


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
    duration: Length | None = None
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


class Variant(FrozenModel):
    """One firmware of those that are compared: the same pumps and faults, other limits or debounce."""

    name: Annotated[str, Field(min_length=1, max_length=24, pattern=r"^[\w.\-]+$")]
    limits: Mapping[str, float] = {}
    """Alarm limits, by their names in a profile, that differ from the profile's."""

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, limits: Mapping[str, float]) -> Mapping[str, float]:
        return known_limits(limits)


def _criteria(value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('give a list of texts, like ["false_alarms_per_pump_year <= 0.01"]')
    return tuple(parse_criterion(text) for text in value)


class Population(FrozenModel):
    """What differs between pumps, what breaks, and what must hold."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    profile: str = "generic-30ml"
    """A profile that comes with pumprig, or a file, seen from this one."""
    start_utc: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """What the pumps' clocks show at their beginning."""
    criteria: Annotated[tuple[Criterion, ...], BeforeValidator(_criteria)] = ()
    """What must hold, of every variant."""
    units: Units = Units()
    patients: Patients = Patients()
    clinic: Clinic = Clinic()
    failures: Failures = Failures()
    fault: Several[FaultIncidence] = ()
    variant: Several[Variant] = (Variant(name="A"),)

    @property
    def failing(self) -> tuple[FaultIncidence, ...]:
        """What a pump can fail of."""
        return tuple(each for each in self.fault if each.share)


@dataclass(frozen=True)
class LoadedPopulation:
    """A population, where it came from, what the file said, and the profile that it names."""

    path: Path
    text: str
    population: Population
    profile: PumpProfile


def load_population(path: Path) -> LoadedPopulation:
    """The population at ``path``. Raises ConfigurationError with file, line and key."""
    text, document = read_toml(path)
    population = check_model(path, text, document, Population)
    profile = load_profile(find_profile(path, text, population.profile))
    for problem, loc in _contradictions(population, profile):
        key = ".".join(str(part) for part in loc)
        raise ConfigurationError(path, problem, key=key, line=line_of(text, loc))
    return LoadedPopulation(path, text, population, profile)


def _contradictions(population: Population, profile: PumpProfile) -> Any:
    """What each key allows, and all of them together do not."""
    names = [each.name for each in population.variant]
    for place, variant in enumerate(population.variant):
        if variant.name in names[:place]:
            yield f"there are two variants {variant.name!r}", ("variant", place, "name")
        try:
            unit_profile(profile, UnitTable(), variant.limits)
        except ValueError as error:
            yield str(error), ("variant", place, "limits")
    for place, each in enumerate(population.fault):
        if each.name in [other.name for other in population.fault[:place]]:
            yield f"{each.name} is given twice; give its severities as values", ("fault", place, "name")
    shares = sum(each.share or 0 for each in population.fault)
    if population.failing and not math.isclose(shares, 1.0, abs_tol=1e-6):
        last = max(place for place, each in enumerate(population.fault) if each.share is not None)
        yield f"the shares of all failures must add up to 1, not {shares:g}", ("fault", last, "share")
    most_ml = profile.capacity_ml - profile.residual_ml
    if population.clinic.fill_ml > most_ml:
        yield f"above its residual volume the pump holds {most_ml:g} mL", ("clinic", "fill_ml")
    clinic = population.clinic
    gap = clinic.early_or_late_d.high - clinic.early_or_late_d.low
    if clinic.refill_interval_d - gap < 1:
        yield (
            "appointments would come within a day of each other, or before the last one",
            ("clinic", "early_or_late_d"),
        )
    if clinic.late_d.low < 0:
        yield "a late appointment is later: low must be 0 or more", ("clinic", "late_d")
    known = {each.name for each in population.fault}
    for place, criterion in enumerate(population.criteria):
        if criterion.fault is not None and criterion.fault not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield (
                f"{criterion.text!r}: no [[fault]] of this population is {criterion.fault}; there are {listed}",
                ("criteria",),
            )
        del place
