"""``pumprig sim`` as a person sees it."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.scenario.scenario import load_scenario
from hil.screen import screen
from hil.shipped import shipped
from hil.simulation.event_lines import event_line, shown_events
from hil.simulation.sim_folder import make_folder, write_folder
from hil.simulation.simulated import Simulated, scenario_names, simulate

__all__ = ["print_faults", "print_scenarios", "run_sim"]

_PRIORITY_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan", "": ""}


def run_sim(
    name: str,
    *,
    days: float | None,
    seed: int | None,
    profile: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run a scenario and say what came of it; gives the exit code: 1 if something was not as expected."""
    if out is not None:
        make_folder(out)
    console = screen()
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    ) as bar:
        task = bar.add_task(name, total=1.0)
        simulated = simulate(
            name, days=days, seed=seed, profile=profile, progress=lambda done: bar.update(task, completed=done)
        )
    if out is not None:
        write_folder(out, simulated)
    if as_json:
        sys.stdout.write(json.dumps(simulated.as_json(), indent=2) + "\n")
    else:
        _print(console, simulated, out)
    return 0 if simulated.result.met else 1


def _print(console: Console, simulated: Simulated, out: Path | None) -> None:
    result, balance = simulated.result, simulated.result.balance
    console.print(f"{escape(result.title)}", style="bold")
    console.print(f"{escape(result.model)}, {result.days:g} days, seed {result.seed}")
    events, left_out = shown_events(result.events)
    for place, event in enumerate(events):
        if left_out and place == len(events) - 60:
            console.print(f"  ... {left_out} more; --json has them all")
        line = event_line(event)
        style = _PRIORITY_STYLES[line.priority]
        detail = f"  {escape(line.detail)}" if line.detail else ""
        console.print(f"  {line.time}  {line.priority:<7} {escape(line.event):<36}{detail}".rstrip(), style=style)
    inside = balance.initial_nl + balance.refilled_nl
    console.print(
        f"balance    {inside / 1e6:.6f} mL in = {balance.reservoir_nl / 1e6:.6f} reservoir + "
        f"{balance.delivered_nl / 1e6:.6f} delivered + {balance.leaked_nl / 1e6:.6f} leaked + "
        f"{balance.withdrawn_nl / 1e6:.6f} withdrawn"
    )
    for arrival in result.arrivals[:5]:
        delay_h = (arrival.arrived_ms - arrival.filled_ms) / 3_600_000
        console.print(f"transit    filled at {arrival.filled_ms / 3_600_000:.2f} h, at the tip {delay_h:.1f} h later")
    if len(result.arrivals) > 5:
        console.print(f"transit    {len(result.arrivals) - 5} more; --json has them all")
    for each in result.expectations:
        mark, style = ("met", "green") if each.met else ("NOT MET", "bold red")
        console.print(f"  [{style}]{mark:<8}[/] {escape(each.text)}: {escape(each.found)}")
    console.print(f"verdict    {'[bold green]as expected[/]' if result.met else '[bold red]not as expected[/]'}")
    if out is not None:
        console.print(f"report     {escape(str(out / 'report.html'))}")
    if not result.met:
        console.print(f"reproduce  {escape(simulated.command)}")


def print_faults(*, as_json: bool) -> None:
    """What can go wrong in a pump, and how to say it."""
    if as_json:
        faults = [vars(kind) for kind in PUMP_FAULTS.values()]
        sys.stdout.write(json.dumps({"schema": "pumprig.faults/1", "faults": faults}, indent=2) + "\n")
        return
    console = screen()
    for kind in PUMP_FAULTS.values():
        reach = f"{kind.lower:g} to {kind.upper:g}{kind.unit}"
        console.print(f"{kind.name:<34}{f'{kind.default:g}{kind.unit}':<11} ({reach})", style="bold")
        console.print(f"    {escape(kind.summary)}")
    console.print(
        'in a scenario:  [[fault]] name = "catheter-occlusion" value = "50%" at = "2d6h" ramp = "2h" duration = "1d"',
        markup=False,
    )
    console.print("in a bench run: pumprig run --inject catheter-occlusion=50%@6h", markup=False)


def print_scenarios() -> None:
    """The scenarios that come with pumprig."""
    console = screen()
    for name in scenario_names():
        scenario = load_scenario(shipped(f"scenarios/{name}.toml")).scenario
        console.print(f"{name:<30} {scenario.days:g} days: {escape(scenario.title)}")
