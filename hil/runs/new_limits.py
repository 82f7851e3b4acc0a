"""Limits that a recording is judged by anew, as people write them: ``flow=0.9 mL/day..1.1 mL/day``, or a TOML file."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hil.declaration import Limit
from hil.errors import UsageError

__all__ = ["NewLimits", "new_limits"]

NewLimits = Mapping[str, tuple[Limit, Limit]]
"""Lower and upper limit by the measurement's name; what the limits mean is known when its unit is."""

_HOW = "write it like 'flow=0.9 mL/day..1.1 mL/day', 'flow=..1.1 mL/day' or 'flow=0.9 mL/day..'"


def new_limits(file: Path | None, texts: Iterable[str]) -> NewLimits:
    """The limits in ``file`` and ``texts``; one of ``texts`` goes before the file's.

    Raises UsageError for what is no limit, says nothing, or is said twice.
    """
    found = {} if file is None else _in_file(file)
    typed: dict[str, tuple[Limit, Limit]] = {}
    for text in texts:
        name, equals, limits = text.partition("=")
        if not (equals and name.strip()):
            raise UsageError(f"--limit {text}: {_HOW}")
        if name.strip() in typed:
            raise UsageError(f"--limit {text}: {name.strip()} is limited twice")
        typed[name.strip()] = _range(f"--limit {text}", limits)
    return found | typed


def _in_file(path: Path) -> dict[str, tuple[Limit, Limit]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: is no TOML: {error}") from error
    limits = table.get("limits")
    if not isinstance(limits, dict) or not limits or len(table) > 1:
        raise UsageError(f'{path}: needs one table [limits], such as: flow = "0.9 mL/day..1.1 mL/day"')
    return {name: _limits(f"{path}: limits.{name}", value) for name, value in limits.items()}


def _limits(where: str, value: Any) -> tuple[Limit, Limit]:
    if isinstance(value, str):
        return _range(where, value)
    if not isinstance(value, dict) or not value or set(value) - {"lower", "upper"}:
        raise UsageError(f"{where}: {_HOW}, or give lower and upper")
    for side in value.values():
        if isinstance(side, bool) or not isinstance(side, (str, int, float)):
            raise UsageError(f"{where}: a limit is a number, or a text with a unit; got {side!r}")
    return value.get("lower"), value.get("upper")


def _range(where: str, text: str) -> tuple[Limit, Limit]:
    lower, dots, upper = (part.strip() for part in text.partition(".."))
    if not dots or not (lower or upper):
        raise UsageError(f"{where}: {_HOW}")
    return _limit(lower), _limit(upper)


def _limit(text: str) -> Limit:
    if not text:
        return None
    try:
        return float(text)  # a bare number is in the measurement's own unit
    except ValueError:
        return text
