"""TOML files into frozen models; what is wrong with them comes back as file, line, key and what to do."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from firmware_model.errors import ConfigurationError
from firmware_model.quantities import time_text

__all__ = ["FrozenModel", "at_key", "check_model", "first_problem", "line_of", "load_toml", "location", "read_toml"]

_UNITS = ("_c", "_kpa", "_ml", "_ml_per_day", "_ms", "_s", "_min", "_h", "_percent", "_kg_per_m3", "_mv", "_ppm", "_g")


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\],]+?)\s*\]\]?\s*(?:#.*)?$")
_SHOWN = 80
"""Characters of a wrong value that an error repeats; of a longer one, or a whole table, it repeats nothing."""


class FrozenModel(BaseModel):
    """Base of every configuration: immutable, no unknown keys, no NaN or infinity, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


Model = TypeVar("Model", bound=BaseModel)


def at_key(problem: str, *keys: str) -> PydanticCustomError:
    """What a validator of a whole table raises, if it knows by which ``keys`` in it the wrong value is reached."""
    return PydanticCustomError("at_key", "{problem}", {"problem": problem, "keys": keys})


def location(error: ErrorDetails) -> tuple[int | str, ...]:
    """By which keys what is wrong is reached, ``at_key``'s included."""
    return (*error["loc"], *error.get("ctx", {}).get("keys", ()))


def load_toml(path: Path, model: type[Model]) -> Model:
    """The file at ``path`` as ``model``. Raises ConfigurationError with file, line and key."""
    text, document = read_toml(path)
    return check_model(path, text, document, model)


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """The text and the parsed tables of a TOML file. Raises ConfigurationError if it is missing or no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(path, "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(path, f"cannot be read: {error}") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigurationError(path, f"not TOML: {error}", line=int(line[1]) if line else None) from error


def check_model(path: Path, text: str, document: Mapping[str, Any], model: type[Model]) -> Model:
    """The parsed ``document`` as ``model``; ``text`` is only searched for the line of a wrong key."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # What the file says wrongly comes before what it leaves out: a misspelt key is both.
        first = min(error.errors(), key=lambda details: details["type"] == "missing")
        loc = location(first)
        key = ".".join(str(part) for part in loc) or None
        problem = _problem(first, model)
        more = error.error_count() - 1
        if more:
            problem += f" (and {more} more)"
        raise ConfigurationError(path, problem, key=key, line=line_of(text, loc)) from error


_TABLE = "this must be a table, written [name] or {{ key = value }}"
_SAID = {
    "missing": "this key is missing; add it",
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "dict_type": _TABLE,
    "too_short": "give at least {min_length} here",
}


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a document that no person wrote, on one line, with its key."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    key = ".".join(str(part) for part in location(first))
    return f"{key}: {message}" if key else message


def _problem(error: ErrorDetails, model: type[BaseModel]) -> str:
    wrong, kind = error["input"], error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), _keys_at(model, error["loc"][:-1]))
    if kind == "tuple_type":
        table = isinstance(wrong, dict)
        return f"there may be several of these; write {'[[name]] with two brackets' if table else 'a list, [..., ...]'}"
    context = error.get("ctx", {})
    message = _SAID[kind].format(**context) if kind in _SAID else error["msg"].removeprefix("Value error, ")
    bound = next(iter(context.values()), None)
    if kind in _BOUNDS and isinstance(wrong, str) and isinstance(bound, int):  # a time, which is compared in ms
        message = f"this must be {_BOUNDS[kind]} {time_text(bound)}"
    tells = isinstance(wrong, (str, int, float)) and len(str(wrong)) < _SHOWN and repr(wrong) not in message
    return f"{message[0].lower()}{message[1:]}" + (f", got {wrong!r}" if tells else "")


_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}


def _unknown_key(key: str, known: Sequence[str]) -> str:
    stem = _stem(key)
    same_quantity = [name for name in known if _stem(name) == stem and name != key]
    if same_quantity:
        return f"unknown unit in this key; this quantity is written {same_quantity[0]}"
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    return f"unknown key; known here: {', '.join(sorted(known)) or 'none'}"


def _stem(key: str) -> str:
    for unit in sorted(_UNITS, key=len, reverse=True):
        if key.endswith(unit):
            return key.removesuffix(unit)
    return key.rsplit("_", 1)[0]


def _keys_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """The keys that the table at ``loc`` may have; none if the way there is not plain nested models."""
    here: type[BaseModel] | None = model
    for part in loc:
        field = here.model_fields.get(str(part)) if here is not None else None
        if field is not None:
            here = _model_in(field.annotation)
    return list(here.model_fields) if here is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The one model that an annotation such as ``Bath``, ``Bath | None`` or ``dict[str, Bath]`` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [model for arg in get_args(annotation) if (model := _model_in(arg)) is not None]
    return models[0] if len(models) == 1 else None


def line_of(text: str, loc: Sequence[int | str]) -> int | None:
    """The line (from 1) that sets the key at ``loc``, or something in it, or opens its table; None if there is none.

    A number in ``loc`` is a place (from 0) in an array: the table that so many ``[[headers]]`` of one name open.
    """
    for depth in range(len(loc), 0, -1):
        line = _line_of_exactly(text, loc[:depth])
        if line is not None:
            return line
    return None


def _line_of_exactly(text: str, loc: Sequence[int | str]) -> int | None:
    """The line of the key or the header itself; if a table stands nowhere by itself, of the first thing in it."""
    wanted, within = list(loc), None
    for number, names in _lines_with_names(text):
        if wanted in names:
            return number
        if within is None and any(name[: len(wanted)] == wanted for name in names):
            within = number
    return within


def _lines_with_names(text: str) -> Iterator[tuple[int, tuple[list[int | str], ...]]]:
    """Each line that names something, and its whole name; of ``[[tables]]`` with and without the number."""
    table: list[int | str] = []
    opened: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            names = tuple(part.strip(" \"'") for part in header[2].split("."))
            table = list(names)
            if header[1] == "[[":
                opened[names] = opened.get(names, -1) + 1
                table.append(opened[names])
            yield number, (table, list(names))
            continue
        key = re.match(r"\s*([\w\-.\"']+)\s*=", line)
        if key:
            yield number, ([*table, *(part.strip("\"'") for part in key[1].split("."))],)
