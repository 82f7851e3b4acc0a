"""A scenario as the text of its file: what ``load_scenario`` reads back as the same scenario."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from firmware_model.quantities import time_text
from firmware_model.scenario.scenario import Scenario

__all__ = ["scenario_toml"]

_TIMES = frozenset({"at", "duration", "ramp", "between"})


def scenario_toml(scenario: Scenario, comment: str = "") -> str:
    """The file's text, with what is as usual left out; ``comment`` stands above it, line by line."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    tables: list[str] = []
    for key, field in type(scenario).model_fields.items():
        value = getattr(scenario, key)
        if isinstance(value, tuple):
            for each in value:
                tables += ["", f"[[{key}]]", *_pairs(each)]
        elif isinstance(value, BaseModel):
            pairs = list(_pairs(value))
            tables += ["", f"[{key}]", *pairs] if pairs else []
        elif isinstance(value, Mapping):
            tables += (
                ["", f"[{key}]", *(f"{name} = {_text(name, each)}" for name, each in value.items())] if value else []
            )
        elif field.is_required() or value != field.default:
            lines.append(f"{key} = {_text(key, value)}")
    return "\n".join([*lines, *tables, ""])


def _pairs(table: BaseModel) -> Iterator[str]:
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        if value is not None and (field.is_required() or value != field.default):
            yield f"{key} = {_text(key, value)}"


def _text(key: str, value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_text(key, each) for each in value)}]"
    if key in _TIMES:
        return f'"{time_text(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # as TOML has it, but for DEL
