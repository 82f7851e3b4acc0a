"""The report of a simulated scenario: one HTML file that opens offline."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hil.report.page import page_policy, plot_scripts
from hil.simulation.alarm_strip import alarm_bars, alarm_strip_svg
from hil.simulation.event_lines import EventLine, event_line, shown_events
from hil.simulation.sim_figures import sim_figures
from hil.simulation.simulated import Simulated

__all__ = ["render_sim_report"]


def render_sim_report(simulated: Simulated) -> str:
    """The report's HTML. The same scenario and seed give the same bytes."""
    result = simulated.result
    figures = sim_figures(result)
    scripts = plot_scripts(figures, ())
    end_h = result.days * 24
    events, left_out = shown_events(result.events)
    lines: list[EventLine] = [event_line(event) for event in events]
    return (
        _environment()
        .get_template("simulation/sim.html.j2")
        .render(
            simulated=simulated,
            result=result,
            figures=figures,
            lines=lines,
            left_out=left_out,
            strip=alarm_strip_svg(alarm_bars(result.events, end_h), end_h),
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
