"""A page with plots as one file that opens offline: its template, its scripts, and the policy that allows no others.

The page forbids itself the network: its Content-Security-Policy lets a browser load nothing from anywhere, and run no
script but those whose SHA-256 it names.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.figure import Figure, Marker

__all__ = ["render_page"]

Filters = tuple[tuple[str, Callable[..., object]], ...]


def render_page(
    template: str,
    figures: Sequence[Figure],
    *,
    markers: Sequence[Marker] = (),
    filters: Filters = (),
    **shown: object,
) -> str:
    """The page that ``template`` (a path in this package, such as ``report/report.html.j2``) makes of what is shown.

    Its plots go into elements ``plot-1`` and so on; ``markers`` into those whose x is bench time. Equal content gives
    equal bytes.
    """
    scripts = _plot_scripts(figures, markers)
    return (
        _environment(filters)
        .get_template(template)
        .render(
            figures=figures,
            scripts=[Markup(script) for script in scripts],  # noqa: S704 - Bokeh itself, and JSON that has no <
            policy=_policy(scripts),
            **shown,
        )
    )


@cache
def _environment(filters: Filters) -> Environment:
    environment = Environment(
        loader=PackageLoader("hil", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters)
    return environment


def _plot_scripts(figures: Sequence[Figure], markers: Sequence[Marker]) -> tuple[str, ...]:
    """Bokeh's core and what it is to draw; nothing if there is no figure.

    Widgets, tables and WebGL stay out: the pages use none.
    """
    if not figures:
        return ()
    from bokeh.resources import INLINE  # noqa: PLC0415 - bokeh takes half a second to import

    from hil.report.plot import plot_json  # noqa: PLC0415

    plots = [
        plot_json(drawn, tuple(markers) if drawn.in_bench_hours else (), f"plot-{number}")
        for number, drawn in enumerate(figures, start=1)
    ]
    core = str(INLINE.js_raw[0])
    drawing = "\n".join(f"Bokeh.embed.embed_item({plot});" for plot in plots)
    return core, drawing, (resources.files("hil.report") / "paper.js").read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy; Bokeh writes style elements of its own and has its icons in data URLs."""
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    allowed = " ".join(hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
