"""A population of pumps and patients, from one TOML file: what differs between them, what breaks, what must hold."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from firmware_model.config import FrozenModel, check_model, first_problem, line_of, read_toml
from firmware_model.errors import ConfigurationError
from firmware_model.faults.injection import fault_value
from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.fleet.criterion import Criterion, parse_criterion
from firmware_model.fleet.habits import Clinic, Patients, Units
from firmware_model.fleet.incidence import Failures, FaultIncidence
from firmware_model.fleet.restrictor import restrictor_as_made, restrictor_in_unit
from firmware_model.profile import PumpProfile, find_profile, load_profile
from firmware_model.scenario.contradictions import clock_problem
from firmware_model.scenario.scenario import (
    LONGEST_TITLE,
    MAX_DAYS,
    Refill,
    Several,
    known_limits,
    start_utc_ms,
)
from firmware_model.scenario.unit import ImpossibleLimit, UnitTable, unit_profile

__all__ = ["LoadedPopulation", "Population", "Variant", "load_population"]

_DAY_MS = 86_400_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
Problem = tuple[str, tuple[int | str, ...]]


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

    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]
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
    variant: Annotated[Several[Variant], Field(min_length=1)] = (Variant(name="A"),)

    @field_validator("title")
    @classmethod
    def _is_one_line(cls, title: str) -> str:
        if _CONTROL.search(title):
            raise ValueError("write one line, without control characters: no report of tests (JUnit) can hold them")
        return title

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


def _contradictions(population: Population, profile: PumpProfile) -> Iterator[Problem]:
    """What each key allows, and all of them together do not."""
    yield from _variants(population, profile)
    yield from _units(population, profile)
    yield from _faults(population)
    yield from _appointments(population.clinic, profile)
    yield from _refills(population, profile)
    problem = clock_problem(start_utc_ms(population.start_utc), MAX_DAYS * _DAY_MS)
    if problem is not None:
        yield f"{problem}, after {MAX_DAYS} days too", ("start_utc",)


def _variants(population: Population, profile: PumpProfile) -> Iterator[Problem]:
    names = [each.name for each in population.variant]
    for place, variant in enumerate(population.variant):
        if variant.name in names[:place]:
            yield f"there are two variants {variant.name!r}", ("variant", place, "name")
        try:
            unit_profile(profile, UnitTable(), variant.limits)
        except ImpossibleLimit as error:
            yield error.problem, ("variant", place, "limits", error.limit)


def _units(population: Population, profile: PumpProfile) -> Iterator[Problem]:
    """Whether the pumps at either end of the spreads can be made, and can have the faults."""
    for end in ("low", "high"):
        for name in UnitTable.model_fields:
            spread = getattr(population.units, name)
            try:
                unit_profile(profile, UnitTable(**({} if spread is None else {name: getattr(spread, end)})), {})
            except ValueError as error:
                yield _said(error), ("units", name)
        made_percent = getattr(population.units.restrictor_percent, end)
        try:
            made = restrictor_as_made(made_percent)
            if made is not None:
                fault_value(made[1], PUMP_FAULTS[made[0]])
        except ValueError as error:
            yield f"{end} ({made_percent:g}): {error}", ("units", "restrictor_percent")
            continue
        for place, incidence in enumerate(population.fault):
            for value in incidence.severities:
                try:
                    fault_value(restrictor_in_unit(incidence.name, value, made_percent), PUMP_FAULTS[incidence.name])
                except ValueError as error:
                    yield f"{value} of a restrictor that was made {made_percent:+g} %: {error}", ("fault", place)


def _faults(population: Population) -> Iterator[Problem]:
    names = [each.name for each in population.fault]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"{name} is given twice; give its severities as values", ("fault", place, "name")
    shares = {place: each.share for place, each in enumerate(population.fault) if each.share is not None}
    if shares and not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
        problem = f"the shares of all failures must add up to 1, not {sum(shares.values()):g}"
        yield problem, ("fault", max(shares), "share")
    if not shares and "failures" in population.model_fields_set:
        yield "no [[fault]] has a share, so that no pump would fail of anything", ("failures",)
    severities = {each.name: each.severities for each in population.fault}
    for criterion in population.criteria:
        if criterion.metric == "failed" and not shares:
            yield f"{criterion.text}: no [[fault]] has a share, so that no pump would ever fail", ("criteria",)
        fault, value = criterion.fault, criterion.value
        if fault is not None and fault not in severities:
            known = ", ".join(sorted(severities)) or "none"
            yield f"{criterion.text}: this population has no [[fault]] {fault}; it has {known}", ("criteria",)
        elif fault is not None and value is not None and value not in severities[fault]:
            known = ", ".join(severities[fault])
            yield f"{criterion.text}: {fault} has no value {value} here; it has {known}", ("criteria",)


def _refills(population: Population, profile: PumpProfile) -> Iterator[Problem]:
    """Whether the refills at either end of the spreads are such as a scenario may have."""
    clinic = population.clinic
    keys = {"infusate_c": "infusate_c", "concentration_mg_per_ml": "dose_mg_per_kg_day"}
    for end in ("low", "high"):
        strength = clinic.dose_mg_per_kg_day * getattr(population.patients.weight_kg, end)
        given = {
            "infusate_c": getattr(clinic.infusate_c, end),
            "concentration_mg_per_ml": strength / profile.label_flow_ml_per_day,
        }
        for name, value in given.items():
            try:
                Refill.model_validate({"at": "1d", "fill_ml": 1.0, name: value})
            except ValidationError as error:
                yield f"{_said(error)}, and it would be {value:g}", ("clinic", keys[name])


def _said(error: ValueError) -> str:
    return first_problem(error) if isinstance(error, ValidationError) else str(error)


def _appointments(clinic: Clinic, profile: PumpProfile) -> Iterator[Problem]:
    most_ml = profile.capacity_ml - profile.residual_ml
    if clinic.fill_ml > most_ml:
        yield f"above its residual volume the pump holds {most_ml:g} mL", ("clinic", "fill_ml")
    if clinic.refill_interval_d + clinic.early_or_late_d.low < 1.5:
        yield "appointments would come within a day of each other", ("clinic", "early_or_late_d")
    if clinic.late_d.low < 0:
        yield "a late appointment is later: low must be 0 or more", ("clinic", "late_d")
