"""A scenario that was found, run, and what came of it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_model.profile import PumpProfile, load_profile
from firmware_model.scenario.contradictions import contradictions
from firmware_model.scenario.result import ScenarioResult
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import LoadedScenario, Scenario, load_scenario
from firmware_model.scenario.unit import ImpossibleLimit, unit_profile
from hil.errors import UsageError
from hil.shipped import file_or_shipped, shipped_names

__all__ = ["Simulated", "scenario_names", "simulate"]

SCHEMA = "pumprig.sim/1"
_DAY_MS, _MINUTE_MS = 86_400_000, 60_000


@dataclass(frozen=True)
class Simulated:
    """One run of one scenario."""

    name: str
    """As it was asked for: of a scenario that comes with pumprig, or a path."""
    loaded: LoadedScenario
    result: ScenarioResult
    command: str
    """The command that does it again."""

    def as_json(self) -> dict[str, Any]:
        """What other programs see. The names in it change only together with the number in ``schema``."""
        result = self.result
        return {
            "schema": SCHEMA,
            "scenario": self.name,
            "title": result.title,
            "model": result.model,
            "days": result.days,
            "seed": result.seed,
            "met": result.met,
            "expectations": [vars(each) for each in result.expectations],
            "balance": vars(result.balance),
            "arrivals": [vars(each) for each in result.arrivals],
            "events": [event.as_json() for event in result.events],
        }


def scenario_names() -> list[str]:
    """Names of the scenarios that come with pumprig."""
    return shipped_names("scenarios")


def simulate(
    name: str,
    *,
    days: float | None,
    seed: int | None,
    profile: str | None,
    progress: Callable[[float], None],
) -> Simulated:
    """Run the scenario of that name (or file), all of it as it says if nothing else is given.

    Raises UsageError for an unknown name, ConfigurationError for what is wrong in a file.
    """
    loaded = load_scenario(file_or_shipped(name, "scenarios", "scenario"))
    scenario = loaded.scenario if days is None else _for_days(loaded.scenario, days)
    pump = loaded.profile if profile is None else _another_pump(loaded.scenario, profile)
    result = run_scenario(
        loaded,
        seed=scenario.seed if seed is None else seed,
        days=scenario.days,
        profile=pump,
        progress=progress,
    )
    return Simulated(name, loaded, result, _command(name, days, seed, profile))


def _for_days(scenario: Scenario, days: float) -> Scenario:
    """The scenario for as long. Raises UsageError if that is no time, or something is expected later."""
    end_ms = round(days * _DAY_MS)
    if end_ms < _MINUTE_MS:
        raise UsageError(
            f"--days {days:g}: a pump takes a sample every minute; give at least {_MINUTE_MS / _DAY_MS:.2g}"
        )
    for expect in scenario.expect:
        if expect.between is not None and expect.between[1] > end_ms:
            until = expect.between[1] / _DAY_MS
            raise UsageError(f"--days {days:g}: the scenario expects {expect}; give at least {until:g}")
    return scenario.model_copy(update={"days": days})


def _another_pump(scenario: Scenario, profile: str) -> PumpProfile:
    """Another pump, made as the scenario says and with its limits. Raises UsageError if that is no possible pump."""
    pump = load_profile(file_or_shipped(profile, "pumps", "profile"))
    try:
        pump = unit_profile(pump, scenario.unit, scenario.limits)
    except ImpossibleLimit as error:
        raise UsageError(f"--profile {profile}: limits.{error}") from error
    for problem, loc in contradictions(scenario, pump):
        raise UsageError(f"--profile {profile}: {'.'.join(str(part) for part in loc)}: {problem}")
    return pump


def _command(name: str, days: float | None, seed: int | None, profile: str | None) -> str:
    options = (("--days", None if days is None else f"{days!r}"), ("--seed", seed), ("--profile", profile))
    given = [str(part) for option, value in options if value is not None for part in (option, value)]
    return shlex.join(["pumprig", "sim", name, *given])
