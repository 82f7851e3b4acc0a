"""Everything that a report shows, as pure data."""

from dataclasses import dataclass

from hil.figure import Figure
from hil.measurement import Measurement, Outcome

__all__ = ["ReportContent", "Rows"]

Rows = tuple[tuple[str, str], ...]
"""Names and values of one table."""


@dataclass(frozen=True)
class ReportContent:
    """One run's report. Equal contents but for ``wall_clock`` give equal reports but for that section."""

    verdict: Outcome
    title: str
    finding: str
    """One sentence: what was found, naming what failed."""
    device: Rows
    measurements: tuple[Measurement, ...]
    requirements: Rows
    """Id and text of every requirement that the procedures speak of."""
    figures: tuple[Figure, ...]
    markers: tuple[tuple[float, str], ...]
    """What was injected: bench time in hours, and what it was."""
    instruments: tuple[tuple[str, Rows], ...]
    environment: Rows
    notes: tuple[str, ...]
    """Deviations from the procedure, and what else a reader must know."""
    hashes: Rows
    command: str
    wall_clock: Rows
    rejudged: bool = False
    """Whether limits other than the procedures' decided the verdict."""
    not_claimed: tuple[str, ...] = ()
    """What this run does not show, beside what no report of ours claims."""
