"""The guide's keys are those of the models. ``python -m tests.firmware_model.scenario.test_guide`` writes them anew."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from firmware_model.quantities import TIME_UNITS_MS
from firmware_model.scenario.expectation import ALARM_NAMES, EVENT_NAMES
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import Scenario, load_scenario

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "scenarios.md"
_BEGIN, _END = "<!-- begin keys -->\n", "<!-- end keys -->\n"
_TIMES = {"at": "time", "duration": "time", "ramp": "time", "between": "two times"}
_NAMES = {"Alarms": ALARM_NAMES, "Other events": EVENT_NAMES}
_UNITS = {
    "_mg_per_ml": "mg/mL",
    "_ml": "mL",
    "_kpa": "kPa",
    "_c": "C",
    "_h": "h",
    "_m": "m",
    "_utc": "date and time",
    "days": "d",
    "limits": "table",
}


def keys_tables() -> str:
    """One table for each table of a scenario file, with all of its keys."""
    tables = {name: model for name, field in Scenario.model_fields.items() if (model := _model_in(field.annotation))}
    parts = [_table("At the top of the file", Scenario, leave_out=set(tables))]
    for name, model in tables.items():
        is_one = isinstance(Scenario.model_fields[name].default, BaseModel)
        header = f"`[{name}]`" if is_one else f"`[[{name}]]`"
        parts.append(_table(f"{header}: {_first_line(model)}", model, leave_out=set()))
    parts += [f"{what}: {', '.join(f'`{name}`' for name in names)}.\n" for what, names in _NAMES.items()]
    return "\n".join(parts)


def _table(title: str, model: type[BaseModel], *, leave_out: set[str]) -> str:
    said = _docstrings(model)
    rows = [f"{title}\n", "| key | unit | range | if not given | meaning |", "|---|---|---|---|---|"]
    for key, field in model.model_fields.items():
        if key not in leave_out:
            row = (f"`{key}`", _unit(key, field), _range(key, field), _default(key, field), said[key])
            rows.append("| " + " | ".join(row) + " |")
    return "\n".join(rows) + "\n"


def _docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """What stands below each attribute, in the class or one of its bases."""
    said: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.model_fields:
            (tree,) = ast.parse(inspect.getsource(base)).body
            assert isinstance(tree, ast.ClassDef)
            for line, following in zip(tree.body, tree.body[1:], strict=False):
                match line, following:
                    case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                        said[key] = text
    return said


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _first_line(model: type[BaseModel]) -> str:
    text = str(model.__doc__).partition("\n")[0]
    return text[0].lower() + text[1:]


def _unit(key: str, field: FieldInfo) -> str:
    if key in _TIMES:
        return _TIMES[key]
    suffix = next((suffix for suffix in _UNITS if key.endswith(suffix)), None)
    if suffix is not None:
        return _UNITS[suffix]
    kinds: dict[Any, str] = {int: "number", bool: "true or false"}
    return next((kinds[each] for each in _inside(field.annotation) if each in kinds), "text")


def _inside(annotation: Any) -> Iterator[Any]:
    """An annotation, what it is made of, and what limits that."""
    yield annotation
    for limit in getattr(annotation, "__metadata__", ()):
        yield from getattr(limit, "metadata", [limit])
    for each in get_args(annotation):
        yield from _inside(each)


def _range(key: str, field: FieldInfo) -> str:
    choices = [each for each in _inside(field.annotation) if isinstance(each, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    limits = {
        type(each): getattr(each, type(each).__name__.lower())
        for each in (*field.metadata, *_inside(field.annotation))
        if isinstance(each, (Ge, Gt, Le, Lt))
    }
    shown = {kind: _time(round(value)) if key == "duration" else f"{value:g}" for kind, value in limits.items()}
    lower = shown[Ge] if Ge in shown else f"more than {shown[Gt]}" if Gt in shown else ""
    upper = shown[Le] if Le in shown else f"below {shown[Lt]}" if Lt in shown else ""
    return f"{lower} to {upper}" if lower and upper else lower + (" or more" if Ge in shown else "")


def _default(key: str, field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined:
        return "must be given"
    if default is None or isinstance(default, NoneType):
        return ""
    if key in _TIMES:
        return _time(default)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, (int, float)) else f"`{default}`"


def _time(time_ms: int) -> str:
    unit = next(unit for unit, ms in TIME_UNITS_MS.items() if time_ms and time_ms % ms == 0) if time_ms else "s"
    return f"{time_ms // TIME_UNITS_MS[unit]}{unit}"


def test_keys_in_the_guide_are_those_of_the_models() -> None:
    """The tables of keys are current, and every key says what it means."""
    text = GUIDE.read_text(encoding="utf-8")
    assert text.partition(_BEGIN)[2].partition(_END)[0] == keys_tables()


def test_examples_in_the_guide_come_as_expected(tmp_path: Path) -> None:
    """Each TOML example of the guide loads and runs as it stands, and what it expects comes."""
    examples = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for number, text in enumerate(examples):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        example = load_scenario(path)
        assert example.scenario.expect
        assert run_scenario(example, seed=7, days=example.scenario.days, profile=example.profile).met


if __name__ == "__main__":
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(_BEGIN)
    GUIDE.write_text(before + _BEGIN + keys_tables() + _END + rest.partition(_END)[2], encoding="utf-8")
