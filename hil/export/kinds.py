"""The kinds of things that a recording tells of a pump, each a table: its columns, their types, units and meanings.

A message's columns follow from its declaration, an event's from its JSON schema; both come behind the columns that all
have.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Final

import pyarrow as pa

from hil.export.units import unit_of
from hil.recording.schemas import SCHEMA_NAMES, schema_of
from protocols.declaration import Field, fields_of
from protocols.json_form import DECODED_SUFFIX, topic_name
from protocols.messages import MESSAGES, Message

__all__ = ["EVENTS", "FRAME_COLUMNS", "Kind", "arrow_type", "kind_named", "kinds", "message_kind"]

_NAMES: Final = pa.dictionary(pa.int8(), pa.string())

_COMMON: Final[Mapping[str, tuple[pa.DataType, str]]] = {
    "time_ms": (pa.int64(), "ms of bench time since the recording began; of a message when its last byte came"),
    "utc": (pa.timestamp("ms", "UTC"), "the same as UTC: start of the recording plus bench time"),
    "wire": (_NAMES, "over which wire"),
}
FRAME_COLUMNS: Final[Mapping[str, tuple[pa.DataType, str]]] = {
    **_COMMON,
    "direction": (_NAMES, "tx: to the pump; rx: from the pump"),
    "seq": (pa.uint16(), "chosen by the asking side, repeated by the answer"),
    "session": (pa.string(), "id of the session that sealed it; null in the open"),
    "counter": (pa.int64(), "number of the sealed frame; null in the open"),
}
"""Before the fields of every message."""

_EVENT_TYPES: Final[Mapping[str, pa.DataType]] = {"string": pa.string(), "integer": pa.int64()}
_INTEGERS: Final[Mapping[tuple[int, bool], pa.DataType]] = {
    (1, True): pa.int8(),
    (2, True): pa.int16(),
    (4, True): pa.int32(),
    (8, True): pa.int64(),
    (1, False): pa.uint8(),
    (2, False): pa.uint16(),
    (4, False): pa.uint32(),
    (8, False): pa.uint64(),
}


class Kind:
    """One table: of a message if it has one, else of an event."""

    def __init__(self, name: str, message: type[Message] | None = None) -> None:
        """``name`` is its own in files and filters."""
        self.name = name
        self.message = message

    def __repr__(self) -> str:
        """Its name."""
        return f"Kind({self.name!r})"

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """A message's fields by the name of their column, parts taken apart: ``settings.capacity_nl``."""
        return {} if self.message is None else dict(_flat(fields_of(self.message), ""))

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns. Metadata of each: ``unit`` if it has one, ``description``, of flags their ``values``."""
        if self.message is None:
            return pa.schema([*_columns(_COMMON), *self._event_columns()])
        return pa.schema([*_columns(FRAME_COLUMNS), *_message_columns(self.fields)])

    def _event_columns(self) -> Iterator[pa.Field]:
        properties = json.loads(schema_of(SCHEMA_NAMES[self.name]))["properties"]
        for name, schema in properties.items():
            if name not in _COMMON:
                types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
                yield _column(name, _EVENT_TYPES[types[0]], schema.get("description", ""))


def arrow_type(field: Field) -> pa.DataType:  # noqa: PLR0911 - one for each kind
    """The type of a field's column: what ``json_form`` makes of it, but bytes as bytes."""
    match field.kind:
        case "bool":
            return pa.bool_()
        case "enumeration":
            return _NAMES
        case "flags":
            return pa.list_(pa.string())
        case "bytes":
            return pa.binary(field.size or 0)
        case "blob":
            return pa.binary()
        case "text":
            return pa.string()
        case "secret":
            return pa.null()
        case "list":
            return pa.list_(pa.struct([pa.field(each.name, _plain(arrow_type(each))) for each in field.fields]))
    return _INTEGERS[field.size or 0, field.format.islower()]


EVENTS: Final = tuple(Kind(name) for name in SCHEMA_NAMES)
"""What a recording tells beside messages."""


def message_kind(message: type[Message]) -> Kind:
    """The table of a message."""
    return _of_messages()[message.OPCODE]


@cache
def kinds() -> Mapping[str, Kind]:
    """All of them by name: messages by opcode, then events."""
    return {kind.name: kind for kind in (*_of_messages().values(), *EVENTS)}


@cache
def _of_messages() -> Mapping[int, Kind]:
    return {opcode: Kind(topic_name(message), message) for opcode, message in sorted(MESSAGES.items())}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError."""
    return kinds()[name]


def _flat(fields: Iterable[Field], before: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        if field.kind == "part":
            yield from _flat(field.fields, f"{before}{field.name}.")
        else:
            yield before + field.name, field


def _columns(columns: Mapping[str, tuple[pa.DataType, str]]) -> Iterator[pa.Field]:
    for name, (kind, description) in columns.items():
        yield _column(name, kind, description)


def _message_columns(fields: Mapping[str, Field]) -> Iterator[pa.Field]:
    for name, field in fields.items():
        more = {"values": ",".join(each.name for each in field.values)} if field.values is not None else {}
        yield _column(name, arrow_type(field), field.meaning, **more)
        if field.kind == "blob":
            yield _column(name + DECODED_SUFFIX, pa.string(), f"{name} decoded, as JSON; null if it is no message")


def _column(name: str, kind: pa.DataType, description: str, **more: str) -> pa.Field:
    unit = unit_of(name)
    metadata = {"unit": unit.symbol} if unit is not None else {}
    return pa.field(name, kind, metadata={**metadata, "description": description, **more})


def _plain(kind: pa.DataType) -> pa.DataType:
    """Within a list: Arrow cannot write a dictionary there to every format."""
    return pa.string() if pa.types.is_dictionary(kind) else kind
