"""Messages as the tables of the reference declare them: to fields and back."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CHANGING", "FOR_READERS", "MESSAGES", "NUMBERS", "Malformed", "decoded", "encoded", "record"]

_PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
_SCALARS = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q", "i32": ">i", "i64": ">q"}

Fields = dict[str, Any]
Rows = list[tuple[str, str]]
"""Name and type, as they stand in a table."""


class Malformed(Exception):
    """No message of version 1."""


def _section(number: int) -> str:
    return _PAGE.split(f"\n## {number}. ")[1].split("\n## ")[0]


def _rows(text: str) -> Rows:
    return [
        (name, kind) for kind, name in re.findall(r"^\| *\d* *\| *\w+ *\| *(.+?) *\| *`(\w+)` *\|", text, re.MULTILINE)
    ]


def _headed(number: int, heading: str) -> list[tuple[str, ...]]:
    """What stands under each heading: the heading's groups, and the text."""
    return re.findall(rf"#### {heading}\n(.*?)(?=\n#|\Z)", _section(number), re.DOTALL)


MESSAGES: dict[int, tuple[str, Rows]] = {}
"""Name and fields, by opcode."""
CHANGING: set[int] = set()
FOR_READERS: set[int] = set()
for _name, _opcode, _said in _headed(7, r"(\w+) \(0x(..)\)"):
    MESSAGES[int(_opcode, 16)] = (_name, _rows(_said))
    CHANGING |= {int(_opcode, 16)} if "Changes state." in _said else set()
    FOR_READERS |= {int(_opcode, 16)} if "For readers." in _said else set()
_PARTS = {name: _rows(text) for name, text in _headed(8, r"(\w+) \(\d+ bytes\)")}
NUMBERS: dict[str, dict[str, int]] = {}
"""Enumerations, and flags as numbers of bits: name to number."""
_FLAGS: set[str] = set()
for _name, _said in _headed(9, r"(\w+)"):
    _found = re.findall(r"^\| (bit )?(\d+) \| (\w+) \|", _said, re.MULTILINE)
    NUMBERS[_name] = {name: int(number) for _, number, name in _found}
    _FLAGS |= {_name} if any(bit for bit, _, _ in _found) else set()
_OPCODES = {name: opcode for opcode, (name, _) in MESSAGES.items()}


def encoded(name: str, **fields: Any) -> bytes:
    """``opcode | body`` of a message."""
    opcode = _OPCODES[name]
    return bytes([opcode]) + _encoded(MESSAGES[opcode][1], fields)


def decoded(data: bytes) -> tuple[str, Fields]:
    """Name and fields of ``opcode | body``. Raises Malformed."""
    name, rows = MESSAGES[data[0]]
    fields, end = _decoded(rows, data, 1)
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes too many")
    return name, fields


def record(part: str, fields: Fields) -> bytes:
    """A part by itself, as the chain takes it."""
    return _encoded(_PARTS[part], fields)


def _encoded(rows: Rows, fields: Fields) -> bytes:
    return b"".join(_one(kind, fields[name]) for name, kind in rows)


def _one(kind: str, value: Any) -> bytes:
    base = kind.partition(",")[0]
    if base in _SCALARS:
        return struct.pack(_SCALARS[base], value)
    if base in _PARTS:
        return _encoded(_PARTS[base], value)
    if base == "u16 length":
        return struct.pack(">H", len(value)) + bytes(value)
    if base == "u8 count":
        return bytes([len(value)]) + b"".join(_encoded(_PARTS[_part_of(kind)], each) for each in value)
    size = int(re.sub(r"\D", "", base))
    raw: bytes = value.encode() if base.startswith("text") else value
    return raw.ljust(size, b"\0")


def _decoded(rows: Rows, data: bytes, at: int) -> tuple[Fields, int]:
    fields: Fields = {}
    for name, kind in rows:
        fields[name], at = _read(kind, data, at)
    return fields, at


def _read(kind: str, data: bytes, at: int) -> tuple[Any, int]:
    base = kind.partition(",")[0]
    if base in _PARTS:
        return _decoded(_PARTS[base], data, at)
    if base in _SCALARS:
        size = struct.calcsize(_SCALARS[base])
        number = struct.unpack(_SCALARS[base], _piece(data, at, size))[0]
        return _checked(kind, number), at + size
    if base == "u16 length":
        size, at = int.from_bytes(_piece(data, at, 2), "big"), at + 2
        if size > _most(kind):
            raise Malformed(f"{size} bytes")
        return _piece(data, at, size), at + size
    if base == "u8 count":
        count, at = _piece(data, at, 1)[0], at + 1
        if count > _most(kind):
            raise Malformed(f"{count} parts")
        parts = []
        for _ in range(count):
            part, at = _decoded(_PARTS[_part_of(kind)], data, at)
            parts.append(part)
        return parts, at
    size = int(re.sub(r"\D", "", base))
    raw = _piece(data, at, size)
    return (_text(raw) if base.startswith("text") else raw), at + size


def _piece(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise Malformed("too short")
    return data[at : at + size]


def _checked(kind: str, number: int) -> Any:
    _, _, named = kind.partition(", ")
    if not named:
        return number
    if named == "0 or 1":
        known: Callable[[int], bool] = lambda each: each in {0, 1}  # noqa: E731
    elif named in _FLAGS:
        known = lambda each: each < 2 << max(NUMBERS[named].values())  # noqa: E731
    else:
        known = lambda each: each in NUMBERS[named].values()  # noqa: E731
    if not known(number):
        raise Malformed(f"{number} is no {named}")
    return bool(number) if named == "0 or 1" else number


def _text(raw: bytes) -> str:
    text = raw.rstrip(b"\0")
    if not all(0x20 <= each <= 0x7E for each in text):
        raise Malformed(f"{raw!r} is no text")
    return text.decode()


def _most(kind: str) -> int:
    return int(re.findall(r"at most (\d+)", kind)[0])


def _part_of(kind: str) -> str:
    return str(re.findall(r", (\w+) \(at most", kind)[0])
