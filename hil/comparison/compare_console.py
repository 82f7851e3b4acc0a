"""Comparisons as a person sees them: a few lines, and a page if wanted."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hil.comparison.page import ComparisonPage, render_comparison
from hil.durable import write_whole
from hil.errors import UsageError

__all__ = ["print_model_replay"]


def print_model_replay(
    path: Path, *, profile: str | None, allowed: Iterable[str], out: Path | None, as_json: bool
) -> int:
    """Compare a recording with today's model and say what came of it; gives the exit code, 1 if the model differs."""
    from hil.comparison.model_replay import replay_model  # noqa: PLC0415 - slow to import

    found = replay_model(path, profile, allowed)
    if out is not None:
        write_page(out / "model.html", found.page())
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
        return 0 if found.agrees else 1
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{escape(str(found.telemetry.path))} against today's {escape(found.profile.model)}", style="bold")
    for what, source in found.course.sources:
        console.print(f"  {what:<28} {escape(source)}")
    console.print(f"  {'quantity':<12} {'looks':>6} {'mean':>10} {'allowed':>9} {'largest':>10} {'allowed':>9}")
    for each in found.residuals:
        style = "" if each.is_within else "bold red"
        console.print(
            f"  {each.name:<12} {each.values.size:>6} {each.mean:>+10.4f} {each.tolerance.mean:>9.4f} "
            f"{each.maximum:>10.4f} {each.tolerance.maximum:>9.4f} {each.unit}{'' if each.is_within else '  BEYOND'}",
            style=style,
        )
    console.print(f"verdict    {'[bold green]model agrees[/]' if found.agrees else '[bold red]model differs[/]'}")
    if out is not None:
        console.print(f"report     {escape(str(out / 'model.html'))}")
    if not found.agrees:
        console.print(f"reproduce  {escape(found.command)}")
    return 0 if found.agrees else 1


def write_page(path: Path, page: ComparisonPage) -> None:
    """Write the page. Raises UsageError if that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render_comparison(page).encode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}; name another with --out") from error
