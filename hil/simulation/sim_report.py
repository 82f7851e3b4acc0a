"""The report of a simulated scenario: one HTML file that opens offline."""

from hil.report.page import render_page
from hil.simulation.alarm_strip import alarm_bars, alarm_strip_svg
from hil.simulation.event_lines import EventLine, event_line, shown_events
from hil.simulation.sim_figures import sim_figures
from hil.simulation.simulated import Simulated

__all__ = ["render_sim_report"]


def render_sim_report(simulated: Simulated) -> str:
    """The report's HTML. The same scenario and seed give the same bytes."""
    result = simulated.result
    end_h = result.days * 24
    events, left_out = shown_events(result.events)
    lines: list[EventLine] = [event_line(event) for event in events]
    return render_page(
        "simulation/sim.html.j2",
        sim_figures(result),
        simulated=simulated,
        result=result,
        lines=lines,
        left_out=left_out,
        strip=alarm_strip_svg(alarm_bars(result.events, end_h), end_h),
    )
