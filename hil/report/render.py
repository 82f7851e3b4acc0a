"""A report as one HTML file that opens offline: text by Jinja, curves by Bokeh, both inlined."""

import math

from bokeh.resources import INLINE
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.measurement import BudgetLine, Measurement
from hil.report.content import ReportContent
from hil.report.plot import plot_json

__all__ = ["render_report"]


def render_report(content: ReportContent) -> str:
    """The report's HTML. It names no other file and no host: what it needs is in it."""
    environment = Environment(
        loader=PackageLoader("hil.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "limit": _limit, "interval": _interval, "share": _share}
    plots = [
        plot_json(drawn, content.markers if drawn.in_bench_hours else (), f"plot-{number}")
        for number, drawn in enumerate(content.figures, start=1)
    ]
    return environment.get_template("template.html.j2").render(
        content=content,
        plots=[Markup(plot.replace("</", "<\\/")) for plot in plots],  # noqa: S704 - JSON of our own, made safe
        bokeh=Markup(_bokeh_js()),  # noqa: S704 - the library itself
    )


def _bokeh_js() -> str:
    """Bokeh's core; widgets, tables and WebGL stay out: the reports use none."""
    (core, *_) = INLINE.js_raw
    return str(core)


def _figure(value: float, uncertainty: float) -> str:
    """``value`` with as many decimals as two digits of its uncertainty ask for."""
    if not (math.isfinite(value) and math.isfinite(uncertainty)):
        return str(value)
    decimals = 3 if uncertainty <= 0 else max(0, 1 - math.floor(math.log10(uncertainty)))
    return f"{value:.{min(decimals, 9)}f}"


def _limit(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _share(line: BudgetLine, measurement: Measurement) -> float:
    total = sum(each.contribution**2 for each in measurement.budget)
    return line.contribution**2 / total if total > 0 else 0.0


def _interval(measurement: Measurement) -> Markup:
    """A small picture: the limits as two posts, the value as a dot, its uncertainty as a bar."""
    lower, upper, value, u = measurement.lower, measurement.upper, measurement.value, measurement.expanded_uncertainty
    if lower is None or upper is None or not math.isfinite(value) or not math.isfinite(u):
        return Markup("")
    span = (upper - lower) or 1.0
    left, right = min(lower - 0.25 * span, value - u), max(upper + 0.25 * span, value + u)

    def x(at: float) -> str:
        return f"{4 + 182 * (at - left) / (right - left):.1f}"

    label = f"{value:.4g} +- {u:.2g} between {lower:g} and {upper:g}"
    return Markup(  # noqa: S704 - every value is a number of ours
        f'<svg class="interval" viewBox="0 0 190 22" role="img" aria-label="{label}">'
        f'<rect x="{x(lower)}" y="9" width="{float(x(upper)) - float(x(lower)):.1f}" height="4" fill="#dbe7de"/>'
        f'<path d="M{x(lower)} 3V19M{x(upper)} 3V19" stroke="#5b6670"/>'
        f'<path d="M{x(value - u)} 11H{x(value + u)}" stroke="#1d2329" stroke-width="2"/>'
        f'<circle cx="{x(value)}" cy="11" r="4" fill="#1d2329"/></svg>'
    )
