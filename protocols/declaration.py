"""What a declaration says, field by field: the one place that walks construct's trees for others.

Reference, dissector, vectors and columns are made from this, so that nothing about the wire is written down twice.
"""

from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Literal

from construct import Bytes, FormatField, Renamed

from protocols.messages import MESSAGES, Message
from protocols.messages.codec import Header, body_codec
from protocols.messages.fields import Ascii, Blob, Bounded, Member, SecretBytes
from protocols.messages.layout import Layout

__all__ = ["Field", "Kind", "fields_of", "fixed_size", "header_fields", "opcode_of", "type_name"]

Kind = Literal["integer", "bool", "enumeration", "flags", "bytes", "secret", "text", "part", "list", "blob"]


@dataclass(frozen=True)
class Field:
    """One field of a message, or of a part of one."""

    name: str
    meaning: str
    kind: Kind
    offset: int | None
    """Bytes from the start of the body; None behind a field of variable size."""
    size: int | None
    """Bytes; None if that varies."""
    format: str = ""
    """``struct``'s letter of an integer, and of what is kept in one."""
    values: type[Any] | None = None
    """The enumeration, or the flags."""
    fields: tuple["Field", ...] = ()
    """Of a part, or of each item of a list; their offsets count from its start."""
    most: int = 0
    """Items of a list, or bytes of a blob, at most."""
    part: str = ""
    """Name of the part, or of the items."""


def fields_of(message: type[Message]) -> tuple[Field, ...]:
    """The fields of a message's body, in wire order."""
    layout: Any = body_codec(message).interpreted
    return _fields(layout)


def header_fields() -> tuple[Field, ...]:
    """What stands before every body."""
    return _fields(Layout(Header))


def opcode_of(message: type[Message]) -> int:
    """Its opcode."""
    return next(opcode for opcode, each in MESSAGES.items() if each is message)


def fixed_size(fields: tuple[Field, ...]) -> int | None:
    """Bytes that these fields take; None if that varies."""
    sizes = [field.size for field in fields]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def type_name(field: Field) -> str:  # noqa: PLR0911 - one for each kind
    """``u16``, ``i32``, ``bytes[8]``, ``text[16]``, ``Mode u8``, ``HistoryRecord[] (u8 count, at most 9)``."""
    match field.kind:
        case "bytes" | "text":
            return f"{field.kind}[{field.size}]"
        case "secret":
            return f"bytes[{field.size}]"
        case "blob":
            return f"u16 length, bytes (at most {field.most})"
        case "list":
            return f"u8 count, {field.part} (at most {field.most})"
        case "part":
            return field.part
    letter = "i" if field.format.islower() else "u"
    plain = f"{letter}{8 * (field.size or 0)}"
    if field.kind == "bool":
        return f"{plain}, 0 or 1"
    return plain if field.values is None else f"{plain}, {field.values.__name__}"


def _fields(layout: Any) -> tuple[Field, ...]:
    found: list[Field] = []
    offset: int | None = 0
    for subcon in layout.subcon.subcons:
        field = _field(subcon.name, subcon.docs, subcon, offset)
        found.append(field)
        offset = None if offset is None or field.size is None else offset + field.size
    return tuple(found)


def _field(name: str, meaning: str, subcon: Any, offset: int | None) -> Field:  # noqa: PLR0911 - one for each kind
    match subcon:
        case Renamed():
            return _field(name, meaning, subcon.subcon, offset)
        case FormatField():
            return Field(name, meaning, "integer", offset, subcon.sizeof(), subcon.fmtstr[-1])
        case Member():
            kind: Kind = (
                "bool" if subcon.kind is bool else "flags" if issubclass(subcon.kind, IntFlag) else "enumeration"
            )
            below = _field(name, meaning, subcon.subcon, offset)
            values = None if kind == "bool" else subcon.kind
            return Field(name, meaning, kind, offset, below.size, below.format, values)
        case Ascii():
            return Field(name, meaning, "text", offset, subcon.length)
        case SecretBytes():
            return Field(name, meaning, "secret", offset, subcon.length)
        case Bytes():
            return Field(name, meaning, "bytes", offset, subcon.sizeof())
        case Blob():
            return Field(name, meaning, "blob", offset, None, most=subcon.most)
        case Layout():
            inner = _fields(subcon)
            return Field(name, meaning, "part", offset, fixed_size(inner), fields=inner, part=subcon.cls.__name__)
        case Bounded():
            layout: Any = subcon.item
            items = _fields(layout)
            part = layout.cls.__name__
            return Field(name, meaning, "list", offset, None, fields=items, most=subcon.most, part=part)
    raise TypeError(f"{name}: nothing is known of {type(subcon).__name__}")
