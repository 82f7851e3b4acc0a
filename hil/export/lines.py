"""A recording as lines for people: time, wire, direction, what it is, and its fields in handy units."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hil.export.flat import for_json
from hil.export.kinds import FRAME_COLUMNS, Kind
from hil.export.sink import in_order
from hil.export.tables import Table
from hil.export.units import split_name

__all__ = ["lines"]

_BEGINS_LINE: Final = ("time_ms", "utc", "wire", "direction")
_UTC_END: Final = "utc_ms"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lines(tables: Sequence[Table]) -> Iterator[str]:
    """A line for each row, in the order of the recording; what is no message is in capitals."""
    objects = [for_json(table.rows) for table in tables]
    for number, row in in_order(tables):
        yield _line(tables[number].kind, objects[number][row])


def _line(kind: Kind, content: dict[str, Any]) -> str:
    if "length" in content and kind.message is None:
        content = _placed(content)
    where = f"{content['wire'] or ''} {content.get('direction') or ''}".strip()
    name = kind.name if kind.message is not None else kind.name.upper()
    said = [
        _shown(column, value)
        for column, value in content.items()
        if column not in _BEGINS_LINE and not (value is None and (column in FRAME_COLUMNS or kind.message is None))
    ]
    return f"{content['time_ms'] / 1000:14.3f} s  {where:<8} {name:<20} {' '.join(said)}".rstrip()


def _placed(content: dict[str, Any]) -> dict[str, Any]:
    """What is wrong first, then where it stands, then the bytes."""
    first: dict[str, Any] = {name: content[name] for name in ("reason", "detail") if name in content}
    last = {name: content[name] for name in ("bytes",) if name in content}
    return {**first, **{name: value for name, value in content.items() if name not in {*first, *last}}, **last}


def _shown(column: str, value: Any) -> str:
    short, unit = split_name(column)
    if column.endswith(_UTC_END) and isinstance(value, int):
        return f"{short}={_moment(value)}"
    if unit is not None and isinstance(value, int):
        return f"{short}={unit.in_handy(value)}"
    if isinstance(value, list):
        return f"{column}={_list(value)}"
    if isinstance(value, bool):
        return f"{column}={'yes' if value else 'no'}"
    return f"{column}={'-' if value is None else value}"


def _list(value: list[Any]) -> str:
    if any(isinstance(each, dict) for each in value):
        items = (" ".join(_shown(name, inner) for name, inner in each.items()) for each in value)
        return "[" + "; ".join(items) + "]"
    return "|".join(value) or "none"


def _moment(utc_ms: int) -> str:
    try:
        return f"{_EPOCH + timedelta(milliseconds=utc_ms):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    except OverflowError:
        return f"{utc_ms} ms"
