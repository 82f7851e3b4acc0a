"""Everything that a report shows, as pure data."""

from dataclasses import dataclass

from hil.figure import Figure
from hil.measurement import Measurement, Outcome

__all__ = ["ProcedureLine", "ReportContent", "RequirementLine", "Rows"]

Rows = tuple[tuple[str, str], ...]
"""Names and values of one table."""


@dataclass(frozen=True)
class RequirementLine:
    """A requirement, which procedures of the run speak of it, and what that came to."""

    name: str
    text: str
    procedures: str
    evidence: str
    """Names of the measurements that speak of it."""
    outcome: Outcome | None
    """None if the run says nothing of it."""
    gap: str = ""
    """Why it says nothing, or not all that it should."""


@dataclass(frozen=True)
class ProcedureLine:
    """One attempt at one procedure."""

    name: str
    outcome: Outcome
    said: str
    """The outcome in words, such as "pass after retry"."""
    problem: str
    attempt: int = 1
    superseded: bool = False
    """Whether a later attempt decides."""


@dataclass(frozen=True)
class ReportContent:
    """One run's report. Equal contents but for ``wall_clock`` give equal reports but for that section."""

    verdict: Outcome
    title: str
    finding: str
    """One sentence: what was found, naming what failed."""
    identification: Rows
    """What tells this report from another: run, pump, bench, target."""
    device: Rows
    measurements: tuple[Measurement, ...]
    requirements: tuple[RequirementLine, ...]
    """Every requirement, those that the procedures speak of first."""
    figures: tuple[Figure, ...]
    markers: tuple[tuple[float, str], ...]
    """What was injected: bench time in hours, and what it was."""
    instruments: tuple[tuple[str, Rows], ...]
    environment: Rows
    notes: tuple[str, ...]
    """What else a reader must know."""
    hashes: Rows
    command: str
    wall_clock: Rows
    rejudged: bool = False
    """Whether limits other than the procedures' decided the verdict."""
    procedures: tuple[ProcedureLine, ...] = ()
    """Every attempt at every procedure, in order."""
    superseded: frozenset[int] = frozenset()
    """Which measurements, by their place, belong to an attempt that was repeated."""
    deviations: tuple[str, ...] = ()
    """What did not go as the procedures say."""
    not_claimed: tuple[str, ...] = ()
    """What this run does not show, beside what no report of ours claims."""
