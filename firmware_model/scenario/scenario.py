"""A scenario: one pump, what happens to it and when, and what must come of it; from one TOML file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from firmware_model.config import FrozenModel, check_model, line_of, read_toml
from firmware_model.errors import ConfigurationError
from firmware_model.faults.injection import fault_kind, fault_value
from firmware_model.faults.table import ELECTRONIC_FAULTS, PUMP_FAULTS
from firmware_model.fluids import HIGHEST_TEMPERATURE_C, LOWEST_TEMPERATURE_C
from firmware_model.profile import PumpProfile, load_profile
from firmware_model.quantities import duration_ms
from firmware_model.scenario.expectation import Expect, Expected
from firmware_model.surroundings import MAX_AMBIENT_KPA, MAX_OUTLET_KPA, standard_atmosphere_kpa

__all__ = ["Episode", "LoadedScenario", "Scenario", "load_scenario"]

DAY_MS = 86_400_000
MAX_DAYS = 3650
_WATER_KPA_PER_M = 1025 * 9.80665 / 1000
_START_UTC = datetime(2026, 1, 1, tzinfo=UTC)

Time = Annotated[int, BeforeValidator(duration_ms)]
"""In the file ``1d12h30min``; here in whole ms."""
Length = Annotated[int, BeforeValidator(duration_ms), Field(gt=0)]
Temperature = Annotated[float, Field(ge=LOWEST_TEMPERATURE_C, le=HIGHEST_TEMPERATURE_C)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Altitude = Annotated[float, Field(ge=-500, le=11_000)]
Outlet = Annotated[float, Field(ge=-MAX_OUTLET_KPA, le=MAX_OUTLET_KPA)]


class SurroundingsTable(FrozenModel):
    """What is around the pump when nothing special happens: an ambulatory patient, if nothing else is said."""

    temperature_c: Temperature = 36.9
    """Mean over the day, of the tissue around the pump."""
    circadian_amplitude_c: Annotated[float, Field(ge=0, le=3)] = 0.3
    circadian_peak_h: Annotated[float, Field(ge=0, lt=24)] = 17.0
    """Hour of the scenario's day at which it is warmest."""
    altitude_m: Altitude | None = None
    """Where the patient lives; or give ambient_kpa."""
    ambient_kpa: Annotated[float, Field(gt=0, le=MAX_AMBIENT_KPA)] | None = None
    """Absolute; 101.325 if neither is given."""
    weather_amplitude_kpa: Annotated[float, Field(ge=0, le=5)] = 0.8
    """The weather stays within so much of that, and takes days to change."""
    outlet_kpa: Outlet = 12.4
    """Gauge, at the catheter's tip: mean arterial pressure; of a venous tip about 1."""
    outlet_noise_kpa: Annotated[float, Field(ge=0, le=5)] = 0.4
    """The mean of each hour differs by up to so much."""

    @model_validator(mode="after")
    def _one_pressure(self) -> Self:
        if self.altitude_m is not None and self.ambient_kpa is not None:
            raise ValueError("altitude_m and ambient_kpa exclude each other; give one of them")
        return self

    @property
    def mean_ambient_kpa(self) -> float:
        """Absolute."""
        if self.altitude_m is not None:
            return standard_atmosphere_kpa(self.altitude_m)
        return 101.325 if self.ambient_kpa is None else self.ambient_kpa


class Episode(FrozenModel):
    """Something around the pump that comes, lasts and goes again, both with a ramp."""

    at: Time
    duration: Length
    """From its beginning to its end, ramps and all."""
    ramp: Time = 0
    """From before to full, and again from full to after."""

    @model_validator(mode="after")
    def _ramp_fits(self) -> Self:
        if 2 * self.ramp > self.duration:
            raise ValueError("ramp must be no more than half of duration")
        return self

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

    def shift(self, usual: float) -> float:
        return self.temperature_c - usual


class HeatingPad(Fever):
    """A heating pad on the skin: quicker and hotter."""

    ramp: Time = 20 * 60_000


class Flight(Episode):
    """A cabin that is kept at the pressure of some altitude."""

    ramp: Time = 25 * 60_000
    cabin_altitude_m: Altitude = 2400.0

    def shift(self, usual: float) -> float:
        return standard_atmosphere_kpa(self.cabin_altitude_m) - usual


class Stay(Episode):
    """A stay at another altitude."""

    ramp: Time = 2 * 3_600_000
    altitude_m: Altitude

    def shift(self, usual: float) -> float:
        return standard_atmosphere_kpa(self.altitude_m) - usual


class Dive(Episode):
    """Under water."""

    ramp: Time = 2 * 60_000
    depth_m: Annotated[float, Field(gt=0, le=25)]

    def shift(self, usual: float) -> float:
        del usual
        return self.depth_m * _WATER_KPA_PER_M


class OutletEpisode(Episode):
    """Another pressure at the catheter's tip."""

    ramp: Time = 10 * 60_000
    outlet_kpa: Outlet

    def shift(self, usual: float) -> float:
        return self.outlet_kpa - usual


class Refill(FrozenModel):
    """A needle takes out what is left, and a syringe fills the reservoir again."""

    at: Time
    duration: Annotated[int, BeforeValidator(duration_ms), Field(ge=60_000, le=2 * 3_600_000)] = 20 * 60_000
    """From telling the pump to expect it to telling it that it is done."""
    fill_ml: Positive
    infusate_c: Temperature = 22.0
    drug: Annotated[str, Field(min_length=1, max_length=40)] = "saline"
    concentration_mg_per_ml: NotNegative = 0.0
    reported_returned_ml: NotNegative | None = None
    """What is typed in as returned; if not given, what truly came out."""
    reported_fill_ml: NotNegative | None = None
    """What is typed in as filled; if not given, fill_ml."""
    announced: bool = True
    """False: somebody's needle, without a programmer."""


class Bolus(FrozenModel):
    """An injection by the side port, past the reservoir."""

    at: Time
    volume_ml: Positive
    duration: Length = 2 * 60_000


class Visit(FrozenModel):
    """Somebody with a programmer."""

    at: Time
    actions: Annotated[
        tuple[Literal["read-status", "acknowledge", "set-clock", "self-test"], ...],
        Field(min_length=1, strict=False),
    ]


class Fault(FrozenModel):
    """Something breaks: at once or with a ramp, for good or for a while."""

    name: str
    at: Time
    value: str | None = None
    """With its unit, like 50%; the fault's own default if not given."""
    ramp: Time = 0
    """In which it grows to its value, linearly, in at most 64 steps."""
    duration: Length | None = None
    """After which it is mended; for good if not given."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        kind = fault_kind(self.name, PUMP_FAULTS)
        if self.value is not None:
            fault_value(self.value, kind)
        if self.name in ELECTRONIC_FAULTS and self.name != "battery-drain" and (self.ramp or self.duration is not None):
            raise ValueError(f"{self.name} happens at one time: it has neither ramp nor duration")
        if not kind.unit and self.ramp:
            raise ValueError(f"{self.name} is there or not: it has no ramp")
        if self.duration is not None and self.ramp > self.duration:
            raise ValueError("ramp must be no longer than duration")
        return self

    @property
    def amount(self) -> float:
        """Its value in the unit of its kind."""
        kind = PUMP_FAULTS[self.name]
        return kind.default if self.value is None else fault_value(self.value, kind)


def _many(item: Any) -> Any:
    return Annotated[tuple[item, ...], Field(strict=False)]


class Scenario(FrozenModel):
    """One pump, one timeline, and what must come of it."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    profile: str = "generic-30ml"
    """A profile that comes with pumprig, or a file, seen from this one."""
    days: Annotated[float, Field(gt=0, le=MAX_DAYS)]
    seed: Annotated[int, Field(ge=0)] = 1
    start_utc: datetime = _START_UTC
    volume_ml: Positive | None = None
    """In the reservoir at the start; full if not given."""
    surroundings: SurroundingsTable = SurroundingsTable()
    fever: _many(Fever) = ()  # type: ignore[valid-type]
    heating_pad: _many(HeatingPad) = ()  # type: ignore[valid-type]
    flight: _many(Flight) = ()  # type: ignore[valid-type]
    altitude: _many(Stay) = ()  # type: ignore[valid-type]
    dive: _many(Dive) = ()  # type: ignore[valid-type]
    outlet: _many(OutletEpisode) = ()  # type: ignore[valid-type]
    refill: _many(Refill) = ()  # type: ignore[valid-type]
    bolus: _many(Bolus) = ()  # type: ignore[valid-type]
    visit: _many(Visit) = ()  # type: ignore[valid-type]
    fault: _many(Fault) = ()  # type: ignore[valid-type]
    expect: _many(Expect) = ()  # type: ignore[valid-type]
    expected: Expected = Expected()

    @property
    def start_utc_ms(self) -> int:
        """In ms since 1970."""
        aware = self.start_utc if self.start_utc.tzinfo else self.start_utc.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario, where it came from, and the profile that it names."""

    path: Path
    scenario: Scenario
    profile: PumpProfile


_EPISODES = ("fever", "heating_pad", "flight", "altitude", "dive", "outlet")
_TIMED = (*_EPISODES, "refill", "bolus", "visit", "fault")


def load_scenario(path: Path) -> LoadedScenario:
    """The scenario at ``path``. Raises ConfigurationError with file, line and key."""
    text, document = read_toml(path)
    scenario = check_model(path, text, document, Scenario)
    profile = load_profile(_profile_path(path, text, scenario.profile))
    for problem, loc in _problems(scenario, profile):
        raise ConfigurationError(path, problem, key=".".join(str(part) for part in loc), line=line_of(text, loc))
    return LoadedScenario(path, scenario, profile)


def _profile_path(path: Path, text: str, name: str) -> Path:
    if not name.endswith(".toml"):
        shipped = Path(str(resources.files("fixtures"))) / "pumps"
        known = sorted(file.stem for file in shipped.glob("*.toml"))
        if name not in known:
            problem = f"unknown profile {name!r}; known: {', '.join(known)}, or a file's name ending in .toml"
            raise ConfigurationError(path, problem, key="profile", line=line_of(text, ("profile",)))
        return shipped / f"{name}.toml"
    return path.parent / name


Problem = tuple[str, Sequence[int | str]]
Item = TypeVar("Item", Episode, Refill)


def _problems(scenario: Scenario, profile: PumpProfile) -> Iterable[Problem]:
    """What is wrong beyond single values, with where it stands; the first of them is told."""
    end_ms = round(scenario.days * DAY_MS)
    if scenario.volume_ml is not None and not profile.residual_ml <= scenario.volume_ml <= profile.capacity_ml:
        yield (
            f"the reservoir holds {profile.residual_ml:g} (residual) to {profile.capacity_ml:g} mL, "
            f"not {scenario.volume_ml:g}",
            ("volume_ml",),
        )
    for kind in _TIMED:
        for place, item in enumerate(getattr(scenario, kind)):
            if item.at >= end_ms:
                yield (
                    f"this is at {item.at / DAY_MS:g} d, but the scenario ends after {scenario.days:g} d",
                    (kind, place, "at"),
                )
    for kind in (*_EPISODES, "refill"):
        yield from _overlaps(kind, getattr(scenario, kind))
    most_ml = profile.capacity_ml - profile.residual_ml
    for place, refill in enumerate(scenario.refill):
        if refill.fill_ml > most_ml:
            yield (
                f"{refill.fill_ml:g} mL do not fit: above its residual volume the pump holds {most_ml:g} mL",
                ("refill", place, "fill_ml"),
            )
    for place, expect in enumerate(scenario.expect):
        if expect.between is not None and expect.between[0] > end_ms:
            yield "the scenario ends before this can happen", ("expect", place, "between")


def _overlaps(kind: str, items: Sequence[Any]) -> Iterable[Problem]:
    ordered = sorted(enumerate(items), key=lambda each: each[1].at)
    for (_, before), (place, after) in zip(ordered, ordered[1:], strict=False):
        if after.at < before.at + before.duration:
            yield f"this begins before the {kind} at {before.at / 3_600_000:g} h is over", (kind, place, "at")
