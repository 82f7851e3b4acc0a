"""A recording of many small chunks."""

from pathlib import Path

import pytest

import hil.recording.rewrite
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import ReadStatus, encode_message

START_UTC_MS = 1_767_225_600_000
MESSAGES = 300


def write_chunked(path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int = 2000, count: int = MESSAGES) -> bytes:
    """Two wires, of which one is a pump's, notes and a rejected piece; chunks of about ``chunk_bytes``."""
    monkeypatch.setattr(hil.recording.rewrite, "CHUNK_BYTES", chunk_bytes)
    writer = RecordingWriter(
        path,
        start_utc_ms=START_UTC_MS,
        metadata={"seed": "1"},
        attachments={"bench.json": b'{"name": "x"}'},
        pump_wires=("pump",),
    )
    for number in range(count):
        if number % 3 == 0:
            writer.write("bath", "tx", number * 100, b"in_pv_00\r\n")
        elif number % 50 == 1:
            writer.note(number * 100, f"note {number}")
        else:
            frame = OpenChannel().seal(encode_message(number, ReadStatus()))
            writer.write("pump", "tx", number * 100, encode_frame(frame) if number % 70 else b"no frame\0")
    writer.close()
    return path.read_bytes()
