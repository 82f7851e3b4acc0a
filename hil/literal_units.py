"""Units and limits that a procedure's source gives in plain sight: a wrong one is found before anything runs."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["LiteralMeasurement", "literal_measurements", "measures_what_is_not_written"]

_UNIT_POSITION = 2


@dataclass(frozen=True)
class LiteralMeasurement:
    """One call of ``measure`` as it is written; a limit is here only if it is text."""

    line: int
    name: str
    unit: str
    lower: str | None
    upper: str | None


def literal_measurements(source: str) -> tuple[LiteralMeasurement, ...]:
    """Every ``measure("name", value, "unit", ...)`` of a file whose name and unit are written out.

    What is worked out at run time is not seen; it is checked when the measurement is taken. Raises SyntaxError.
    """
    return tuple(_found(ast.parse(source)))


def measures_what_is_not_written(source: str) -> bool:
    """Whether a file has a ``measure`` whose name or unit is worked out at run time, or hands it to somebody else.

    Raises SyntaxError.
    """
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_measure(node.func)]
    called = {id(node.func) for node in calls}
    handed_on = any(
        id(node) not in called and isinstance(node, ast.expr) and _is_measure(node) for node in ast.walk(tree)
    )
    handed_on |= any(
        isinstance(node, ast.Call) and any(_is_page(each) for each in [*node.args, *(k.value for k in node.keywords)])
        for node in ast.walk(tree)
    )
    return handed_on or len(calls) > len(literal_measurements(source))


def _is_page(argument: ast.expr) -> bool:
    """Whether it is the fixture by which another function can measure."""
    return isinstance(argument, ast.Name) and argument.id == "procedure"


def _found(tree: ast.AST) -> Iterator[LiteralMeasurement]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _is_measure(node.func):
            continue
        given = {keyword.arg: _text(keyword.value) for keyword in node.keywords}
        positional = [_text(each) for each in node.args]
        name = positional[0] if positional else given.get("name")
        unit = positional[_UNIT_POSITION] if len(positional) > _UNIT_POSITION else given.get("unit")
        if name is not None and unit is not None:
            yield LiteralMeasurement(node.lineno, name, unit, given.get("lower"), given.get("upper"))


def _is_measure(function: ast.expr) -> bool:
    return (isinstance(function, ast.Name) and function.id == "measure") or (
        isinstance(function, ast.Attribute) and function.attr == "measure"
    )


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
