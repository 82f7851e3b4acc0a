"""``pumprig runs``, ``report`` and ``trend``: what is known of earlier runs, on a terminal or for other programs."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from hil.durable import write_whole
from hil.errors import RecordingError, UsageError
from hil.history.run_index import RunFilter, RunRow, runs_of, trend_of
from hil.history.run_names import find_run, undated_folders
from hil.history.trend import Trend
from hil.output import writing_to
from hil.runs.run_folder import MANIFEST
from hil.runs.verdict_lines import OUTCOME_STYLES, verdict_lines
from hil.screen import screen

__all__ = ["print_report", "print_runs", "print_trend"]

_ANY_WIDTH = 10_000


def print_runs(runs: Path, which: RunFilter, *, limit: int, as_json: bool) -> None:
    """The newest ``limit`` runs that ``which`` means, the newest last. Raises UsageError without such a folder."""
    rows = runs_of(runs, which)
    _say_undated(runs)
    shown = rows[-limit:] if limit else rows
    if as_json:
        _print_json({"schema": "pumprig.runs/1", "runs": [row.as_json() for row in shown]})
        return
    console, table = screen(), _table(shown)
    wanted = console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).maximum
    if console.is_terminal and wanted <= console.width:
        console.print(table)
    else:  # a name that is broken over two lines cannot be copied
        width = max((len(row.name) for row in shown), default=0)
        for row in shown:
            how = f"  ({row.how})" if row.is_replay else ""
            console.print(
                f"{row.name:<{width}}  {row.verdict:<12}  {row.dut}  {' '.join(row.procedures)}{how}", markup=False
            )
    if len(shown) < len(rows):
        console.print(f"[dim]{len(rows) - len(shown)} older ones are left out; --limit 0 shows them all[/]")
    if not rows:
        console.print(f"no such run under {escape(str(runs))}")


def _say_undated(runs: Path) -> None:
    """Name what is left out, on standard error: other programs read the output."""
    for folder in undated_folders(runs):
        screen(stderr=True).print(
            f"pumprig: {folder}: left out, for there is no such time as its name begins with; was it renamed?",
            markup=False,
        )


def print_report(name: str, runs: Path, *, as_json: bool) -> None:
    """What a run came to, and where its report is. Raises UsageError or RecordingError if it has no manifest."""
    folder = find_run(name, runs)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{folder}: has no manifest: it is no run folder, or the run was killed or goes on") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{folder / MANIFEST}: cannot be read: {error}") from error
    try:
        lines = _report_lines(folder, manifest)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(
            f"{folder / MANIFEST}: is no manifest of a run ({type(error).__name__}: {error}); "
            "`pumprig verify` says what else is damaged"
        ) from error
    if as_json:
        _print_json({"folder": str(folder), **manifest})
        return
    console = screen()
    for line in (f"[bold]{escape(folder.name)}[/]", *lines):
        console.print(line)


def _report_lines(folder: Path, manifest: Any) -> list[str]:
    """Each procedure with what it measured, the verdict, and what to do next, in rich's markup."""
    lines = []
    for procedure in manifest["procedures"]:
        attempt = f" [dim](attempt {procedure['attempts']}; repeated)[/]" if procedure["superseded"] else ""
        lines.append(f"{_outcome(procedure['outcome'])} {escape(procedure['name'])}{attempt}")
        if procedure["problem"]:
            lines.append(f"             [dim]{escape(procedure['problem'])}[/]")
        lines += [
            f"  {_outcome(measured['outcome'])} {escape(_said(measured))}"
            for measured in manifest["measurements"]
            if (measured["procedure"], measured["attempt"]) == (procedure["name"], procedure["attempts"])
        ]
    return [
        *lines,
        *verdict_lines(manifest, target=manifest["target"]),
        f"report     {escape(str(folder / 'report.html'))}",
        f"reproduce  {escape(manifest['reproduce'])}",
    ]


def print_trend(measurement: str, runs: Path, which: RunFilter, *, out: Path | None, as_json: bool) -> None:
    """A measurement over these runs as a control chart; with ``out``, also as an HTML file.

    Raises UsageError, BenchFault.
    """
    points = trend_of(runs, measurement, which)
    _say_undated(runs)
    trend = Trend.of(measurement, points)
    if out is not None:
        with writing_to(out):
            write_whole(out, trend.as_html().encode())
    if as_json:
        _print_json(trend.as_json())
        return
    console = screen()
    why = {signal.place: signal.why for signal in reversed(trend.chart.signals)}
    for place, point in enumerate(trend.points):
        mark = f"  [bold yellow]{why[place]}[/]" if place in why else ""
        mark = "  [dim]an error: left out[/]" if place not in trend.places else mark
        known = point.expanded_uncertainty
        uncertainty = "unknown" if known is None else f"{known:.2g}"
        console.print(
            f"{escape(point.run)}  {escape(point.dut)}  {point.value:.4g} +- {uncertainty} {escape(point.unit)}{mark}"
        )
    console.print(f"{escape(measurement)}: {escape(trend.said)}")
    if out is not None:
        console.print(f"chart      {escape(str(out))}")


def _table(rows: list[RunRow]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("started", "DUT", "procedures", "target", "verdict", "run"):
        table.add_column(column, overflow="fold")
    for row in rows:
        procedures = ", ".join(row.procedures[:3]) + (" ..." if len(row.procedures) > 3 else "")
        table.add_row(f"{row.started:%Y-%m-%d %H:%M:%S}", row.dut, procedures, row.how, _outcome(row.verdict), row.name)
    return table


def _said(measured: dict[str, Any]) -> str:
    def number(value: float | None, missing: str) -> str:
        return missing if value is None else f"{value:.4g}"

    value, uncertainty = number(measured["value"], "nothing"), number(measured["expanded_uncertainty"], "?")
    lower, upper = number(measured["lower"], "no lower limit"), number(measured["upper"], "no upper limit")
    return f"{measured['name']}: {value} +- {uncertainty} {measured['unit']} ({lower} to {upper})"


def _outcome(outcome: str) -> str:
    return f"[{OUTCOME_STYLES.get(outcome, 'dim')}]{outcome:<12}[/]"


def _print_json(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, indent=2) + "\n")
