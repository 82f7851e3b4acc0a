"""Rows of one kind as Arrow has them: from columns without a copy where that can be, else from JSON objects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hil.export.kinds import Kind
from hil.export.wire import Columns
from protocols.declaration import Field
from protocols.json_form import DECODED_SUFFIX

__all__ = ["Encoded", "Table", "from_columns", "from_objects", "merged"]


class Encoded(NamedTuple):
    """What stood on the wire, with the zero at its end; of a sealed frame the payload too, if its key is known."""

    frame: bytes
    payload: bytes = b""


@dataclass(frozen=True)
class Table:
    """Some rows of one kind, in the order of the recording."""

    kind: Kind
    rows: pa.RecordBatch
    order: NDArray[np.int64]
    """Of each row its place among all messages of the recording; shape (rows,)."""
    encoded: Sequence[Encoded] | None = None
    """Of each row what stands on the wire, if that is wanted."""

    def filtered(self, mask: pa.Array) -> "Table":
        """The rows for which ``mask`` is true."""
        keep = np.asarray(mask)
        encoded = None
        if self.encoded is not None:
            encoded = [each for each, kept in zip(self.encoded, keep.tolist(), strict=True) if kept]
        return Table(self.kind, self.rows.filter(mask), self.order[keep], encoded)


def from_columns(kind: Kind, columns: Columns, start_utc_ms: int) -> Table:
    """The table of messages in the open and of fixed size."""
    rows, count = columns.rows, columns.time_ms.size
    arrays = [
        pa.array(columns.time_ms),
        _utc(columns.time_ms, start_utc_ms),
        _same(columns.side.wire, count),
        _same(columns.side.direction, count),
        pa.array(rows.seq),
        pa.nulls(count, pa.string()),
        pa.nulls(count, pa.int64()),
    ]
    arrays += [_column(rows.data[name], field) for name, field in kind.fields.items()]
    return Table(kind, pa.RecordBatch.from_arrays(arrays, schema=kind.schema), columns.order)


def from_objects(kind: Kind, objects: Sequence[Mapping[str, Any]], order: Sequence[int], start_utc_ms: int) -> Table:
    """The table of JSON objects that have the form of the kind, with its common columns beside its fields."""
    times = np.array([each["time_ms"] for each in objects], np.int64)
    arrays = [pa.array(times), _utc(times, start_utc_ms)]
    for column in list(kind.schema)[2:]:
        values = [_found(each, column.name) for each in objects]
        field = kind.fields.get(column.name)
        if field is not None:
            values = [None if value is None else _value(value, field) for value in values]
        elif column.name.endswith(DECODED_SUFFIX):
            values = [None if value is None else json.dumps(value) for value in values]
        arrays.append(_array(values, column.type))
    return Table(kind, pa.RecordBatch.from_arrays(arrays, schema=kind.schema), np.array(order, np.int64))


def merged(tables: Sequence[Table]) -> Table:
    """Tables of one kind as one, in the order of the recording: messages in the open and sealed ones, of all wires."""
    if len(tables) == 1:
        return tables[0]
    kind = tables[0].kind
    order = np.concatenate([table.order for table in tables])
    ranked = np.argsort(order, kind="stable")
    joined = pa.Table.from_batches([table.rows for table in tables], kind.schema).unify_dictionaries().combine_chunks()
    (rows,) = joined.take(pa.array(ranked)).combine_chunks().to_batches()
    encoded = [each for table in tables for each in table.encoded or ()]
    return Table(kind, rows, order[ranked], [encoded[place] for place in ranked.tolist()] if encoded else None)


def _column(data: NDArray[Any], field: Field) -> pa.Array:  # noqa: PLR0911 - one for each kind
    match field.kind:
        case "bool":
            return pa.array(data.astype(bool))
        case "enumeration":
            names, place_of = _enumeration(field)
            return pa.DictionaryArray.from_arrays(pa.array(place_of[data]), names)
        case "flags":
            return _flags(data, field)
        case "bytes":
            return pa.Array.from_buffers(
                pa.binary(field.size or 0), data.size, [None, pa.py_buffer(np.ascontiguousarray(data).tobytes())]
            )
        case "text":
            return pa.array([text.decode("ascii") for text in data.tolist()], pa.string())
        case "secret":
            return pa.nulls(data.size)
    return pa.array(data.astype(data.dtype.newbyteorder("=")))


def _utc(times: NDArray[np.int64], start_utc_ms: int) -> pa.Array:
    return pa.array(times + start_utc_ms).cast(pa.timestamp("ms", "UTC"))


def _same(word: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([word]))


@cache
def _enumeration(field: Field) -> tuple[pa.Array, NDArray[np.int8]]:
    """Names, and the place among them of each value."""
    values: Any = field.values or ()
    members = list(values)
    place_of = np.zeros(256, np.int8)
    for place, member in enumerate(members):
        place_of[int(member)] = place
    return pa.array([member.name for member in members]), place_of


def _flags(data: NDArray[Any], field: Field) -> pa.Array:
    """A list of names for each row; few combinations occur, and each is spelled once."""
    if not data.any():
        return pa.ListArray.from_arrays(np.zeros(data.size + 1, np.int32), pa.array([], pa.string()))
    encoded = pa.array(data.astype(data.dtype.newbyteorder("="))).dictionary_encode()
    spelled = [
        [flag.name for flag in field.values or () if int(flag) & combination]
        for combination in encoded.dictionary.to_pylist()
    ]
    return pa.array(spelled, pa.list_(pa.string())).take(encoded.indices)


def _found(each: Mapping[str, Any], name: str) -> Any:
    """A field of an object; ``settings.capacity_nl`` of the object within."""
    value: Any = each
    for part in name.split("."):
        value = value.get(part) if value is not None else None
    return value


def _value(value: Any, field: Field) -> Any:
    match field.kind:
        case "bytes" | "blob":
            return bytes.fromhex(value)
        case "list":
            return [
                {each.name: None if item[each.name] is None else _value(item[each.name], each) for each in field.fields}
                for item in value
            ]
    return value


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)
