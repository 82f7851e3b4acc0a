"""Columns as text formats have them: bytes in hexadecimal, times as ISO 8601, flags with ``|`` between."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["for_csv", "for_json"]


def for_csv(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows, each column a number, a truth or text; lists of parts are JSON."""
    names, columns = rows.schema.names, [_flat(column) for column in rows.columns]
    return pa.RecordBatch.from_arrays([_joined(column) for column in columns], names=names)


def for_json(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """The same rows as JSON objects."""
    names = rows.schema.names
    values = [_hexadecimal(_flat(column).to_pylist()) for column in rows.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _flat(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(pa.string())
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if each is None else each.hex() for each in column.to_pylist()], pa.string())
    return column


def _joined(column: Any) -> Any:
    if not pa.types.is_list(column.type):
        return column.cast(pa.string()) if pa.types.is_null(column.type) else column
    if pa.types.is_string(column.type.value_type):
        return pc.binary_join(column, "|")
    values = _hexadecimal(column.to_pylist())
    return pa.array([None if each is None else json.dumps(each) for each in values], pa.string())


def _hexadecimal(value: Any) -> Any:
    """Bytes within lists and parts, however deep."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_hexadecimal(each) for each in value]
    if isinstance(value, dict):
        return {name: _hexadecimal(each) for name, each in value.items()}
    return value
