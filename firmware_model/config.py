"""TOML files into frozen models; what is wrong with them comes back as file, line, key and what to do."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from firmware_model.errors import ConfigurationError

__all__ = ["FrozenModel", "check_model", "first_problem", "line_of", "load_toml", "read_toml"]

_UNITS = ("_c", "_kpa", "_ml", "_ml_per_day", "_ms", "_s", "_min", "_h", "_percent", "_kg_per_m3", "_mv", "_ppm", "_g")


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\],]+?)\s*\]\]?\s*(?:#.*)?$")
_SHOWN = 80
"""Characters of a wrong value that an error repeats; of a longer one, or a whole table, it repeats nothing."""


class FrozenModel(BaseModel):
    """Base of every configuration: immutable, no unknown keys, no NaN or infinity, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


Model = TypeVar("Model", bound=BaseModel)


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
        key = ".".join(str(part) for part in first["loc"]) or None
        problem = _problem(first, model)
        more = error.error_count() - 1
        if more:
            problem += f" (and {more} more)"
        raise ConfigurationError(path, problem, key=key, line=line_of(text, first["loc"])) from error


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a document that no person wrote, on one line, with its key."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    key = ".".join(str(part) for part in first["loc"])
    return f"{key}: {message}" if key else message


def _problem(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), _keys_at(model, error["loc"][:-1]))
    if error["type"] == "missing":
        return "this key is missing; add it"
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "this must be a table, written [name] or { key = value }"
    if error["type"] == "tuple_type" and isinstance(error["input"], dict):
        return "there may be several of these; write [[name]] with two brackets"
    message = error["msg"].removeprefix("Value error, ")
    wrong = error["input"]
    tells = isinstance(wrong, (str, int, float)) and len(str(wrong)) < _SHOWN and repr(wrong) not in message
    return f"{message[0].lower()}{message[1:]}" + (f", got {wrong!r}" if tells else "")


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
    """The line (from 1) that sets the key at ``loc``, or opens its table; None if it stands nowhere by itself.

    A number in ``loc`` is a place (from 0) in an array: the table that so many ``[[headers]]`` of one name open.
    """
    for depth in range(len(loc), 0, -1):
        line = _line_of_exactly(text, loc[:depth])
        if line is not None:
            return line
    return None


def _line_of_exactly(text: str, loc: Sequence[int | str]) -> int | None:
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
            if list(loc) in (table, list(names)):
                return number
            continue
        key = re.match(r"\s*([\w\-.\"']+)\s*=", line)
        if key and [*table, *(part.strip("\"'") for part in key[1].split("."))] == list(loc):
            return number
    return None
