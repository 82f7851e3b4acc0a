"""What is around the pump: usually, and in episodes that come, last and go again."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from firmware_model.config import FrozenModel
from firmware_model.physics.fluids import HIGHEST_TEMPERATURE_C, LOWEST_TEMPERATURE_C
from firmware_model.physics.surroundings import MAX_AMBIENT_KPA, MAX_OUTLET_KPA, standard_atmosphere_kpa
from firmware_model.quantities import duration_ms

__all__ = [
    "Dive",
    "Episode",
    "Fever",
    "Flight",
    "HeatingPad",
    "Length",
    "OutletEpisode",
    "Stay",
    "SurroundingsTable",
    "Temperature",
    "Time",
]

_WATER_KPA_PER_M = 1025 * 9.80665 / 1000

Time = Annotated[int, BeforeValidator(duration_ms)]
"""In the file ``1d12h30min``; here in whole ms."""
Length = Annotated[int, BeforeValidator(duration_ms), Field(gt=0)]
Temperature = Annotated[float, Field(ge=LOWEST_TEMPERATURE_C, le=HIGHEST_TEMPERATURE_C)]
Altitude = Annotated[float, Field(ge=-500, le=11_000)]
Outlet = Annotated[float, Field(ge=-MAX_OUTLET_KPA, le=MAX_OUTLET_KPA)]


class SurroundingsTable(FrozenModel):
    """What is around the pump when nothing special happens: an ambulatory patient, if nothing else is said."""

    temperature_c: Temperature = 36.9
    """Mean over the day, of the tissue around the pump."""
    circadian_amplitude_c: Annotated[float, Field(ge=0, le=3)] = 0.3
    """So much warmer and colder than the mean it gets within a day."""
    circadian_peak_h: Annotated[float, Field(ge=0, lt=24)] = 17.0
    """Hour of the scenario's day at which it is warmest."""
    altitude_m: Altitude | None = None
    """Where the patient lives; or give ambient_kpa."""
    ambient_kpa: Annotated[float, Field(gt=0, le=MAX_AMBIENT_KPA)] | None = None
    """Absolute, mean of the weather; 101.325 if neither is given."""
    weather_amplitude_kpa: Annotated[float, Field(ge=0, le=5)] = 0.8
    """The weather stays within so much of that, and takes days to change."""
    outlet_kpa: Outlet = 12.4
    """Gauge, at the catheter's tip: mean arterial pressure; of a venous tip about 1."""
    outlet_noise_kpa: Annotated[float, Field(ge=0, le=5)] = 0.4
    """The mean of each hour differs by up to so much."""

    @property
    def mean_ambient_kpa(self) -> float:
        """Absolute."""
        if self.altitude_m is not None:
            return standard_atmosphere_kpa(self.altitude_m)
        return 101.325 if self.ambient_kpa is None else self.ambient_kpa


class Episode(FrozenModel):
    """Something around the pump that comes, lasts and goes again, both with a ramp."""

    at: Time
    """When it begins."""
    duration: Length
    """From its beginning to its end, ramps and all."""
    ramp: Time = 0
    """From before to full, and again from full to after; at most half of the duration."""

    @property
    def end(self) -> int:
        """In ms."""
        return self.at + self.duration

    def shift(self, usual: float) -> float:
        """By how much it moves what is usually ``usual``, when it is full."""
        raise NotImplementedError


class Fever(Episode):
    """The tissue's temperature is another one."""

    ramp: Time = 2 * 3_600_000
    temperature_c: Temperature
    """Mean, of the tissue around the pump."""

    def shift(self, usual: float) -> float:
        """In K."""
        return self.temperature_c - usual


class HeatingPad(Fever):
    """A heating pad on the skin: quicker and hotter."""

    ramp: Time = 20 * 60_000


class Flight(Episode):
    """A cabin that is kept at the pressure of some altitude."""

    ramp: Time = 25 * 60_000
    cabin_altitude_m: Altitude = 2400.0
    """By the standard atmosphere."""

    def shift(self, usual: float) -> float:
        """In kPa."""
        return standard_atmosphere_kpa(self.cabin_altitude_m) - usual


class Stay(Episode):
    """A stay at another altitude."""

    ramp: Time = 2 * 3_600_000
    altitude_m: Altitude
    """By the standard atmosphere."""

    def shift(self, usual: float) -> float:
        """In kPa."""
        return standard_atmosphere_kpa(self.altitude_m) - usual


class Dive(Episode):
    """Under water."""

    ramp: Time = 2 * 60_000
    depth_m: Annotated[float, Field(gt=0, le=25)]
    """Of sea water, on top of the pressure above it."""

    def shift(self, usual: float) -> float:
        """In kPa, whatever is above it."""
        del usual
        return self.depth_m * _WATER_KPA_PER_M


class OutletEpisode(Episode):
    """Another pressure at the catheter's tip."""

    ramp: Time = 10 * 60_000
    outlet_kpa: Outlet
    """Gauge, mean."""

    def shift(self, usual: float) -> float:
        """In kPa."""
        return self.outlet_kpa - usual
