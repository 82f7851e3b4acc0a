"""What each key of a scenario allows, and all of them together do not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from firmware_model.electronics.clock import EARLIEST_UTC_MS, LATEST_UTC_MS
from firmware_model.faults.table import ELECTRONIC_FAULTS, PUMP_FAULTS
from firmware_model.physics.fluids import HIGHEST_TEMPERATURE_C, LOWEST_TEMPERATURE_C
from firmware_model.physics.surroundings import MAX_AMBIENT_KPA, MAX_OUTLET_KPA
from firmware_model.profile import PumpProfile
from firmware_model.scenario.episode import Episode

if TYPE_CHECKING:
    from firmware_model.scenario.scenario import Scenario

__all__ = ["Problem", "clock_problem", "contradictions"]

Problem = tuple[str, tuple[int | str, ...]]
"""What is wrong and what to do, and the way to the key."""

_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000
_LOWEST_AMBIENT_KPA = 10.0
"""A good part of the way to no pressure at all, where the model ends."""
_QUANTITIES: tuple[tuple[str, str, float, float, tuple[str, ...]], ...] = (
    ("temperature_c", "circadian_amplitude_c", LOWEST_TEMPERATURE_C, HIGHEST_TEMPERATURE_C, ("fever", "heating_pad")),
    ("ambient_kpa", "weather_amplitude_kpa", _LOWEST_AMBIENT_KPA, MAX_AMBIENT_KPA, ("flight", "altitude", "dive")),
    ("outlet_kpa", "outlet_noise_kpa", -MAX_OUTLET_KPA, MAX_OUTLET_KPA, ("outlet",)),
)
"""Mean, amplitude, what the model covers, and the episodes that move it."""
_EPISODES = tuple(kind for *_, kinds in _QUANTITIES for kind in kinds)


def contradictions(scenario: Scenario, profile: PumpProfile) -> Iterator[Problem]:
    """All that is wrong with a scenario beyond single values."""
    end_ms = round(scenario.days * _DAY_MS)
    yield from _start(scenario, profile, end_ms)
    yield from _times(scenario, end_ms)
    yield from _surroundings(scenario)
    yield from _refills(scenario, profile, end_ms)
    yield from _faults(scenario)
    yield from _expectations(scenario, end_ms)


def _start(scenario: Scenario, profile: PumpProfile, end_ms: int) -> Iterator[Problem]:
    volume_ml = scenario.volume_ml
    if volume_ml is not None and not profile.residual_ml <= volume_ml <= profile.capacity_ml:
        holds = f"{profile.residual_ml:g} (residual) to {profile.capacity_ml:g} mL"
        yield f"the reservoir holds {holds}, not {volume_ml:g}", ("volume_ml",)
    if end_ms < _MINUTE_MS:
        yield "a pump takes a sample every minute: so long at least", ("days",)
    problem = clock_problem(scenario.start_utc_ms, end_ms)
    if problem is not None:
        yield problem, ("start_utc",)


def clock_problem(start_utc_ms: int, length_ms: int) -> str | None:
    """What is wrong with a pump's clock beginning there and going on for so long; None if nothing is."""
    if EARLIEST_UTC_MS <= start_utc_ms <= LATEST_UTC_MS - length_ms - _DAY_MS:
        return None
    return "the pump's clock shows the years 2000 to 2099; begin and end in them"


def _times(scenario: Scenario, end_ms: int) -> Iterator[Problem]:
    for kind in (*_EPISODES, "refill", "bolus", "visit", "fault"):
        for place, item in enumerate(getattr(scenario, kind)):
            if item.at >= end_ms:
                late = f"this begins at {item.at / _DAY_MS:g} d, but the scenario ends after {scenario.days:g} d"
                yield late, (kind, place, "at")
    for kind in (*_EPISODES, "refill", "bolus"):
        items = getattr(scenario, kind)
        yield from _overlaps(kind, [(item.at, item.duration, place) for place, item in enumerate(items)])
    for name in {fault.name: None for fault in scenario.fault}:
        spans = [
            (fault.at, max(fault.ramp, fault.duration or 0), place)
            for place, fault in enumerate(scenario.fault)
            if fault.name == name
        ]
        yield from _overlaps("fault", spans)


def _overlaps(kind: str, spans: Sequence[tuple[int, int, int]]) -> Iterator[Problem]:
    """Spans are (begin, duration, place in the file)."""
    for (before_ms, duration_ms, _), (at_ms, _, place) in itertools.pairwise(sorted(spans)):
        if at_ms < before_ms + duration_ms:
            over_h = (before_ms + duration_ms) / _HOUR_MS
            advice = (
                f"this begins before the {kind} at {before_ms / _HOUR_MS:g} h is over; begin at {over_h:g} h or later"
            )
            yield advice, (kind, place, "at")


def _surroundings(scenario: Scenario) -> Iterator[Problem]:
    table = scenario.surroundings
    if table.altitude_m is not None and table.ambient_kpa is not None:
        both = "altitude_m and ambient_kpa exclude each other; give one of them"
        yield both, ("surroundings", "ambient_kpa")
    for kind in _EPISODES:
        for place, episode in enumerate(getattr(scenario, kind)):
            yield from _ramp(kind, place, episode)
    for place, flight in enumerate(scenario.flight):
        if any(_meet(flight, other) for other in (*scenario.altitude, *scenario.dive)):
            yield "nobody is in a cabin and elsewhere; end the altitude or dive before this", ("flight", place, "at")
    means = (table.temperature_c, table.mean_ambient_kpa, table.outlet_kpa)
    for mean, (key, swing, lower, upper, kinds) in zip(means, _QUANTITIES, strict=True):
        reach = getattr(table, swing)
        if not lower <= mean - reach <= mean + reach <= upper:
            yield _outside(key, mean - reach, mean + reach, lower, upper), ("surroundings", swing)
            continue
        yield from _extremes(scenario, kinds, mean, reach, (key, lower, upper))


def _ramp(kind: str, place: int, episode: Episode) -> Iterator[Problem]:
    if 2 * episode.ramp > episode.duration:
        key = "ramp" if "ramp" in episode.model_fields_set else "duration"
        usual = "" if key == "ramp" else f", which is {episode.ramp / 60_000:g}min if not given"
        yield f"ramp must be no more than half of duration{usual}", (kind, place, key)


def _extremes(
    scenario: Scenario, kinds: Sequence[str], mean: float, reach: float, quantity: tuple[str, float, float]
) -> Iterator[Problem]:
    """Whether any episode, with those of the other kinds that it meets, leaves what the model covers."""
    key, lower, upper = quantity
    for kind in kinds:
        others = [other for name in kinds if name != kind for other in getattr(scenario, name)]
        for place, episode in enumerate(getattr(scenario, kind)):
            met = [other.shift(mean) for other in others if _meet(episode, other)]
            shift = episode.shift(mean)
            low = mean - reach + shift + min([0.0, *met])
            high = mean + reach + shift + max([0.0, *met])
            if not lower <= low <= high <= upper:
                value = next(name for name in type(episode).model_fields if name not in Episode.model_fields)
                yield _outside(key, low, high, lower, upper), (kind, place, value)


def _meet(one: Episode, other: Episode) -> bool:
    return one.at < other.end and other.at < one.end


def _outside(key: str, low: float, high: float, lower: float, upper: float) -> str:
    return f"with all that acts on it, {key} goes from {low:g} to {high:g}; the model covers {lower:g} to {upper:g}"


def _refills(scenario: Scenario, profile: PumpProfile, end_ms: int) -> Iterator[Problem]:
    most_ml = profile.capacity_ml - profile.residual_ml
    for place, refill in enumerate(scenario.refill):
        if refill.fill_ml > most_ml:
            tight = f"{refill.fill_ml:g} mL do not fit: above its residual volume the pump holds {most_ml:g} mL"
            yield tight, ("refill", place, "fill_ml")
        if refill.at < end_ms < refill.at + refill.duration:
            yield "the scenario ends before this refill is done; begin it earlier", ("refill", place, "at")
        for key in ("reported_returned_ml", "reported_fill_ml"):
            if not refill.announced and key in refill.model_fields_set:
                yield (
                    "without a programmer (announced = false) nothing is reported; leave it out",
                    ("refill", place, key),
                )


def _faults(scenario: Scenario) -> Iterator[Problem]:
    for place, fault in enumerate(scenario.fault):
        given = [key for key in ("ramp", "duration") if key in fault.model_fields_set]
        if fault.name in ELECTRONIC_FAULTS and fault.name != "battery-drain":
            for key in given:
                yield f"{fault.name} happens at one time: it has no {key}; leave it out", ("fault", place, key)
        elif fault.ramp and not PUMP_FAULTS[fault.name].unit:
            yield f"{fault.name} is there or not: it has no ramp; leave it out", ("fault", place, "ramp")
        elif fault.duration is not None and fault.ramp > fault.duration:
            yield "ramp must be no longer than duration", ("fault", place, "ramp")


def _expectations(scenario: Scenario, end_ms: int) -> Iterator[Problem]:
    for place, expect in enumerate(scenario.expect):
        if expect.between is None:
            continue
        first_ms, last_ms = expect.between
        if first_ms > last_ms:
            yield "between must name the earlier time first", ("expect", place, "between")
        elif last_ms > end_ms:
            yield f"the scenario ends before, after {scenario.days:g} d", ("expect", place, "between")
