"""A report as one HTML file that opens offline: text by Jinja, curves by Bokeh, both inlined.

The file forbids itself the network: its Content-Security-Policy lets a browser load nothing from anywhere, and run no
script but those whose SHA-256 it names.
"""

import base64
import hashlib
from functools import cache
from importlib import resources

from bokeh.resources import INLINE
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.figure import Marker
from hil.measurement import BudgetLine, Measurement, Outcome, effective_degrees_of_freedom, verdict
from hil.report.content import ReportContent
from hil.report.interval import interval_svg
from hil.report.numbers import limits_text, rounded, significant, unit_text
from hil.report.plot import plot_json

__all__ = ["render_report"]


def render_report(content: ReportContent) -> str:
    """The report's HTML. It names no other file and no host: what it needs is in it."""
    scripts = _scripts(content)
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            content=content,
            requirements=[(name, text, *_kept(name, content)) for name, text in content.requirements],
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - Bokeh itself, and JSON that has no <
            policy=_policy(scripts),
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


def _scripts(content: ReportContent) -> tuple[str, ...]:
    """Bokeh's core and what it is to draw; nothing if there is nothing to draw.

    Widgets, tables and WebGL stay out: the reports use none.
    """
    if not content.figures:
        return ()
    injected = tuple(Marker(hours, label) for hours, label in content.markers)
    plots = [
        plot_json(drawn, injected if drawn.in_bench_hours else (), f"plot-{number}")
        for number, drawn in enumerate(content.figures, start=1)
    ]
    core = str(INLINE.js_raw[0])
    drawing = "\n".join(f"Bokeh.embed.embed_item({plot});" for plot in plots)
    return core, drawing, (resources.files("hil.report") / "paper.js").read_text(encoding="utf-8")


def _policy(scripts: tuple[str, ...]) -> str:
    """A Content-Security-Policy; Bokeh writes style elements of its own and has its icons in data URLs."""
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    allowed = " ".join(hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _kept(requirement: str, content: ReportContent) -> tuple[tuple[Measurement, ...], Outcome]:
    """The measurements that speak of a requirement, and what they come to."""
    evidence = tuple(each for each in content.measurements if requirement in each.requirements)
    return evidence, verdict(each.outcome for each in evidence)


def _shares(measurement: Measurement) -> list[tuple[BudgetLine, float]]:
    """Budget lines and their share (0 to 1) of the variance, the largest first."""
    total = sum(line.contribution**2 for line in measurement.budget)
    shares = [(line, line.contribution**2 / total if total > 0 else 0.0) for line in measurement.budget]
    return sorted(shares, key=lambda pair: -pair[1])
