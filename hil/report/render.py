"""A report as one HTML file that opens offline: text by Jinja, curves by Bokeh, both inlined."""

from collections import Counter
from collections.abc import Sequence

from hil.figure import Marker
from hil.measurement import BudgetLine, Measurement, Outcome, effective_degrees_of_freedom
from hil.report.content import ReportContent, RequirementLine
from hil.report.interval import interval_svg
from hil.report.numbers import limits_text, rounded, significant, unit_text
from hil.report.page import render_page

__all__ = ["render_report"]


def render_report(content: ReportContent) -> str:
    """The report's HTML. It names no other file and no host: what it needs is in it."""
    return render_page(
        "report/template.html.j2",
        content.figures,
        markers=[Marker(hours, label) for hours, label in content.markers],
        filters=_FILTERS,
        content=content,
        limits_text=limits_text,
    )


def _tally(lines: Sequence[RequirementLine]) -> str:
    """How many requirements came to what, such as ``52 requirements: 49 pass, 2 fail, 1 not shown.``."""
    counts = Counter(line.outcome for line in lines)
    named = [f"{counts[outcome]} {outcome or 'not shown'}" for outcome in (*Outcome, None) if counts[outcome]]
    return f"{len(lines)} requirement{'s' if len(lines) > 1 else ''}: {', '.join(named)}."


def _shares(measurement: Measurement) -> list[tuple[BudgetLine, float]]:
    """Budget lines and their share (0 to 1) of the variance, the largest first."""
    total = sum(line.contribution**2 for line in measurement.budget)
    shares = [(line, line.contribution**2 / total if total > 0 else 0.0) for line in measurement.budget]
    return sorted(shares, key=lambda pair: -pair[1])


_FILTERS = (
    ("freedom", effective_degrees_of_freedom),
    ("interval", interval_svg),
    ("rounded", rounded),
    ("shares", _shares),
    ("significant", significant),
    ("tally", _tally),
    ("unit", unit_text),
)
