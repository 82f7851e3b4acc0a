"""What a recording's own JSON says, read by mcap's own reader: the oracle for what is decoded from its bytes."""

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mcap.exceptions import EndOfFile
from mcap.records import Channel, DataEnd, Message
from mcap.stream_reader import StreamReader

from hil.export.flat import for_json
from hil.export.pieces import PIECE_BYTES
from hil.export.selection import Selection
from hil.export.sink import in_order
from hil.export.telemetry import Telemetry
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import MESSAGES, encode_message
from protocols.vectors import examples

__all__ = ["START_UTC_MS", "decoded", "recorded", "write_everything"]

START_UTC_MS = 1_767_225_600_000
_FRAME = ("time_ms", "direction", "seq", "session", "counter")


def recorded(path: Path) -> list[dict[str, Any]]:
    """All JSON of a recording in the order of the file, each with its type; as far as the file goes."""
    topics: dict[int, tuple[str, str]] = {}
    found = []
    with path.open("rb") as file, suppress(EndOfFile, struct.error):
        for record in StreamReader(file, record_size_limit=None).records:
            match record:
                case Channel():
                    topics[record.id] = (record.topic, record.message_encoding)
                case Message() if topics[record.channel_id][1] == "json":
                    found.append(_row(topics[record.channel_id][0], json.loads(record.data)))
                case DataEnd():
                    break
    return found


def decoded(path: Path, selection: Selection | None = None, piece_bytes: int = PIECE_BYTES) -> list[dict[str, Any]]:
    """The same by our tables, without what they add."""
    found = []
    with Telemetry.open(path) as telemetry:
        for tables in telemetry.tables(selection or Selection(), piece_bytes=piece_bytes):
            rows = [for_json(table.rows) for table in tables]
            for number, row in in_order(tables):
                content = {"type": tables[number].kind.name, **rows[number][row]}
                content.pop("utc")
                found.append(content)
    return found


def write_everything(path: Path, *, compact: bool = True) -> bytes:
    """Every message in both directions, torn over records, with noise between, in the open; a note."""
    writer = RecordingWriter(
        path, start_utc_ms=START_UTC_MS, metadata={}, attachments={}, pump_wires=("pump",), compact=compact
    )
    messages = [message for kind in MESSAGES.values() for message in examples(kind)]
    for number, message in enumerate(messages):
        wire = encode_frame(OpenChannel().seal(encode_message(number, message)))
        cut = number % len(wire)
        writer.write("pump", "rx", number * 100, wire[:cut])
        writer.write("pump", "tx", number * 100 + 10, wire + (b"noise\0\0" if number % 7 == 0 else b""))
        writer.write("pump", "timeout" if number % 5 == 0 else "rx", number * 100 + 20, wire[cut:])
        if number % 50 == 0:
            writer.note(number * 100 + 30, f"note {number}")
    writer.close()
    return path.read_bytes()


def _row(topic: str, content: dict[str, Any]) -> dict[str, Any]:
    *_, wire, name = ("", *topic.split("/"))
    is_event = topic.startswith(("/wire/", "/recorder/")) or wire == ""
    row: dict[str, Any] = {"type": name, **_flat(content, "")}
    if not is_event:
        frame = content["frame"]
        row = {key: value for key, value in row.items() if not key.startswith("frame.")}
        row |= {each: frame[each] for each in _FRAME}
    if "wire" not in row:
        row["wire"] = wire if wire and wire != "recorder" else None
    return row


def _flat(content: Mapping[str, Any], before: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name.endswith("_decoded"):
            found[before + name] = None if value is None else json.dumps(value)
        elif isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found
