"""Where a patient goes, and when they are ill."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_model.fleet.chance import Chance
from firmware_model.fleet.habits import Patients
from firmware_model.scenario.episode import Fever, Flight, Stay

__all__ = ["Trip", "fevers_of", "trips_of"]

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
_YEAR_MS = 365.25 * _DAY_MS
_GROUND_MS = 2 * _HOUR_MS
"""Between a flight and the mountains."""


@dataclass(frozen=True)
class Trip:
    """There and back by air, and days between at sea level or in the mountains."""

    flights: tuple[Flight, Flight]
    stay: Stay | None

    @property
    def begin_ms(self) -> int:
        """When the patient leaves."""
        return self.flights[0].at

    @property
    def end_ms(self) -> int:
        """When they are back."""
        return self.flights[1].end


def trips_of(patients: Patients, chance: Chance, end_ms: int) -> Iterator[Trip]:
    """The trips that begin by the day after ``end_ms``, one after another.

    The patient is away on that day, wherever in it the trip begins: so an end never moves an appointment.
    """
    free_ms = 0
    while True:
        at = free_ms + chance.waiting(patients.trips_per_year) * _YEAR_MS
        if at >= end_ms + _DAY_MS:
            return
        days, hours = patients.trip_days.at(chance.uniform()), patients.flight_h.at(chance.uniform())
        cabin_m = patients.cabin_altitude_m.at(chance.uniform())
        is_high, high_m = chance.uniform() < patients.mountains_share, patients.mountain_altitude_m.at(chance.uniform())
        there_ms, flight_ms = _minutes(at), _minutes(hours * _HOUR_MS)
        back_ms = there_ms + _minutes(days * _DAY_MS) + flight_ms
        there, back = (
            Flight.model_construct(at=at_ms, duration=flight_ms, cabin_altitude_m=cabin_m)
            for at_ms in (there_ms, back_ms)
        )
        stay = Stay.model_construct(
            at=there.end + _GROUND_MS, duration=back_ms - there.end - 2 * _GROUND_MS, altitude_m=high_m
        )
        trip = Trip((there, back), stay if is_high else None)
        yield trip
        free_ms = trip.end_ms + _DAY_MS


def fevers_of(patients: Patients, chance: Chance, end_ms: int) -> Iterator[Fever]:
    """The fevers that begin before ``end_ms``, one after another."""
    free_ms = 0
    while True:
        at = free_ms + chance.waiting(patients.fevers_per_year) * _YEAR_MS
        if at >= end_ms:
            return
        temperature_c, days = patients.fever_c.at(chance.uniform()), patients.fever_days.at(chance.uniform())
        fever = Fever.model_construct(at=_minutes(at), duration=_minutes(days * _DAY_MS), temperature_c=temperature_c)
        yield fever
        free_ms = fever.end + _DAY_MS


def _minutes(time: float) -> int:
    return math.floor(time / 60_000) * 60_000
