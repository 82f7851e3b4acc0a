"""Comparisons as a person sees them: a few lines, and a page if wanted."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.markup import escape

from hil.comparison.page import ComparisonPage, render_comparison
from hil.durable import write_whole
from hil.output import writing_to
from hil.screen import screen

__all__ = ["print_diff", "print_model_replay"]


def print_model_replay(
    path: Path, *, profile: str | None, allowed: Iterable[str], out: Path | None, as_json: bool
) -> int:
    """Compare a recording with today's model and say what came of it; gives the exit code, 1 if the model differs."""
    from hil.comparison.model_replay import replay_model  # noqa: PLC0415 - slow to import

    found = replay_model(path, profile, allowed)
    if out is not None:
        _write_page(out / "model.html", found.page())
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
        return 0 if found.agrees else 1
    console = screen()
    console.print(f"{escape(str(found.telemetry.path))} against today's {escape(found.profile.model)}", style="bold")
    for what, source in found.course.sources:
        console.print(f"  {what:<28} {escape(source)}")
    console.print(f"  {'quantity':<12} {'looks':>6} {'mean':>10} {'allowed':>9} {'largest':>10} {'allowed':>9}")
    for each in found.residuals:
        if not each.is_compared:
            console.print(f"  {each.name:<12} {0:>6} {each.said}", style="yellow")
            continue
        console.print(
            f"  {each.name:<12} {each.values.size:>6} {each.mean:>+10.4f} {each.tolerance.mean:>9.4f} "
            f"{each.maximum:>10.4f} {each.tolerance.maximum:>9.4f} {each.unit}{'  BEYOND' if each.is_beyond else ''}",
            style="bold red" if each.is_beyond else "",
        )
    console.print(f"verdict    [bold {'green' if found.agrees else 'red'}]{found.verdict}[/]")
    if out is not None:
        console.print(f"report     {escape(str(out / 'model.html'))}")
    if not found.agrees:
        console.print(f"reproduce  {escape(found.command)}")
    return 0 if found.agrees else 1


def _write_page(path: Path, page: ComparisonPage) -> None:
    """Write the page. Raises UsageError, BenchFault if that cannot be."""
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render_comparison(page).encode())


def print_diff(a: Path, b: Path, *, out: Path | None, as_json: bool) -> int:
    """Compare two recordings and say what changed; gives the exit code, 1 if anything but timing did."""
    from hil.comparison.diff import Change, diff  # noqa: PLC0415 - slow to import

    found = diff(a, b)
    if out is not None:
        _write_page(out, found.page())
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
        return 0 if found.is_same else 1
    console = screen()
    console.print(f"A  {escape(str(found.a.path))}")
    console.print(f"B  {escape(str(found.b.path))}")

    def show(title: str, changes: Iterable[Change]) -> None:
        lines = [f"  {escape(each.name)}: {escape(each.a)}  ->  {escape(each.b)}" for each in changes]
        console.print(title if lines else f"{title}: the same", style="bold")
        for line in lines:
            console.print(line)

    show("settings", found.settings)
    show("messages", found.counts)
    if found.divergence is None:
        console.print("bytes: the same on every wire, in the same order", style="bold")
    else:
        where = f"record {found.divergence.record}, byte {found.divergence.offset}"
        console.print(f"bytes part at {where}, times aside", style="bold")
        console.print(f"  A {escape(found.divergence.a)}\n  B {escape(found.divergence.b)}")
    show("timing", found.timing)
    console.print("measurements" if found.measurements else "measurements: none to compare", style="bold")
    for each in found.measurements:
        e_n = "none" if each.e_n is None else f"{each.e_n:+.3f}"
        apart = "none" if each.difference is None else f"{each.difference:+.5f}"
        outcome = each.outcome_a if each.outcome_a == each.outcome_b else f"{each.outcome_a} -> {each.outcome_b}"
        style = "bold red" if each.is_changed else ""
        console.print(
            f"  {escape(each.name):<26} {apart:>11} {escape(each.unit):<12} E_n {e_n:>7}  {outcome}", style=style
        )
    console.print(
        f"verdict    {'[bold green]same[/]' if found.is_same else '[bold yellow]different[/]'}: {found.finding()}"
    )
    if out is not None:
        console.print(f"report     {escape(str(out))}")
    return 0 if found.is_same else 1
