"""The Wireshark dissector in Lua, made from the protocol's declarations."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from protocols.declaration import Field, fields_of
from protocols.framing import MAX_FRAME_BYTES
from protocols.messages import MESSAGES
from protocols.reference import VERSION

__all__ = ["dissector_lua"]


def dissector_lua() -> str:
    """The dissector's source."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Lua, from our own declarations
    )
    makers: dict[str, str] = {}
    parts: dict[str, Any] = {}
    messages = []
    for opcode, message in sorted(MESSAGES.items()):
        items = [_item(field, message.__name__, makers, parts) for field in fields_of(message)]
        messages.append({"opcode": opcode, "name": message.__name__, "fields": items})
    return environment.get_template("dissector.lua.j2").render(
        version=VERSION,
        max_frame=MAX_FRAME_BYTES,
        messages=messages,
        parts=[{"name": name, "fields": items} for name, items in parts.items()],
        fields=[{"path": path, "make": make} for path, make in makers.items()],
    )


def _item(field: Field, owner: str, makers: dict[str, str], parts: dict[str, Any]) -> dict[str, Any]:
    path = f"{owner}.{field.name}"
    if field.fields and field.part not in parts:
        parts[field.part] = []
        parts[field.part] = [_item(inner, field.part, makers, parts) for inner in field.fields]
    if field.kind != "part":
        makers[path] = _maker(field, path)
    flags = []
    if field.kind == "flags" and field.values is not None:
        for value in field.values:
            flag = f"{path}.{value.name}"
            makers[flag] = (
                f'ProtoField.bool("pumprig.{flag.lower()}", "{value.name}", {8 * (field.size or 0)}, '
                f'{{"yes", "no"}}, 0x{int(value):X})'
            )
            flags.append(flag)
    kind = field.kind if field.kind in {"list", "part", "blob"} else "plain"
    return {"path": path, "kind": kind, "size": field.size or 0, "part": field.part, "flags": flags}


def _maker(field: Field, path: str) -> str:
    filter_name, label = f'"pumprig.{path.lower()}"', f'"{field.name}"'
    meaning = field.meaning.replace("\\", "\\\\").replace('"', '\\"')
    match field.kind:
        case "text":
            return f'ProtoField.string({filter_name}, {label}, base.ASCII, "{meaning}")'
        case "bytes" | "secret" | "blob":
            return f'ProtoField.bytes({filter_name}, {label}, base.NONE, "{meaning}")'
        case "list":
            return f'ProtoField.uint8({filter_name}, "{field.name}, count", base.DEC, nil, nil, "{meaning}")'
    kind = f"{'' if field.format.islower() else 'u'}int{8 * (field.size or 0)}"
    base = "base.HEX" if field.kind == "flags" else "base.DEC"
    values = "nil"
    if field.kind == "enumeration" and field.values is not None:
        values = "{" + ", ".join(f'[{int(value)}] = "{value.name}"' for value in field.values) + "}"
    if field.kind == "bool":
        values = '{[0] = "no", [1] = "yes"}'
    return f'ProtoField.{kind}({filter_name}, {label}, {base}, {values}, nil, "{meaning}")'
