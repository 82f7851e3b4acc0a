"""A comparison as one HTML file that opens offline: a verdict, tables, curves laid over each other."""

from dataclasses import dataclass

from hil.figure import Figure
from hil.report.page import render_page

__all__ = ["ComparisonPage", "PageTable", "render_comparison"]


@dataclass(frozen=True)
class PageTable:
    """Rows under a header; a row whose place is in ``bad`` is marked as one that does not agree."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bad: frozenset[int] = frozenset()
    remark: str = ""


@dataclass(frozen=True)
class ComparisonPage:
    """All that a page shows."""

    kind: str
    title: str
    agrees: bool
    verdict: str
    finding: str
    tables: tuple[PageTable, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    command: str


def render_comparison(page: ComparisonPage) -> str:
    """The page's HTML; equal comparisons give equal bytes."""
    return render_page("comparison/comparison.html.j2", page.figures, page=page)
