"""The report of a fleet: one HTML file that opens offline."""

import math
from typing import Any

from firmware_model.fleet.population import Population
from hil.fleet.findings import Findings
from hil.fleet.fleet_figures import fleet_figures
from hil.fleet.folder import FleetPlan
from hil.report.numbers import number
from hil.report.page import render_page

__all__ = ["render_fleet_report"]


def render_fleet_report(findings: Findings, population: Population, plan: FleetPlan, summary: dict[str, Any]) -> str:
    """The report's HTML. The same fleet gives the same bytes, however it was dealt out."""
    return render_page(
        "fleet/fleet.html.j2",
        fleet_figures(findings, population),
        filters=(("shown", _shown), ("interval", _interval)),
        summary=summary,
        population=population,
        plan=plan,
    )


def _shown(value: float | None, digits: int = 3, scale: float = 1.0) -> str:
    """A number as people read it; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    scaled = value * scale
    return number("0" if scaled == 0 else f"{scaled:.{digits}g}" if abs(scaled) < 10**digits else f"{scaled:.0f}")


def _interval(interval: dict[str, float | None], digits: int = 3, scale: float = 1.0) -> str:
    """``1.2 (0.8 to 1.6)``; a dash if there was nothing to measure it by."""
    if interval["estimate"] is None:
        return "-"
    low, high = (_shown(interval[key], digits, scale) for key in ("low", "high"))
    return f"{_shown(interval['estimate'], digits, scale)} ({low} to {high})"
