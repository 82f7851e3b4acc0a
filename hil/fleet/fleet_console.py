"""``pumprig fleet`` as a person sees it."""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from hil.fleet.fleet_run import FleetOutcome, FleetSettings, finish_fleet, run_fleet
from hil.fleet.folder import FleetFolder
from hil.screen import screen

__all__ = ["print_fleet", "run_and_print"]

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_LINE_S = 10.0


class _Lines:
    """For logs: a line every now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pumps = self._done = self._fresh = 0
        self._years = 0.0
        self._begun_s = self._said_s = time.monotonic()

    def begun(self, pumps: int, done: int) -> None:
        self._pumps, self._done = pumps, done
        if done:
            self._console.print(f"  {done} of {pumps} pumps are there already")

    def advanced(self, pumps: int, pump_years: float) -> None:
        self._done += pumps
        self._fresh += pumps
        self._years += pump_years
        now_s = time.monotonic()
        if now_s - self._said_s >= _LINE_S and self._done < self._pumps:
            self._said_s = now_s
            self._console.print(f"  {self._done} of {self._pumps} pumps, {self._rate(now_s)}")

    def _rate(self, now_s: float) -> str:
        spent_s = max(1e-9, now_s - self._begun_s)
        left_s = (self._pumps - self._done) * spent_s / max(1, self._fresh)
        return f"{self._years / spent_s:.3g} pump-years/s, about {left_s:.0f} s left"


class _Live(_Lines):
    """On a terminal: one line that moves."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("pumps, {task.fields[rate]:.3g} pump-years/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def begun(self, pumps: int, done: int) -> None:
        super().begun(pumps, done)
        self._task = self._bar.add_task("fleet", total=pumps, completed=done, rate=0.0)
        self._bar.start()

    def advanced(self, pumps: int, pump_years: float) -> None:
        self._done += pumps
        self._years += pump_years
        spent_s = max(1e-9, time.monotonic() - self._begun_s)
        if self._task is not None:
            self._bar.update(self._task, advance=pumps, rate=self._years / spent_s)

    def stop(self) -> None:
        self._bar.stop()


class _Silent(_Lines):
    """For ``--json``: nothing but the object."""

    def begun(self, pumps: int, done: int) -> None: ...

    def advanced(self, pumps: int, pump_years: float) -> None: ...


def run_and_print(settings: FleetSettings, *, as_json: bool) -> int:
    """Run a fleet and say what came of it; gives the exit code."""
    console = screen()
    live = _Live(console) if console.is_terminal and not as_json else None
    progress = live or (_Silent(console) if as_json else _Lines(console))
    try:
        outcome = run_fleet(settings, progress)
    except KeyboardInterrupt:
        screen(stderr=True).print(
            "interrupted: finished pumps are kept; the same command with --resume goes on", markup=False
        )
        raise
    finally:
        if live is not None:
            live.stop()
    _say(outcome, console, as_json=as_json)
    return outcome.exit_code


def print_fleet(folder: Path, *, junit: Path | None, as_json: bool) -> int:
    """Judge a folder anew, write its report anew, and say what is in it; gives the exit code."""
    outcome = finish_fleet(FleetFolder(folder), junit=junit)
    _say(outcome, screen(), as_json=as_json)
    return outcome.exit_code


def _say(outcome: FleetOutcome, console: Console, *, as_json: bool) -> None:
    summary = outcome.summary
    if as_json:
        sys.stdout.write(json.dumps({**summary, "folder": str(outcome.folder)}, indent=2) + "\n")
        return
    console.print(escape(summary["title"]), style="bold")
    for name, variant in summary["variants"].items():
        false = variant["false_alarms"]
        faults = sum(each["of"] for each in variant["detections"])
        found = sum(each["hits"] for each in variant["detections"])
        console.print(
            f"  variant {escape(name)}: {variant['pumps']} pumps, {variant['pump_years']:.1f} pump-years, {found} of "
            f"{faults} faults detected, {false['count']} false alarms"
        )
    for case in outcome.cases:
        style = _STYLES[case.outcome]
        of = "" if len(summary["variants"]) == 1 else f" [{case.variant}]"
        console.print(f"  [{style}]{case.outcome:<12}[/] {escape(case.criterion + of)}: {escape(case.finding)}")
        if case.reproduce:
            console.print(f"               {escape(case.reproduce)}")
    console.print(f"events     sha256 {summary['events_sha256']}")
    console.print(f"verdict    [{_STYLES[summary['verdict']]}]{summary['verdict']}[/]")
    console.print(f"report     {escape(str(outcome.folder / 'report.html'))}")
    if summary["verdict"] != "pass":
        console.print(f"reproduce  {escape(summary['command'])}")
