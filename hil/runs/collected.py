"""What pytest collected, as procedures: their markers checked, their parameters chosen."""

import inspect
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pytest

from hil.declaration import Declaration, limit_problems
from hil.errors import UsageError
from hil.literal_units import LiteralMeasurement, literal_measurements, measures_what_is_not_written
from hil.parameter import Parameter
from hil.procedures import PROCEDURES
from hil.pytest_plugin import DECLARATION_KEY, REFUSE_KEY, VALUES_KEY
from hil.runs.run_plan import RunPlan

__all__ = ["check_markers", "choose_parameters", "collect", "declare", "what_failed"]

_XFAIL = "a procedure cannot be expected to fail: let it fail, or skip it with a reason (@pytest.mark.skip)"
_ASYNC_PLUGINS = ("asyncio", "anyio")
"""Of plain pytest; `pumprig run` loads none, and pytest would call an async test that nobody runs a failed one."""

Problems = list[tuple[str, str]]
"""Where something is wrong (file and test), and what."""


class _Collector:
    """Has pytest collect, and keeps what it found."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.problems: Problems = []
        """Of files that cannot be read."""
        self.refused: Problems = []
        """Of markers that make no sense."""
        self.interrupted = False

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[REFUSE_KEY] = lambda name, problem: self.refused.append((name, problem))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append((report.nodeid, what_failed(report)))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = not excinfo.errisinstance(pytest.Session.Interrupted)  # which is pytest's own way to stop

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collect(plan: RunPlan) -> list[pytest.Item]:
    """The procedures of ``plan`` with their parameters; none is run.

    Raises UsageError naming what cannot be read, makes no sense, or was chosen and does not exist or fit.
    """
    collector = _collected(plan)
    declared = [item for item in collector.items if DECLARATION_KEY in item.stash]
    wrong = [*collector.problems, *collector.refused]
    _refuse(wrong or [*choose_parameters(declared, plan), *_limit_problems(declared, plan)])
    if not declared:
        raise UsageError(f"{', '.join(str(file) for file in plan.files)}: holds no procedure")
    return declared


def check_markers(plan: RunPlan) -> None:
    """Raise UsageError if a procedure of ``plan`` has a marker that makes no sense.

    A file that cannot be read is left to the run: what stands in other files is run all the same.
    """
    _refuse(_collected(plan).refused)


def _refuse(problems: Problems) -> None:
    if problems:
        raise UsageError("; ".join(f"{name}: {problem}" for name, problem in problems))


def _collected(plan: RunPlan) -> _Collector:
    collector = _Collector()
    try:
        pytest.main(
            [
                *("-c", os.devnull, f"--rootdir={plan.files[0].parent}", "--import-mode=importlib", "--collect-only"),
                *("--disable-plugin-autoload", "-p", "pumprig", "-p", "no:cacheprovider", "-p", "no:terminal"),
                *("-p", "no:unraisableexception"),  # which has all garbage collected, as in run_procedures
                *plan.targets,
            ],
            plugins=[collector],
        )
    except Exception as error:  # noqa: BLE001 - of a hook of the user's own
        Path.cwd()  # raises if it is gone: then it was no hook
        collector.problems.append(("pytest", f"{type(error).__name__}: {error}"))
    _forget(plan.files)
    if collector.interrupted:
        raise KeyboardInterrupt  # pytest has heard it, and ended as if there were nothing to collect
    return collector


def _forget(files: Sequence[Path]) -> None:
    """Have ``files`` imported anew by the run itself.

    Of a file that ends in an error pytest leaves half a module behind, which the next import takes for a whole one.
    """
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "") in files:
            del sys.modules[name]


def declare(items: Sequence[pytest.Item]) -> Problems:
    """Read and check every item's marker; gives what is wrong with them, nothing if all is well."""
    problems: Problems = []
    told: set[str] = set()
    for item in items:
        marker = item.get_closest_marker("procedure")
        where = f"{item.path.name}::{item.name}"
        name = name_of(item)
        if item.get_closest_marker("xfail") is not None:
            problems.append((where, _XFAIL))
            continue
        if _is_never_run(item):
            problems.append((where, "is async, and nothing here runs that; write it with def"))
            continue
        try:
            declaration = item.stash[DECLARATION_KEY] = Declaration.of(name, marker.kwargs if marker else None)
        except UsageError as error:
            problems.append((where, str(error)))
            continue
        literals = _literals(item.path, _function_lines(item))
        for problem in declaration.problems(literals):
            if problem not in told:
                told.add(problem)
                problems.append((where, problem))
    return problems


def _is_never_run(item: pytest.Item) -> bool:
    is_async = inspect.iscoroutinefunction(getattr(item, "obj", None))
    return is_async and not any(map(item.config.pluginmanager.has_plugin, _ASYNC_PLUGINS))


def name_of(item: pytest.Item) -> str:
    """The procedure's name: its marker's, or its function's; with the values that tell it from the others of one."""
    marker = item.get_closest_marker("procedure")
    if not (marker and marker.args):
        return item.name.removeprefix("test_").replace("_", "-")
    callspec = getattr(item, "callspec", None)
    return f"{marker.args[0]}[{callspec.id}]" if callspec else str(marker.args[0])


def what_failed(report: pytest.CollectReport) -> str:
    """Why a file could not be collected, with the line of it that pytest names last."""
    lines = [line.removeprefix("E").strip() for line in report.longreprtext.splitlines() if line.strip()]
    file = re.escape(Path(report.nodeid).name)
    places = re.findall(rf'{file}(?:", line |:)(\d+)', report.longreprtext)
    said = lines[-1] if lines else "cannot be read"
    return f"line {places[-1]}: {said}" if places else said


def choose_parameters(items: Sequence[pytest.Item], plan: RunPlan) -> Problems:
    """Give every item the values of its parameters; gives what was chosen but does not exist or fit."""
    problems: Problems = []
    known: dict[str, Parameter] = {}
    for item in items:
        declaration = item.stash[DECLARATION_KEY]
        recorded = plan.recorded_parameters.get(declaration.name, {})
        values: dict[str, float] = {}
        item.stash[VALUES_KEY] = values
        for parameter in declaration.parameters:
            known[parameter.name] = parameter
            values[parameter.name] = recorded.get(parameter.name, parameter.default)
            if parameter.name in plan.parameters:
                try:
                    values[parameter.name] = parameter.value(plan.parameters[parameter.name])
                except UsageError as error:
                    problems.append(("--set", f"{error} ({declaration.name})"))
    for name in plan.parameters:
        if name not in known:
            said = ", ".join(f"{each.name} ({each.range_text()})" for each in known.values()) or "there are none"
            problems.append(("--set", f"no procedure of this run has a parameter {name!r}; known: {said}"))
    return problems


def _limit_problems(items: Sequence[pytest.Item], plan: RunPlan) -> Problems:
    """What is wrong with new limits: of measurements that no procedure takes, or whose unit is known to be another."""
    if not plan.new_limits:
        return []
    units: dict[str, str] = {}
    names: set[str] = set()
    for item in items:
        declaration = item.stash[DECLARATION_KEY]
        literals = _literals(item.path, _function_lines(item))
        units |= {each.name: each.unit for each in literals} | dict(declaration.units)
        names |= {each.name for each in literals} | set(declaration.measurements)
    unknown = [] if any(_names_at_run_time(item.path) for item in items) else sorted(set(plan.new_limits) - names)
    return [
        *(("--limit", _nothing_called(name, names)) for name in unknown),
        *(
            ("--limit", problem)
            for name, (lower, upper) in plan.new_limits.items()
            for problem in limit_problems(name, lower, upper, units.get(name))
        ),
    ]


def _nothing_called(name: str, names: set[str]) -> str:
    close = get_close_matches(name, names, n=1)
    there = f"did you mean {close[0]}?" if close else f"measured: {', '.join(sorted(names)) or 'nothing'}"
    return f"nothing called {name} is measured by these procedures; {there}"


def _names_at_run_time(path: Path) -> bool:
    """Whether a file of the user's may take a measurement whose name is written neither there nor in a marker."""
    if path in PROCEDURES.values():
        return False
    try:
        return measures_what_is_not_written(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return True


def _function_lines(item: pytest.Item) -> range | None:
    """The lines of a test's own function; None if it is not known."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    if code is None:
        return None
    lines = [line for _, _, line in code.co_lines() if line is not None]
    return range(min(lines), max(lines) + 1)


def _literals(path: Path, lines: range | None) -> list[LiteralMeasurement]:
    """Those of the file that stand in this test, or in no test at all (a function that tests share)."""
    found = _literals_of(path)
    inside = [each for each in found if lines is not None and each.line in lines]
    names = {each.name for each in inside}
    return inside + [each for each in found if each.name not in names]


@cache
def _literals_of(path: Path) -> tuple[LiteralMeasurement, ...]:
    try:
        return literal_measurements(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ()  # pytest has already told, or it is no Python file
