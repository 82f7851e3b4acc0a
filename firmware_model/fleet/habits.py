"""How pumps, patients and clinics differ: tables of a population's file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from firmware_model.config import FrozenModel
from firmware_model.fleet.distribution import Distribution, Spread
from firmware_model.profile import NANOLITRE_ML

__all__ = ["Clinic", "Patients", "Units"]

Rate = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]


def _spread(low: float, high: float, mean: float | None = None, sd: float | None = None) -> Distribution:
    return Distribution(low=low, high=high, mean=mean, sd=sd)


_NONE = _spread(0.0, 0.0)


class Units(FrozenModel):
    """How pumps of one profile differ from each other, as they were made."""

    restrictor_percent: Spread = _NONE
    """So much more (or less) than its profile says does a restrictor let through; the firmware does not know of it."""
    droop_kpa: Spread | None = None
    """The bellows' spring; the firmware knows it, for it was measured. If not given: as the profile says."""
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
    fill_ml: Annotated[float, Field(ge=NANOLITRE_ML)] = 28.0
    infusate_c: Spread = _spread(20.0, 24.0)
    drug: Annotated[str, Field(min_length=1, max_length=40)] = "FUDR"
    dose_mg_per_kg_day: Annotated[float, Field(ge=0, le=100)] = 0.12
    """Of the drug; with the label flow and the patient's weight it gives the concentration."""
