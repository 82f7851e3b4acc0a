"""A scenario: one pump, what happens to it and when, and what must come of it; from one TOML file."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from firmware_model.config import FrozenModel, at_key, check_model, line_of, read_toml
from firmware_model.errors import ConfigurationError
from firmware_model.faults.injection import fault_kind, fault_value
from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.profile import NANOLITRE_ML, AlarmLimits, PumpProfile, find_profile, load_profile
from firmware_model.quantities import duration_ms
from firmware_model.scenario.contradictions import contradictions
from firmware_model.scenario.episode import (
    Dive,
    Episode,
    Fever,
    Flight,
    HeatingPad,
    Length,
    OutletEpisode,
    Stay,
    SurroundingsTable,
    Temperature,
    Time,
)
from firmware_model.scenario.expectation import Expect, Expected
from firmware_model.scenario.unit import ImpossibleLimit, UnitTable, unit_profile

__all__ = [
    "LONGEST_TITLE",
    "MAX_DAYS",
    "Bolus",
    "Episode",
    "Fault",
    "LoadedScenario",
    "Refill",
    "Scenario",
    "Visit",
    "known_limits",
    "load_scenario",
    "start_utc_ms",
]

MAX_DAYS = 3650
LONGEST_TITLE = 120
_START_UTC = datetime(2026, 1, 1, tzinfo=UTC)

Volume = Annotated[float, Field(ge=NANOLITRE_ML)]
Reported = Annotated[float, Field(ge=0, le=1000)]
T = TypeVar("T")
Several = Annotated[tuple[T, ...], Field(strict=False)]
"""A table of which a file may have any number."""


def _text_of(value: Any) -> Any:
    """A bare number as text: the value of a fault without a unit is no text by nature."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class Refill(FrozenModel):
    """A needle takes out what is left, and a syringe fills the reservoir again."""

    at: Time
    """When the pump is told to expect it."""
    duration: Annotated[int, BeforeValidator(duration_ms), Field(ge=60_000, le=119 * 60_000)] = 20 * 60_000
    """From telling the pump to expect it to telling it that it is done."""
    fill_ml: Volume
    """What is in the syringe; no more than fits above the residual volume."""
    infusate_c: Temperature = 22.0
    """Its temperature, which cools the propellant for a while."""
    drug: Annotated[str, Field(min_length=1, max_length=40)] = "saline"
    """What the pump is told is in it."""
    concentration_mg_per_ml: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """And how much of it."""
    reported_returned_ml: Reported | None = None
    """What is typed in as returned; if not given, what truly came out."""
    reported_fill_ml: Reported | None = None
    """What is typed in as filled; if not given, fill_ml."""
    announced: bool = True
    """False: somebody's needle, without a programmer."""


class Bolus(FrozenModel):
    """An injection by the side port, past the reservoir."""

    at: Time
    """When it begins."""
    volume_ml: Annotated[float, Field(ge=NANOLITRE_ML, le=100)]
    """Of all of it."""
    duration: Length = 2 * 60_000
    """In which it is given, evenly."""


class Visit(FrozenModel):
    """Somebody with a programmer."""

    at: Time
    """When, all of it at once."""
    actions: Annotated[
        tuple[Literal["read-status", "acknowledge", "set-clock", "self-test"], ...],
        Field(min_length=1, strict=False),
    ]
    """What is done, one after the other."""


class Fault(FrozenModel):
    """Something breaks: at once or with a ramp, for good or for a while."""

    name: str
    """One of `pumprig sim --list-faults`."""
    at: Time
    """When it begins."""
    value: Annotated[str | None, BeforeValidator(_text_of)] = None
    """With its unit, like 50%; the fault's own default if not given."""
    ramp: Time = 0
    """In which it grows to its value, linearly, in at most 64 steps; from what an earlier one has left, if any has."""
    duration: Length | None = None
    """After which it is mended, or as an earlier one has left it; for good if not given."""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return fault_kind(name, PUMP_FAULTS).name

    @field_validator("value")
    @classmethod
    def _is_possible(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "name" in info.data:
            fault_value(value, PUMP_FAULTS[info.data["name"]])
        return value

    @property
    def amount(self) -> float:
        """Its value in the unit of its kind."""
        kind = PUMP_FAULTS[self.name]
        return kind.default if self.value is None else fault_value(self.value, kind)


class Scenario(FrozenModel):
    """One pump, one timeline, and what must come of it."""

    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]
    """What happens, in a few words."""
    profile: str = "generic-30ml"
    """A profile that comes with pumprig, or a file, seen from this one."""
    days: Annotated[float, Field(gt=0, le=MAX_DAYS)]
    """How long it goes on."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Of all noise: of the sensors, the weather and the blood pressure."""
    start_utc: datetime = _START_UTC
    """What the pump's clock shows at its beginning; 2026-01-01 if not given."""
    volume_ml: Volume | None = None
    """In the reservoir at the start; full if not given."""
    limits: Mapping[str, float] = {}
    """Alarm limits that the firmware works by instead of those of the profile, by their names there."""
    unit: UnitTable = UnitTable()
    surroundings: SurroundingsTable = SurroundingsTable()
    fever: Several[Fever] = ()
    heating_pad: Several[HeatingPad] = ()
    flight: Several[Flight] = ()
    altitude: Several[Stay] = ()
    dive: Several[Dive] = ()
    outlet: Several[OutletEpisode] = ()
    refill: Several[Refill] = ()
    bolus: Several[Bolus] = ()
    visit: Several[Visit] = ()
    fault: Several[Fault] = ()
    expect: Several[Expect] = ()
    expected: Expected = Expected()

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, limits: Mapping[str, float]) -> Mapping[str, float]:
        return known_limits(limits)

    @property
    def start_utc_ms(self) -> int:
        """In ms since 1970."""
        return start_utc_ms(self.start_utc)


def start_utc_ms(start_utc: datetime) -> int:
    """In ms since 1970; without a zone it is UTC."""
    aware = start_utc if start_utc.tzinfo else start_utc.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def known_limits(limits: Mapping[str, float]) -> Mapping[str, float]:
    """The same. Raises ValueError for a name that is no alarm limit of a profile, with the nearest one."""
    for name in limits:
        if name not in AlarmLimits.model_fields:
            close = difflib.get_close_matches(name, AlarmLimits.model_fields, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(AlarmLimits.model_fields)}"
            raise at_key(f"this is no alarm limit; {hint}", name)
    return limits


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario, where it came from, and the profile that it names."""

    path: Path
    scenario: Scenario
    profile: PumpProfile


def load_scenario(path: Path) -> LoadedScenario:
    """The scenario at ``path``. Raises ConfigurationError with file, line and key."""
    text, document = read_toml(path)
    scenario = check_model(path, text, document, Scenario)
    profile = load_profile(find_profile(path, text, scenario.profile))
    try:
        profile = unit_profile(profile, scenario.unit, scenario.limits)
    except ImpossibleLimit as error:
        keys = "limits", error.limit
        raise ConfigurationError(path, error.problem, key=".".join(keys), line=line_of(text, keys)) from error
    problems = list(contradictions(scenario, profile))
    if problems:
        problem, loc = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        key = ".".join(str(part) for part in loc)
        raise ConfigurationError(path, problem + more, key=key, line=line_of(text, loc))
    return LoadedScenario(path, scenario, profile)
