"""Messages as JSON, and the schema of that JSON, from the declarations alone.

Numbers stay numbers, in the units of the wire. Bytes are hexadecimal, an enumeration is its name, flags are a list of
names, parts are objects. What is secret is null, and so is a command inside a message that holds something secret.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from protocols.commands.journal import inner
from protocols.declaration import Field, fields_of
from protocols.errors import MessageError
from protocols.messages import MESSAGES, Message

__all__ = ["DECODED_SUFFIX", "json_of", "properties_of", "topic_name"]

DECODED_SUFFIX: Final = "_decoded"
"""Of the field that says what the command in a blob is."""

_PLAIN: Final[Mapping[str, Mapping[str, Any]]] = {
    "bool": {"type": "boolean"},
    "text": {"type": "string"},
    "secret": {"type": "null"},
    "bytes": {"type": "string", "contentEncoding": "base16"},
    "blob": {"type": ["string", "null"], "contentEncoding": "base16"},
}


def topic_name(message: type[Message]) -> str:
    """The snake case of a message's class: ``read_status``."""
    name = message.__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def json_of(message: Message) -> dict[str, Any]:
    """The fields of ``message``, as JSON has them."""
    return _object(message, _fields(message.OPCODE))


def properties_of(message: type[Message]) -> dict[str, Any]:
    """The JSON schema of each of its fields, by name."""
    return _properties(_fields(message.OPCODE))


@cache
def _fields(opcode: int) -> tuple[Field, ...]:
    return fields_of(MESSAGES[opcode])


def _object(value: Any, fields: Iterable[Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        each = getattr(value, field.name)
        if field.kind == "blob":
            found |= _blob(field, each)
        else:
            found[field.name] = _value(each, field)
    return found


def _value(value: Any, field: Field) -> Any:  # noqa: PLR0911 - one for each kind
    match field.kind:
        case "secret":
            return None
        case "bytes":
            return value.hex()
        case "enumeration":
            return value.name
        case "flags":
            return [flag.name for flag in type(value) if flag in value]
        case "part":
            return _object(value, field.fields)
        case "list":
            return [_object(item, field.fields) for item in value]
    return value


def _blob(field: Field, value: bytes) -> dict[str, Any]:
    """The bytes of a command, and what they say; neither if something in it is secret."""
    shown = None if _holds_secret(value) else value.hex()
    try:
        message = inner(value)
    except MessageError:
        return {field.name: shown, field.name + DECODED_SUFFIX: None}
    decoded = {"message": type(message).__name__, **json_of(message)}
    return {field.name: shown, field.name + DECODED_SUFFIX: decoded}


def _holds_secret(command: bytes) -> bool:
    """Whether some of its bytes are secret, or may be: also if it is malformed, or carries such a command itself."""
    if not command or command[0] not in MESSAGES:
        return False
    kinds = {field.kind for field in _fields(command[0])}
    if "secret" in kinds or "blob" not in kinds:
        return "secret" in kinds
    try:
        carried = [each for each in vars(inner(command)).values() if isinstance(each, bytes)]
    except MessageError:
        return True
    return any(_holds_secret(each) for each in carried)


def _properties(fields: Iterable[Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        found[field.name] = {**_schema(field), "description": field.meaning}
        if field.kind == "blob":
            found[field.name + DECODED_SUFFIX] = {
                "type": ["object", "null"],
                "description": f"{field.name}: name and fields of the message in it; null if it holds none",
            }
    return found


def _schema(field: Field) -> dict[str, Any]:
    if field.kind in _PLAIN:
        return dict(_PLAIN[field.kind])
    if field.kind == "integer":
        return {"type": "integer", **_bounds(field)}
    if field.kind == "part":
        return _whole(field)
    if field.kind == "list":
        return {"type": "array", "items": _whole(field), "maxItems": field.most}
    name = {"type": "string", "enum": [each.name for each in field.values or ()]}
    return name if field.kind == "enumeration" else {"type": "array", "items": name}


def _bounds(field: Field) -> dict[str, int]:
    bits = 8 * (field.size or 0)
    if field.format.islower():
        return {"minimum": -(1 << bits - 1), "maximum": (1 << bits - 1) - 1}
    return {"minimum": 0, "maximum": (1 << bits) - 1}


def _whole(field: Field) -> dict[str, Any]:
    properties = _properties(field.fields)
    return {"type": "object", "properties": properties, "required": list(properties)}
