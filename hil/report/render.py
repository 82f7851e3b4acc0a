"""A report as one HTML file that opens offline: text by Jinja, curves by Bokeh, both inlined."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.figure import Marker
from hil.measurement import BudgetLine, Measurement, effective_degrees_of_freedom
from hil.report.content import ReportContent
from hil.report.interval import interval_svg
from hil.report.numbers import limits_text, rounded, significant, unit_text
from hil.report.page import page_policy, plot_scripts

__all__ = ["render_report"]


def render_report(content: ReportContent) -> str:
    """The report's HTML. It names no other file and no host: what it needs is in it."""
    markers = [Marker(hours, label) for hours, label in content.markers]
    scripts = plot_scripts(content.figures, markers)
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            content=content,
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - Bokeh itself, and JSON that has no <
            policy=page_policy(scripts),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hil.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "freedom": effective_degrees_of_freedom,
        "interval": interval_svg,
        "rounded": rounded,
        "shares": _shares,
        "significant": significant,
        "unit": unit_text,
    }
    environment.globals |= {"limits_text": limits_text}
    return environment


def _shares(measurement: Measurement) -> list[tuple[BudgetLine, float]]:
    """Budget lines and their share (0 to 1) of the variance, the largest first."""
    total = sum(line.contribution**2 for line in measurement.budget)
    shares = [(line, line.contribution**2 / total if total > 0 else 0.0) for line in measurement.budget]
    return sorted(shares, key=lambda pair: -pair[1])
