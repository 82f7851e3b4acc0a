"""One pump of a population: how it was made, who carries it, when it is refilled, and what breaks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_model.faults.table import MOMENTARY_FAULTS
from firmware_model.fleet.chance import Chance, pump_seed
from firmware_model.fleet.distribution import Distribution
from firmware_model.fleet.incidence import FaultIncidence
from firmware_model.fleet.population import LoadedPopulation, Variant
from firmware_model.fleet.restrictor import restrictor_as_made, restrictor_in_unit
from firmware_model.fleet.trips import Trip, fevers_of, trips_of
from firmware_model.profile import PumpProfile
from firmware_model.scenario.episode import SurroundingsTable
from firmware_model.scenario.scenario import LONGEST_TITLE, Fault, Refill, Scenario, Visit
from firmware_model.scenario.unit import UnitTable, unit_profile

__all__ = ["YEAR_MS", "Life", "Occurrence", "pump_life"]

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
YEAR_MS = 365.25 * DAY_MS
_REFILL_MS = 20 * MINUTE_MS
_AROUND_REFILL_MS = HOUR_MS
"""A fault of one refill is there from so long before it to so long after it."""
_LOOKED_AT_DAYS = 3
"""After something happened to its electronics, the patient comes to have the pump looked at."""
_FIRST_HOUR, _LAST_HOUR = 9, 16
"""Appointments are by day."""


@dataclass(frozen=True)
class Occurrence:
    """One fault in a pump's life. What happens at once is over when the patient has come to have it looked at."""

    fault: str
    value: str
    """Its severity, as the population says it."""
    at_ms: int
    until_ms: int | None
    """None: for good."""
    is_failure: bool
    right_alarms: tuple[str, ...]


@dataclass(frozen=True)
class Life:
    """All of one pump's life, as far as it is looked at."""

    pump: int
    seed: int
    """Of its noise, its weather and its blood pressure."""
    scenario: Scenario
    """Without the limits that a variant brings."""
    occurrences: tuple[Occurrence, ...]
    refills_ms: tuple[int, ...]
    end: str
    """Why it is looked at no longer: ``study-end``, ``departed`` or ``failed``."""
    restrictor_percent: float
    weight_kg: float

    @property
    def failure(self) -> Occurrence | None:
        """What it failed of."""
        return next((each for each in self.occurrences if each.is_failure), None)

    def scenario_for(self, variant: Variant) -> Scenario:
        """The same life with a variant's firmware."""
        return self.scenario.model_copy(update={"limits": dict(variant.limits)}) if variant.limits else self.scenario

    def profile_for(self, variant: Variant, profile: PumpProfile) -> PumpProfile:
        """The unit's profile, with a variant's limits."""
        return unit_profile(profile, self.scenario.unit, variant.limits)


def pump_life(loaded: LoadedPopulation, seed: int, pump: int, days: float) -> Life:
    """The life of pump number ``pump``: a function of population, seed and number; ``days`` only cut it off."""
    population, patients = loaded.population, loaded.population.patients
    horizon_ms = round(days * DAY_MS)
    end_ms, end, failure = _fate(loaded, seed, pump, horizon_ms)
    at_home = Chance(seed, pump, "patient")

    def drawn(spread: Distribution) -> float:
        return spread.at(at_home.uniform())

    weight_kg = drawn(patients.weight_kg)
    table = SurroundingsTable.model_construct(
        temperature_c=drawn(patients.temperature_c),
        circadian_amplitude_c=drawn(patients.circadian_amplitude_c),
        outlet_kpa=drawn(patients.outlet_kpa),
        altitude_m=drawn(patients.altitude_m),
    )
    trips = tuple(trips_of(patients, Chance(seed, pump, "trips"), end_ms))
    refills_ms = tuple(_appointments(loaded, Chance(seed, pump, "clinic"), trips, end_ms))
    unit, restrictor_percent = _unit(loaded, Chance(seed, pump, "unit"))
    occurrences = [*failure]
    for incidence in population.fault:
        chance = Chance(seed, pump, f"fault {incidence.name}")
        occurrences += (
            _mishaps(incidence, chance, refills_ms)
            if incidence.per_refill is not None
            else _accidents(incidence, chance, end_ms)
        )
    occurrences.sort(key=lambda each: (each.at_ms, each.fault))
    faults = [_fault(each, restrictor_percent, loaded) for each in occurrences]
    syringes = Chance(seed, pump, "syringes")
    refills = tuple(_refill(loaded, at_ms, weight_kg, syringes) for at_ms in refills_ms)
    scenario = Scenario.model_construct(
        title=f"Pump {pump} of seed {seed}: {population.title}"[:LONGEST_TITLE],
        profile=population.profile,
        days=end_ms / DAY_MS,
        seed=pump_seed(seed, pump),
        start_utc=population.start_utc,
        unit=unit,
        surroundings=table,
        fever=tuple(fevers_of(patients, Chance(seed, pump, "fevers"), end_ms)),
        flight=tuple(flight for trip in trips for flight in trip.flights if flight.at < end_ms),
        altitude=tuple(trip.stay for trip in trips if trip.stay is not None and trip.stay.at < end_ms),
        refill=refills,
        visit=tuple(_visits(refills_ms, occurrences, end_ms)),
        fault=(*_as_made(restrictor_percent), *faults),
    )
    return Life(pump, scenario.seed, scenario, tuple(occurrences), refills_ms, end, restrictor_percent, weight_kg)


def _fate(loaded: LoadedPopulation, seed: int, pump: int, horizon_ms: int) -> tuple[int, str, tuple[Occurrence, ...]]:
    """When and why the pump is looked at no longer, and what it fails of."""
    population = loaded.population
    ends: list[tuple[float, str]] = [(horizon_ms, "study-end")]
    rate = population.patients.departures_per_year
    ends.append((Chance(seed, pump, "departure").waiting(rate) * YEAR_MS, "departed"))
    chance = Chance(seed, pump, "failure")
    failing = population.failing
    failure: tuple[Occurrence, ...] = ()
    if failing:
        at = population.failures.years_at(chance.uniform()) * YEAR_MS
        incidence = failing[chance.pick([each.share or 0.0 for each in failing])]
        if at < min(ends)[0]:
            at_ms = _whole(at, MINUTE_MS)
            value = incidence.severities[chance.pick([1.0] * len(incidence.severities))]
            failure = (Occurrence(incidence.name, value, at_ms, None, True, incidence.right_alarms),)
            ends.append((at_ms + population.failures.follow_up, "failed"))
    end, why = min(ends)
    if why == "failed":  # a whole hour more than is needed to see it through
        end = min(end + HOUR_MS, min(ends[:-1])[0])
    end_ms = max(HOUR_MS, _whole(end, HOUR_MS))
    return end_ms, why, tuple(each for each in failure if each.at_ms < end_ms)


def _appointments(loaded: LoadedPopulation, chance: Chance, trips: tuple[Trip, ...], end_ms: int) -> Iterator[int]:
    """When the refills begin; a patient who is travelling comes the day after."""
    clinic = loaded.population.clinic
    at_ms = 0
    while True:
        due = at_ms / DAY_MS + clinic.refill_interval_d + clinic.early_or_late_d.at(chance.uniform())
        is_late, late_d = chance.uniform() < clinic.late_share, clinic.late_d.at(chance.uniform())
        day = math.floor(due + (late_d if is_late else 0.0))
        for trip in trips:
            if trip.begin_ms < (day + 1) * DAY_MS and trip.end_ms > day * DAY_MS:
                day = trip.end_ms // DAY_MS + 1
        hour = _FIRST_HOUR + (_LAST_HOUR - _FIRST_HOUR) * chance.uniform()
        at_ms = day * DAY_MS + _whole(hour * HOUR_MS, 5 * MINUTE_MS)
        if at_ms + _REFILL_MS + MINUTE_MS > end_ms:
            return
        yield at_ms


def _unit(loaded: LoadedPopulation, chance: Chance) -> tuple[UnitTable, float]:
    units = loaded.population.units
    restrictor_percent = units.restrictor_percent.at(chance.uniform())
    droop_share = chance.uniform()
    droop_kpa = None if units.droop_kpa is None else units.droop_kpa.at(droop_share)
    names = ("temperature_bias_c", "reservoir_bias_kpa", "outlet_bias_kpa", "ambient_bias_kpa", "bellows_bias_ml")
    biases = {name: getattr(units, name).at(chance.uniform()) for name in names}
    return UnitTable.model_construct(droop_kpa=droop_kpa, **biases), restrictor_percent


def _as_made(restrictor_percent: float) -> tuple[Fault, ...]:
    """The restrictor's spread as a fault that is there from the beginning: its firmware does not know of it."""
    made = restrictor_as_made(restrictor_percent)
    return () if made is None else (_constructed(made[0], 0, made[1]),)


def _refill(loaded: LoadedPopulation, at_ms: int, weight_kg: float, chance: Chance) -> Refill:
    clinic = loaded.population.clinic
    strength = clinic.dose_mg_per_kg_day * weight_kg / loaded.profile.label_flow_ml_per_day
    return Refill.model_construct(
        at=at_ms,
        fill_ml=clinic.fill_ml,
        infusate_c=clinic.infusate_c.at(chance.uniform()),
        drug=clinic.drug,
        concentration_mg_per_ml=round(strength, 3),
    )


def _mishaps(incidence: FaultIncidence, chance: Chance, refills_ms: tuple[int, ...]) -> Iterator[Occurrence]:
    for at_ms in refills_ms:
        happens = chance.uniform() < (incidence.per_refill or 0.0)
        place = chance.pick([1.0] * len(incidence.severities))
        if happens:
            begin_ms, until_ms = at_ms - _AROUND_REFILL_MS, at_ms + _REFILL_MS + _AROUND_REFILL_MS
            yield Occurrence(
                incidence.name, incidence.severities[place], begin_ms, until_ms, False, incidence.right_alarms
            )


def _accidents(incidence: FaultIncidence, chance: Chance, end_ms: int) -> Iterator[Occurrence]:
    """What happens to a pump that goes on with it."""
    at = 0.0
    while incidence.per_year:
        at += chance.waiting(incidence.per_year) * YEAR_MS
        value = incidence.severities[chance.pick([1.0] * len(incidence.severities))]
        if at >= end_ms:
            return
        at_ms = _whole(at, MINUTE_MS)
        until_ms = None if incidence.duration is None else at_ms + incidence.duration
        if incidence.name in MOMENTARY_FAULTS:
            until_ms = (at_ms // DAY_MS + _LOOKED_AT_DAYS) * DAY_MS + _FIRST_HOUR * HOUR_MS
        yield Occurrence(incidence.name, value, at_ms, until_ms, False, incidence.right_alarms)
        if until_ms is None:
            return
        at = max(at, float(until_ms)) + HOUR_MS


def _visits(refills_ms: tuple[int, ...], occurrences: list[Occurrence], end_ms: int) -> Iterator[Visit]:
    """Whoever refills acknowledges; and once something happened to the electronics they are tested."""
    for at_ms in refills_ms:
        yield Visit.model_construct(at=at_ms + _REFILL_MS, actions=("acknowledge",))
    for each in occurrences:
        if each.fault in MOMENTARY_FAULTS and each.until_ms is not None and each.until_ms < end_ms:
            yield Visit.model_construct(at=each.until_ms, actions=("self-test", "set-clock", "acknowledge"))


def _fault(each: Occurrence, restrictor_percent: float, loaded: LoadedPopulation) -> Fault:
    incidence = next(row for row in loaded.population.fault if row.name == each.fault)
    value = restrictor_in_unit(each.fault, each.value, restrictor_percent)
    lasts = each.until_ms is not None and each.fault not in MOMENTARY_FAULTS
    duration = (each.until_ms or 0) - each.at_ms if lasts else None
    return _constructed(each.fault, each.at_ms, value, ramp=incidence.ramp, duration=duration)


def _constructed(name: str, at_ms: int, value: str, ramp: int = 0, duration: int | None = None) -> Fault:
    given = {"name", "at", "value"} | ({"ramp"} if ramp else set()) | (set() if duration is None else {"duration"})
    return Fault.model_construct(given, name=name, at=at_ms, value=value, ramp=ramp, duration=duration)


def _whole(time: float, step_ms: int) -> int:
    return math.floor(time / step_ms) * step_ms
