"""A fleet from its population's file to its folder: run what is missing, judge, and write it down."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from firmware_model.fleet.population import LoadedPopulation, load_population
from firmware_model.scenario.scenario import MAX_DAYS
from hil.durable import write_whole
from hil.errors import UsageError
from hil.fleet.chunk import Chunk, ChunkResult
from hil.fleet.executor import check_scheduler, cores, run_chunks
from hil.fleet.findings import Findings
from hil.fleet.fleet_report import render_fleet_report
from hil.fleet.folder import FleetFolder, FleetPlan
from hil.fleet.summary import summary_of
from hil.fleet.verdict import Case, exit_code, judge_fleet, junit_of
from hil.output import check_writable, writing_to
from hil.shipped import file_or_shipped

__all__ = [
    "FleetOutcome",
    "FleetSettings",
    "Progress",
    "check_days",
    "check_seed",
    "find_population",
    "finish_fleet",
    "run_fleet",
]

_BIGGEST_CHUNK = 100
_CHUNKS_PER_JOB = 12
_MOST_PUMPS = 10_000_000
_LAST_SEED = 2**64 - 1


@dataclass(frozen=True)
class FleetSettings:
    """What a person asks for."""

    file: str
    """Of a population that comes with pumprig, or a path."""
    pumps: int = 1000
    days: float = 365.0
    seed: int = 1
    jobs: int | None = None
    """Processes; None: one for each core."""
    scheduler: str | None = None
    """Of a Dask cluster, instead of processes."""
    out: Path | None = None
    junit: Path | None = None
    audit: float = 0.0
    wire: float = 0.0
    resume: bool = False
    chunk: int | None = None
    """Pumps that a worker does at a time; None: as suits their number. It changes no result."""


class Progress(Protocol):
    """Who is told how far a fleet is."""

    def begun(self, pumps: int, done: int) -> None:
        """So many pumps in all, and so many that are there already."""

    def advanced(self, pumps: int, pump_years: float) -> None:
        """So many more are done."""


@dataclass(frozen=True)
class FleetOutcome:
    """A finished fleet."""

    folder: Path
    summary: dict[str, Any]
    cases: list[Case]

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 4 inconclusive."""
        return exit_code(self.cases)

    def check(self) -> None:
        """Raise AssertionError, with what was found and how to repeat it, unless every case passed."""
        __tracebackhide__ = True  # pytest shows the test that asked
        bad = [
            f"{case.outcome}: {case.criterion} [{case.variant}]: {case.finding}"
            + (f"\n    {case.reproduce}" if case.reproduce else "")
            for case in self.cases
            if case.outcome != "pass"
        ]
        if bad:
            raise AssertionError("\n".join([*bad, f"report: {self.folder / 'report.html'}"]))


def find_population(file: str) -> LoadedPopulation:
    """The population of that name, or in that file. Raises UsageError, ConfigurationError."""
    return load_population(file_or_shipped(file, "fleets", "population"))


def run_fleet(
    settings: FleetSettings,
    progress: Progress,
    run: Callable[..., Iterable[ChunkResult]] = run_chunks,
) -> FleetOutcome:
    """Run the fleet, or what is missing of it. Raises UsageError, ConfigurationError, BenchFault."""
    loaded = find_population(settings.file)
    plan = _planned(settings)
    folder = FleetFolder(settings.out or _default_folder(plan))
    if settings.junit is not None:
        check_writable(settings.junit)
    if settings.scheduler is not None:
        check_scheduler(settings.scheduler)
    with folder.at_work(plan, loaded, resume=settings.resume) as plan:
        missing = [
            Chunk(loaded, plan.seed, plan.days, first, last, plan.audit, plan.wire)
            for first, last in plan.chunks()
            if not folder.is_kept(first)
        ]
        progress.begun(plan.pumps, plan.pumps - sum(chunk.last - chunk.first + 1 for chunk in missing))
        for result in run(missing, jobs=settings.jobs or cores(), scheduler=settings.scheduler) if missing else ():
            folder.keep(result)
            progress.advanced(result.last - result.first + 1, result.watched_ms / (365.25 * 86_400_000))
        return finish_fleet(folder, junit=settings.junit)


def finish_fleet(folder: FleetFolder, *, junit: Path | None = None) -> FleetOutcome:
    """Judge what is in a folder, and write summary and report. Raises UsageError if some of it is missing."""
    plan, loaded = folder.plan()
    missing = [first for first, _ in plan.chunks() if not folder.is_kept(first)]
    if missing:
        raise UsageError(
            f"{folder.path}: {len(missing)} of {len(plan.chunks())} parts are missing; go on with: "
            f"{plan.command()} --out {folder.path} --resume"
        )
    findings = Findings(folder)
    cases = judge_fleet(findings, loaded.population, plan)
    summary = summary_of(findings, loaded.population, plan, cases)
    page = render_fleet_report(findings, loaded.population, plan, summary).encode()
    with writing_to(folder.path):
        folder.write_summary(summary)
        write_whole(folder.path / "report.html", page)
    if junit is not None:
        with writing_to(junit):
            junit.parent.mkdir(parents=True, exist_ok=True)
            write_whole(junit, junit_of(cases, loaded.population.title))
    return FleetOutcome(folder.path, summary, cases)


def check_days(days: float) -> None:
    """Raises UsageError for a length that no fleet has."""
    if not (math.isfinite(days) and 1 <= days <= MAX_DAYS):
        raise UsageError(f"--days must be 1 to {MAX_DAYS}, not {days:g}")


def check_seed(seed: int) -> None:
    """Raises UsageError for a seed that is no key."""
    if not 0 <= seed <= _LAST_SEED:
        raise UsageError(f"--seed must be 0 to {_LAST_SEED}, not {seed}")


def _planned(settings: FleetSettings) -> FleetPlan:
    if not 1 <= settings.pumps <= _MOST_PUMPS:
        raise UsageError(f"--pumps must be 1 to {_MOST_PUMPS}, not {settings.pumps}")
    check_days(settings.days)
    check_seed(settings.seed)
    for name, share in (("audit", settings.audit), ("wire", settings.wire)):
        if not 0 <= share <= 1:
            raise UsageError(f"--{name} must be 0 to 1, not {share:g}")
    if settings.jobs is not None and settings.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {settings.jobs}")
    workers = settings.jobs or cores()
    suits = max(1, min(_BIGGEST_CHUNK, math.ceil(settings.pumps / (_CHUNKS_PER_JOB * workers))))
    return FleetPlan(
        file=settings.file,
        pumps=settings.pumps,
        days=settings.days,
        seed=settings.seed,
        audit=settings.audit,
        wire=settings.wire,
        chunk=settings.chunk or suits,
    )


def _default_folder(plan: FleetPlan) -> Path:
    return Path("fleets") / f"{Path(plan.file).stem}_{plan.pumps}x{plan.days:g}d_seed{plan.seed}"
