"""One pump of a fleet in full detail, and the fewest of its events that still go wrong."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from firmware_model.fleet.complaint import Complaint, complaints_of, expecting
from firmware_model.fleet.criterion import Criterion, parse_criterion
from firmware_model.fleet.life import Life, pump_life
from firmware_model.fleet.population import LoadedPopulation, Variant
from firmware_model.fleet.result import PumpResult
from firmware_model.fleet.run import run_life
from firmware_model.fleet.shrink import shrunk_life
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import LoadedScenario, Scenario
from firmware_model.scenario.written import scenario_toml
from hil.durable import write_whole
from hil.errors import UsageError
from hil.fleet.fleet_run import check_days, check_seed, find_population
from hil.fleet.folder import rerun_command
from hil.output import writing_to
from hil.screen import screen
from hil.simulation.sim_folder import make_folder, write_folder
from hil.simulation.simulated import Simulated

__all__ = ["RerunSettings", "rerun_and_print"]

SCHEMA = "pumprig.fleet-rerun/1"
_RERUN = "rerun.json"
_STYLES = {"right": "green", "justified": "", "misleading": "yellow", "false": "bold red"}


@dataclass(frozen=True)
class RerunSettings:
    """What a person asks for."""

    file: str
    pump: int
    seed: int = 1
    days: float = 365.0
    variant: str | None = None
    criterion: str | None = None
    """By which the pump is judged alone, as the population's file says it."""
    out: Path | None = None
    shrink: bool = False

    @property
    def command(self) -> str:
        """The command that does this again."""
        of = {"variant": self.variant, "criterion": self.criterion}
        return rerun_command(self.file, self.seed, self.pump, self.days, **of)


@dataclass(frozen=True)
class _Rerun:
    """One pump, and what came of it."""

    settings: RerunSettings
    loaded: LoadedPopulation
    variant: Variant
    life: Life
    result: PumpResult
    complaints: list[Complaint]

    @property
    def scenario(self) -> Scenario:
        """Its life, with what is expected of it."""
        return expecting(self.life.scenario_for(self.variant), self.result)


def rerun_and_print(settings: RerunSettings, *, as_json: bool) -> int:
    """Run the pump and say what came of it; gives the exit code: 1 if something went wrong with it.

    Raises UsageError for options that make no sense, or to shrink a pump of which no scenario could demand better.
    """
    loaded = find_population(settings.file)
    variant = _variant(loaded, settings.variant)
    check_days(settings.days)
    check_seed(settings.seed)
    criterion = _criterion(settings.criterion)
    out = settings.out or _default_folder(settings)
    life = pump_life(loaded, settings.seed, settings.pump, settings.days)
    result = run_life(loaded, life, variant)
    complaints = complaints_of(result, loaded.population, criterion)
    rerun = _Rerun(settings, loaded, variant, life, result, complaints)
    to_shrink = _to_shrink(rerun) if settings.shrink else None
    make_folder(out, ours=_RERUN)
    files = [out / _RERUN, out / "scenario.toml"]
    with writing_to(out):
        write_whole(files[0], (json.dumps(_as_json(rerun), indent=2) + "\n").encode())
    if result.problem is None:
        write_folder(out, _simulated(rerun))
        files.append(out / "report.html")
    _write(files[1], rerun.scenario, rerun, "The whole life of one pump of a fleet.")
    if to_shrink is not None:
        files.append(_shrunk(out, rerun, to_shrink))
    if as_json:
        sys.stdout.write(json.dumps({**_as_json(rerun), "files": [str(file) for file in files]}, indent=2) + "\n")
    else:
        _print(screen(), rerun, files)
    return 1 if complaints else 0


def _variant(loaded: LoadedPopulation, name: str | None) -> Variant:
    variants = {variant.name: variant for variant in loaded.population.variant}
    if name is not None and name not in variants:
        raise UsageError(f"{loaded.path}: no variant {name!r}; there are {', '.join(variants)}")
    return loaded.population.variant[0] if name is None else variants[name]


def _criterion(text: str | None) -> Criterion | None:
    try:
        return None if text is None else parse_criterion(text)
    except ValueError as error:
        raise UsageError(f"--criterion: {error}") from None


def _default_folder(settings: RerunSettings) -> Path:
    of = "" if settings.variant is None else f"_{settings.variant}"
    return Path("fleets") / f"{Path(settings.file).stem}_seed{settings.seed}_pump{settings.pump}{of}"


def _simulated(rerun: _Rerun) -> Simulated:
    scenario, profile = rerun.scenario, rerun.life.profile_for(rerun.variant, rerun.loaded.profile)
    loaded = LoadedScenario(rerun.loaded.path, scenario, profile)
    full = run_scenario(loaded, seed=rerun.life.seed, days=scenario.days, profile=profile)
    return Simulated(f"pump {rerun.settings.pump}", loaded, full, rerun.settings.command)


def _to_shrink(rerun: _Rerun) -> Complaint:
    """The first of the complaints that a scenario can put right. Raises UsageError if there is none."""
    found = next((each for each in rerun.complaints if each.can_be_demanded), None)
    if found is None:
        why = rerun.complaints[0].text if rerun.complaints else "nothing went wrong with it."
        raise UsageError(f"pump {rerun.settings.pump}: there is nothing to shrink: {why}")
    return found


def _shrunk(out: Path, rerun: _Rerun, complaint: Complaint) -> Path:
    def fails(some: Life) -> bool:
        return complaint.is_of(run_life(rerun.loaded, some, rerun.variant))

    small = shrunk_life(rerun.life, fails, end_ms=complaint.known_by_ms)
    scenario = complaint.demanding(small.scenario_for(rerun.variant))
    name = re.sub(r"[^a-z0-9]+", "-", f"{complaint.name}-pump-{rerun.settings.pump}".lower())
    return _write(out / f"{name}.toml", scenario, rerun, f"{complaint.text} The fewest events that show it.")


def _write(path: Path, scenario: Scenario, rerun: _Rerun, text: str) -> Path:
    """A profile of the user's own is named by its whole path."""
    if scenario.profile.endswith(".toml"):
        profile = (rerun.loaded.path.parent / scenario.profile).resolve()
        scenario = scenario.model_copy(update={"profile": str(profile)})
    with writing_to(path):
        write_whole(path, scenario_toml(scenario, f"{text}\nMade by: {rerun.settings.command}").encode())
    return path


def _as_json(rerun: _Rerun) -> dict[str, object]:
    result = rerun.result
    return {
        "schema": SCHEMA,
        "pump": rerun.settings.pump,
        "seed": rerun.settings.seed,
        "variant": rerun.variant.name,
        "criterion": rerun.settings.criterion,
        "complaints": [each.text for each in rerun.complaints],
        "problem": result.problem,
        "log_sha256": result.digest,
        "faults": [row._asdict() for row in result.faults],
        "refills": [row._asdict() for row in result.refills],
        "events": [row._asdict() for row in result.events],
    }


def _print(console: Console, rerun: _Rerun, files: list[Path]) -> None:
    settings, result = rerun.settings, rerun.result
    days = result.watched_ms / 86_400_000
    console.print(f"pump {settings.pump} of seed {settings.seed}, variant {escape(rerun.variant.name)}", style="bold")
    console.print(f"  {days:.1f} days, to its end: {result.end}; {len(result.refills)} refills")
    for row in result.faults:
        after = "" if row.latency_ms is None else f" after {row.latency_ms / 3_600_000:.2f} h"
        found = (row.detected_by or "not detected") + after
        console.print(f"  {row.at_ms / 86_400_000:9.3f} d  {row.fault} {escape(row.value)}: {found}")
    for event in result.events:
        if event.judgement is not None:
            style = _STYLES[event.judgement]
            line = f"  {event.time_ms / 86_400_000:9.3f} d  alarm {event.alarm}: {event.judgement}"
            console.print(line, style=style)
    if result.problem is not None:
        console.print(f"problem    {escape(result.problem)}", style="bold red")
    by = "" if settings.criterion is None else f" by {settings.criterion}"
    for complaint in rerun.complaints:
        console.print(f"verdict    {escape(complaint.text)}", style="bold red")
    if not rerun.complaints:
        console.print(f"verdict    nothing went wrong{escape(by)}", style="bold green")
    for file in files:
        console.print(f"written    {escape(str(file))}")
