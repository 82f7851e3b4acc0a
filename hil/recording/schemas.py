"""JSON schemas of what a recording says itself; those of the pump's messages derive from their declarations."""

import json
from collections.abc import Mapping
from typing import Any, Final

from protocols.json_form import properties_of
from protocols.messages import MESSAGES

__all__ = ["ALARMS", "SCHEMA_NAMES", "message_schema", "schema_of"]

_MESSAGE_PREFIX: Final = "pumprig.message."

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_MAYBE_COUNT: Final = {"type": ["integer", "null"]}
_DIRECTION: Final = {"type": "string", "enum": ["tx", "rx"]}
_PLACE: Final[Mapping[str, Any]] = {
    "direction": _DIRECTION,
    "offset": {"type": "integer", "description": "bytes from the start of the stream of this direction"},
    "length": {"type": "integer", "description": "bytes, without the zero behind them"},
}

ALARMS: Final = ("stalled-disk", "sync-failed", "dead-thread", "count-mismatch", "not-compacted")

_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "pumprig.Note": {"text": _TEXT},
    "pumprig.Rejected": {
        **_PLACE,
        "reason": {"type": "string", "description": "the error's class"},
        "detail": _TEXT,
        "bytes": {"type": "string", "description": "hexadecimal, the first 64"},
    },
    "pumprig.Session": {
        **_PLACE,
        "kind": {"type": "string", "enum": ["wake", "greeting"]},
        "uid": _MAYBE_TEXT,
        "kid": _MAYBE_COUNT,
        "session": _MAYBE_TEXT,
    },
    "pumprig.Sealed": {**_PLACE, "session": _TEXT, "counter": _COUNT, "payload_bytes": _COUNT},
    "pumprig.Counted": {
        "sent_bytes": {"type": "integer", "description": "by the link, independently of the recorder"},
        "received_bytes": {"type": "integer", "description": "by the link, independently of the recorder"},
    },
    "pumprig.Gap": {
        "wire": _TEXT,
        "kind": {"type": "string", "enum": ["notices", "counter", "silence"]},
        "direction": _DIRECTION,
        "session": _MAYBE_TEXT,
        "expected": _MAYBE_COUNT,
        "found": _MAYBE_COUNT,
        "missing": _MAYBE_COUNT,
        "silent_ms": _MAYBE_COUNT,
        "detail": _TEXT,
    },
    "pumprig.Alarm": {
        "alarm": {"type": "string", "enum": [*ALARMS]},
        "state": {"type": "string", "enum": ["raised", "cleared"]},
        "detail": _TEXT,
    },
}

SCHEMA_NAMES: Final = {
    "notes": "pumprig.Note",
    "gaps": "pumprig.Gap",
    "alarms": "pumprig.Alarm",
    "rejected": "pumprig.Rejected",
    "session": "pumprig.Session",
    "sealed": "pumprig.Sealed",
    "counted": "pumprig.Counted",
}
"""By the kind of a topic, or the event of a wire."""


_MESSAGES: Final = {message.__name__: message for message in MESSAGES.values()}
_FRAME: Final[Mapping[str, Any]] = {
    "time_ms": {"type": "integer", "description": "bench time of the frame's last byte"},
    **_PLACE,
    "seq": {"type": "integer", "description": "chosen by the asking side, repeated by the answer"},
    "session": {"type": ["string", "null"], "description": "id of the session that sealed it; null in the open"},
    "counter": {"type": ["integer", "null"], "description": "number of the sealed frame"},
}


def message_schema(message: str) -> str:
    """The schema's name for messages of that class."""
    return f"{_MESSAGE_PREFIX}{message}"


def schema_of(name: str) -> bytes:
    """The JSON schema of that name. Raises KeyError if a recording has none of it."""
    if name.startswith(_MESSAGE_PREFIX):
        properties = {**properties_of(_MESSAGES[name.removeprefix(_MESSAGE_PREFIX)]), "frame": _object(_FRAME)}
    else:
        properties = {"time_ms": {"type": "integer", "description": "bench time"}, **_FIELDS[name]}
    return json.dumps(_object(properties)).encode()


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}
