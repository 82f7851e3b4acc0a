"""Consoles: what is shown is the text that was meant, in one line."""

import ast
import io
from pathlib import Path

import pytest

import cli
import hil
from hil.measurement import Measurement, Outcome
from hil.runs.live_view import PlainLines
from hil.screen import screen


def test_nothing_else_makes_a_console() -> None:
    """A console of rich's own would turn names into emoji and break lines."""
    ours = [Path(cli.__file__), *(path for folder in hil.__path__ for path in Path(folder).rglob("*.py"))]
    assert len(ours) > 100
    makers = {
        path.name
        for path in ours
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in {"Console", "get_console", "_Screen"}
    }
    assert makers == {"screen.py"}


def test_long_lines_with_names_in_them_reach_a_log_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe of 80 columns no line is broken, and no ``:name:`` becomes an emoji."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout", log := io.StringIO())
    measured = Measurement(
        "flow", "flow-accuracy", 1.0, "mL/day", 0.014, 0.85, 1.15, Outcome.FAIL, objection="calibration :overdue: " * 3
    )
    watcher = PlainLines(screen())
    watcher.procedure_started("sim:bath: " + "a long name " * 20)
    watcher.measured(measured)
    first, second = log.getvalue().splitlines()
    assert first == "sim:bath: " + "a long name " * 20
    assert str(measured) in second
