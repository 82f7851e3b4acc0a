"""How a recording is laid out in its MCAP file: the names that writers and readers share.

=========================  ==================================================================================
topic                      a message holds
=========================  ==================================================================================
``/wire/NAME/tx``          bytes for the device, recorded before they are sent
``/wire/NAME/rx``          one answer, recorded when it is complete; or what a drain found, which may be nothing
``/wire/NAME/timeout``     what had come of an answer when the wait for it was given up
``/wire/NAME/lost``        what had come and was not read when the port failed
``/wire/NAME/rejected``    where bytes stand that are no message, and why
``/wire/NAME/session``     a handshake's frame
``/wire/NAME/sealed``      a sealed frame whose session's keys are not known here
``/wire/NAME/counted``     how many bytes the link itself has counted, when it is closed
``/NAME/MESSAGE``          a decoded message of a pump's wire, such as ``/pump/status``
``/gaps``                  something that should be there is not: a notice, a sealed frame, or anything at all
``/notes``                 a remark for people
``/recorder/alarms``       what went wrong with the recording itself
=========================  ==================================================================================

The first four hold bytes as they passed (encoding ``x-pumprig-bytes``, no schema), are all that a replay needs, and
share one sequence for each wire, so that their order is plain even within a millisecond. All others are JSON objects
with a JSON schema, numbered topic by topic; those of a wire follow from its bytes and can be made again from them.

``log_time`` is bench time as UTC: ``start_utc_ms`` of the metadata plus bench time, which never runs backwards, in ns
at a resolution of 1 ms. ``publish_time`` is the system's clock at that moment; on a simulated bench it is ``log_time``.
"""

import re
from typing import Final, Literal, NamedTuple, get_args

__all__ = [
    "ALARMS_TOPIC",
    "CHUNK_BYTES",
    "DIRECTIONS",
    "GAPS_TOPIC",
    "JSON_ENCODING",
    "KEYS_PREFIX",
    "LAYOUT",
    "LAYOUT_KEY",
    "LIBRARY",
    "MAGIC",
    "MAX_CHUNK_BYTES",
    "MAX_RECORD_BYTES",
    "MESSAGE_ENCODING",
    "METADATA_NAME",
    "NOTES_TOPIC",
    "PROFILE",
    "RATE_KEY",
    "SCHEMA_ENCODING",
    "SEQUENCES",
    "START_KEY",
    "WIRE_EVENTS",
    "Direction",
    "Topic",
    "WireEvent",
    "event_topic",
    "message_topic",
    "parse_topic",
    "sequence_of",
    "topic_of",
]

MAGIC: Final = b"\x89MCAP0\r\n"
PROFILE: Final = "pumprig"
LIBRARY: Final = "pumprig recording 2"
METADATA_NAME: Final = "pumprig"
START_KEY: Final = "start_utc_ms"
RATE_KEY: Final = "rate"
"""By how much bench time was faster than real time, if it was: on a bench served with ``--rate``."""
LAYOUT_KEY: Final = "layout"
LAYOUT: Final = "2"
"""A recording without this key has layout 1: bytes and notes only, no chunks."""
MESSAGE_ENCODING: Final = "x-pumprig-bytes"
JSON_ENCODING: Final = "json"
SCHEMA_ENCODING: Final = "jsonschema"
SEQUENCES: Final = 1 << 32
"""Sequence numbers begin anew here (MCAP specification, Message: uint32)."""
CHUNK_BYTES: Final = 1 << 20
"""A finished recording's chunks end behind the record that makes them longer than this, before compression."""
MAX_CHUNK_BYTES: Final = 16 << 20
"""No chunk is longer once it is expanded: whatever says that it is, is damaged or a bomb."""
MAX_RECORD_BYTES: Final = 64 << 20
"""No record is longer, attachments included."""
KEYS_PREFIX: Final = "session-keys/"
"""Attachments under this prefix hold the keys of one session each: of insecure test keys only, never of others."""

NOTES_TOPIC: Final = "/notes"
GAPS_TOPIC: Final = "/gaps"
ALARMS_TOPIC: Final = "/recorder/alarms"

Direction = Literal["tx", "rx", "timeout", "lost"]
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
"""tx goes to the device, rx comes from it; timeout and lost hold what came of a read that failed."""

WireEvent = Literal["rejected", "session", "sealed", "counted"]
WIRE_EVENTS: Final[tuple[WireEvent, ...]] = get_args(WireEvent)
"""What is said of a wire beside its bytes."""

_RESERVED: Final = frozenset({"wire", "recorder"})
_MESSAGE_NAME: Final = re.compile("[a-z][a-z0-9_]*")


class Topic(NamedTuple):
    """What a topic means."""

    kind: Literal["bytes", "event", "message", "gaps", "notes", "alarms"]
    wire: str = ""
    """Of bytes, events and messages."""
    name: str = ""
    """The direction, the event or the message."""

    @classmethod
    def parse(cls, topic: str) -> "Topic":
        """What ``topic`` means. Raises ValueError if it is none of ours."""
        match topic.split("/"):
            case ["", "notes"]:
                return cls("notes")
            case ["", "gaps"]:
                return cls("gaps")
            case ["", "recorder", "alarms"]:
                return cls("alarms")
            case ["", "wire", wire, name] if wire and name in DIRECTIONS:
                return cls("bytes", wire, name)
            case ["", "wire", wire, name] if wire and name in WIRE_EVENTS:
                return cls("event", wire, name)
            case ["", wire, name] if wire and wire not in _RESERVED and _MESSAGE_NAME.fullmatch(name):
                return cls("message", wire, name)
        raise ValueError(f"{topic!r} is no topic of a recording")


def topic_of(wire: str, direction: Direction) -> str:
    """The topic of what goes over ``wire`` in ``direction``. Raises ValueError for a name that cannot be read back."""
    if direction not in DIRECTIONS:
        raise ValueError(f"a direction is one of {', '.join(DIRECTIONS)}; got {direction!r}")
    return f"/wire/{_checked(wire)}/{direction}"


def event_topic(wire: str, event: WireEvent) -> str:
    """The topic of what is said of ``wire`` beside its bytes. Raises ValueError as ``topic_of`` does."""
    if event not in WIRE_EVENTS:
        raise ValueError(f"an event of a wire is one of {', '.join(WIRE_EVENTS)}; got {event!r}")
    return f"/wire/{_checked(wire)}/{event}"


def message_topic(wire: str, message: str) -> str:
    """The topic of decoded messages: the snake case of the message's class. Raises ValueError as ``topic_of`` does."""
    if wire in _RESERVED or not _MESSAGE_NAME.fullmatch(message):
        raise ValueError(f"messages {message!r} of a wire {wire!r} cannot have a topic")
    return f"/{_checked(wire)}/{message}"


def parse_topic(topic: str) -> tuple[str, Direction]:
    """Wire and direction of a topic that holds bytes. Raises ValueError if it is none."""
    found = Topic.parse(topic)
    for direction in DIRECTIONS:
        if found.kind == "bytes" and found.name == direction:
            return found.wire, direction
    raise ValueError(f"{topic!r} holds no bytes of a wire")


def sequence_of(topic: str) -> str:
    """What counts the messages of ``topic``: its wire if it holds bytes, else the topic itself."""
    found = Topic.parse(topic)
    return found.wire if found.kind == "bytes" else topic


def _checked(wire: str) -> str:
    if not wire or "/" in wire:
        raise ValueError(f"a wire's name must be a word without a slash, got {wire!r}")
    return wire
