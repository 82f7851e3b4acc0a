"""``pumprig run --plan``: the forecast of a run, for people and for programs."""

import json
import sys

from rich.console import Console
from rich.markup import escape

from hil.errors import UsageError
from hil.flow.flow_forecast import FlowForecast
from hil.runs.forecast import Forecast, ProcedureForecast, forecast
from hil.runs.run_plan import plan_run
from hil.runs.run_settings import RunSettings
from hil.screen import screen
from hil.units import split_quantity, to_unit

__all__ = ["print_forecast"]


def print_forecast(settings: RunSettings, uncertainty: str | None, *, as_json: bool) -> int:
    """Print what a run will do; gives the exit code. Raises UsageError for what cannot be run."""
    said = forecast(plan_run(settings), wanted_percent=None if uncertainty is None else _percent(uncertainty))
    if as_json:
        sys.stdout.write(json.dumps(said.as_json(), indent=2) + "\n")
        return said.exit_code
    console = screen()
    plan = said.plan
    console.print(f"plan       {plan.target} of bench {escape(plan.bench.file.name)}; no port was touched")
    for procedure in said.procedures:
        _print_procedure(console, procedure)
    for requirement in said.not_claimed:
        console.print(f"not claimed  {escape(requirement)}: its procedure is skipped")
    for role, day in said.overdue.items():
        console.print(
            f"[bold yellow]overdue[/]    {role}: its calibration was due on {day}; what rests on it will be "
            f"inconclusive. To answer for it: --accept-overdue {role}=REASON"
        )
    console.print(f"duration   {_hours(said.hours)} of bench time")
    if said.flow is not None:
        _print_flow(console, said.flow)
        _print_needed(console, said, said.flow)
    return said.exit_code


def _print_procedure(console: Console, procedure: ProcedureForecast) -> None:
    said = procedure.declaration
    console.print(f"{escape(said.name)}", style="bold")
    missing = set(procedure.missing)
    needs = [f"{role} [bold red](missing)[/]" if role in missing else role for role in procedure.instruments]
    console.print(f"  needs         {', '.join(['pump', *needs])}")
    if missing:
        console.print("  skipped       the bench lacks what it needs")
    else:
        console.print(f"  takes         {_hours(procedure.hours)}")
    if said.measurements:
        console.print(f"  measures      {escape(', '.join(said.measurements))}")
    if said.requirements:
        console.print(f"  requirements  {escape(', '.join(said.requirements))}")
    for each in said.parameters:
        value = procedure.parameters[each.name]
        said_range = f"{each.range_text()}; default {each.default:g}"
        console.print(f"  --set         {each.name}={value:g}  {escape(each.summary)} ({said_range})")


def _print_flow(console: Console, flow: FlowForecast) -> None:
    console.print(f"flow       {flow.flow_ml_per_day:.3f} mL/day expected; U (k = 2) after a collection of")
    for each in flow.lengths:
        console.print(
            f"  {each.hours:6.0f} h {each.expanded_uncertainty_percent:7.2f} %   "
            f"{each.dominating_share:4.0%} of the variance: {each.dominated_by}"
        )


def _print_needed(console: Console, said: Forecast, flow: FlowForecast) -> None:
    if flow.why_not():
        console.print(f"[bold red]not possible[/]  {escape(flow.why_not())}")
    if flow.needed_h is None:
        return
    collection, hint = said.collection, ""
    if collection is not None and collection.lower <= flow.needed_h <= collection.upper:
        hint = f": --set {collection.name}={flow.needed_h:g}"
    elif collection is not None:
        hint = f"; the procedure collects {collection.range_text()}"
    console.print(f"needed     {flow.needed_h:g} h for {flow.wanted_percent:g} %{hint}")


def _hours(hours: float | None) -> str:
    return "not stated" if hours is None else f"{hours:.4g} h"


def _percent(text: str) -> float:
    """A wanted uncertainty such as ``2%``. Raises UsageError unless it is a positive share."""
    try:
        _, unit = split_quantity(text)
        percent = to_unit(text if unit else f"{text} %", "%")
    except UsageError as error:
        raise UsageError(f"--uncertainty {text}: {error}") from error
    if not 0 < percent < 100:
        raise UsageError(f"--uncertainty {text}: must be more than 0 and less than 100 %")
    return percent
