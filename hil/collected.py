"""What pytest collected, as procedures: their markers checked, their parameters chosen."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from hil.declaration import Declaration
from hil.errors import UsageError
from hil.literal_units import LiteralMeasurement, literal_measurements
from hil.parameter import Parameter
from hil.pytest_plugin import DECLARATION_KEY, VALUES_KEY
from hil.run_plan import RunPlan

__all__ = ["choose_parameters", "declare"]

Problems = list[tuple[str, str]]
"""Where something is wrong (file and test), and what."""


def declare(items: Sequence[pytest.Item]) -> Problems:
    """Read and check every item's marker; gives what is wrong with them, nothing if all is well."""
    problems: Problems = []
    told: set[str] = set()
    for item in items:
        marker = item.get_closest_marker("procedure")
        where = f"{item.path.name}::{item.name}"
        name = str(marker.args[0]) if marker and marker.args else item.name.removeprefix("test_").replace("_", "-")
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
