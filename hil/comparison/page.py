"""A comparison as one HTML file that opens offline: a verdict, tables, curves laid over each other."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.figure import Figure
from hil.report.page import page_policy, plot_scripts

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
    scripts = plot_scripts(page.figures, ())
    return (
        _environment()
        .get_template("comparison/comparison.html.j2")
        .render(
            page=page,
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - Bokeh itself, and JSON that has no <
            policy=page_policy(scripts),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("hil", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
