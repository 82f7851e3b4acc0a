"""``pumprig verify`` as a person sees it: one line for each check, and what was not checked."""

import json
import sys
from pathlib import Path
from typing import Final

from rich.markup import escape

from hil.screen import screen
from hil.verification.check import State
from hil.verification.verify import verify

__all__ = ["print_verification"]

_STYLES: Final[dict[State, str]] = {"ok": "green", "finding": "bold red", "not checked": "yellow"}


def print_verification(path: Path, *, as_json: bool) -> int:
    """Verify what is at ``path`` and say so; gives the exit code. Raises RecordingError if it cannot be read."""
    found = verify(path)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
        return found.exit_code
    console = screen()
    width = max(16, *(len(check.name) for check in found.checks))
    for check in found.checks:
        first, *rest = check.lines()
        console.print(f"[{_STYLES[check.state]}]{check.state:<12}[/] {check.name:<{width}} {escape(first)}")
        for line in rest:
            console.print(f"{'':<13}{escape(line)}", style="red")
    for text in found.left_out():
        console.print(f"not checked: {escape(text)}", style="dim")
    findings = sum(len(check.findings) for check in found.checks)
    console.print(
        f"verified    {findings} finding{'s' if findings != 1 else ''}" if findings else "verified    no findings"
    )
    return found.exit_code
