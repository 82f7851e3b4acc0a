"""How a recording is laid out in its MCAP file: the names that writer and reader share.

=========================  ==================================================================================
topic                      a message holds
=========================  ==================================================================================
``/wire/NAME/tx``          bytes for the device, recorded before they are sent
``/wire/NAME/rx``          one answer, recorded when it is complete; or what a drain found, which may be nothing
``/wire/NAME/timeout``     what had come of an answer when the wait for it was given up
``/wire/NAME/lost``        what had come and was not read when the port failed
``/notes``                 a remark for people: JSON with a JSON schema
=========================  ==================================================================================

Times are UTC in ns, at a resolution of 1 ms: ``start_utc_ms`` of the metadata plus bench time. The messages of one
wire share one sequence, so that their order is plain even within a millisecond. There are no chunks.
"""

import json
from typing import Final, Literal, get_args

__all__ = [
    "DIRECTIONS",
    "LIBRARY",
    "MAGIC",
    "MESSAGE_ENCODING",
    "METADATA_NAME",
    "NOTES_TOPIC",
    "NOTE_ENCODING",
    "NOTE_SCHEMA",
    "NOTE_SCHEMA_NAME",
    "PROFILE",
    "SEQUENCES",
    "START_KEY",
    "Direction",
    "parse_topic",
    "sequence_of",
    "topic_of",
]

MAGIC: Final = b"\x89MCAP0\r\n"
PROFILE: Final = "pumprig"
LIBRARY: Final = "pumprig recording 1"
METADATA_NAME: Final = "pumprig"
START_KEY: Final = "start_utc_ms"
MESSAGE_ENCODING: Final = "x-pumprig-bytes"
SEQUENCES: Final = 1 << 32
"""Sequence numbers begin anew here (MCAP specification, Message: uint32)."""

NOTES_TOPIC: Final = "/notes"
NOTE_ENCODING: Final = "json"
NOTE_SCHEMA_NAME: Final = "pumprig.Note"
NOTE_SCHEMA: Final = json.dumps(
    {
        "type": "object",
        "properties": {"time_ms": {"type": "integer", "description": "bench time"}, "text": {"type": "string"}},
        "required": ["time_ms", "text"],
    }
).encode()

Direction = Literal["tx", "rx", "timeout", "lost"]
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
"""tx goes to the device, rx comes from it; timeout and lost hold what came of a read that failed."""


def topic_of(wire: str, direction: Direction) -> str:
    """The topic of what goes over ``wire`` in ``direction``. Raises ValueError for a name that cannot be read back."""
    if not wire or "/" in wire:
        raise ValueError(f"a wire's name must be a word without a slash, got {wire!r}")
    if direction not in DIRECTIONS:
        raise ValueError(f"a direction is one of {', '.join(DIRECTIONS)}; got {direction!r}")
    return f"/wire/{wire}/{direction}"


def parse_topic(topic: str) -> tuple[str, Direction]:
    """Wire and direction of a topic. Raises ValueError if it is none of ours."""
    match topic.split("/"):
        case ["", "wire", wire, direction] if wire and direction in DIRECTIONS:
            return wire, direction
    raise ValueError(f"{topic!r} is no topic of a recording")


def sequence_of(topic: str) -> str:
    """What counts the messages of ``topic``: its wire, or the notes."""
    return topic if topic == NOTES_TOPIC else parse_topic(topic)[0]
