"""Golden frames: whole frames as another implementation would write them, one or more for each message.

The oracle below shares no code with ``protocols/``: it packs with ``struct``, computes CRC-32C bit by bit, and stuffs
by its own COBS. It also wrote the file, from the fields that stand in it, and writes it anew only when told to::

    python tests/protocols/test_golden_frames.py
"""

import struct
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel import OpenChannel
from protocols.framing import decode_frame, encode_frame
from protocols.messages import MESSAGES, Alarms, HistoryRecord, Mode, Reason, decode_message, encode_message

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "protocol" / "frames.toml"
FRAMES: list[dict[str, Any]] = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))["frame"]
NAMES = [f"{number}-{frame['message']}" for number, frame in enumerate(FRAMES)]

PACKED = {
    "Identify": (0x01, ">", ""),
    "ReadStatus": (0x02, ">", ""),
    "ReadHistory": (0x03, ">IB", "from_seq max_records"),
    "SetClock": (0x04, ">Q", "utc_ms"),
    "Identity": (
        0x81,
        ">B8s16s24sBBBI",
        "protocol_version uid serial_number model firmware_major firmware_minor firmware_patch boot_count",
    ),
    "Status": (
        0x82,
        ">QQIBIIiIiIHIiBI",
        (
            "clock_utc_ms uptime_ms boot_count mode alarms sample_count temperature_mc reservoir_pa outlet_pa "
            "ambient_pa battery_mv volume_nl flow_nl_per_day flow_valid history_next"
        ),
    ),
    "History": (0x83, ">II", "first_seq next_seq"),
    "ClockSet": (0x84, ">QQ", "previous_utc_ms utc_ms"),
    "ErrorReply": (0xFF, ">BI", "reason detail"),
}
RECORD = (
    ">IQIiBiIiII",
    "seq end_uptime_ms volume_nl flow_nl_per_day flow_valid temperature_mc reservoir_pa outlet_pa ambient_pa alarms",
)


def pack(layout: str, names: str, fields: dict[str, Any]) -> bytes:
    """``fields`` as ``struct`` packs them; text is padded with NUL by ``struct`` itself."""
    plain = {"uid": bytes.fromhex, "serial_number": str.encode, "model": str.encode}
    return struct.pack(layout, *[plain.get(name, lambda value: value)(fields[name]) for name in names.split()])


def payload(frame: dict[str, Any]) -> bytes:
    """The payload of one entry of the file."""
    opcode, layout, names = PACKED[frame["message"]]
    body = pack(layout, names, frame["fields"])
    if frame["message"] == "History":
        records = frame["fields"]["records"]
        body += bytes([len(records)]) + b"".join(pack(*RECORD, record) for record in records)
    return struct.pack(">HB", frame["seq"], opcode) + body


def crc_32c(data: bytes) -> int:
    """CRC-32C by its definition: reflected polynomial 0x82F63B78, all ones before and after, one bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def stuff(data: bytes) -> bytes:
    """COBS: before each run of up to 254 non-zero bytes one more than its length, instead of the zero behind it."""
    out = bytearray()
    runs = data.split(b"\x00")
    for position, run in enumerate(runs):
        rest = run
        while len(rest) > 254 or (len(rest) == 254 and position < len(runs) - 1):
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def on_the_wire(frame: bytes) -> bytes:
    """A frame with CRC, stuffing and delimiter."""
    return stuff(frame + crc_32c(frame).to_bytes(4, "big")) + b"\x00"


def typed(fields: dict[str, Any]) -> dict[str, Any]:
    """The file's fields as the message's constructor takes them."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "uid": bytes.fromhex,
        "mode": Mode,
        "alarms": Alarms,
        "reason": Reason,
        "records": lambda records: tuple(HistoryRecord(**typed(record)) for record in records),
    }
    return {name: kinds[name](value) if name in kinds else value for name, value in fields.items()}


def test_the_oracle_computes_the_published_values() -> None:
    """The oracle's own CRC and stuffing agree with the published examples, so that it may judge."""
    assert crc_32c(b"123456789") == 0xE3069283
    assert stuff(b"\x11\x22\x00\x33") == b"\x03\x11\x22\x02\x33"
    assert stuff(bytes(range(0x02, 0x100)) + b"\x00") == b"\xff" + bytes(range(0x02, 0x100)) + b"\x01\x01"


def test_every_message_has_a_golden_frame() -> None:
    """A message that is added gets its frame in the file."""
    assert {frame["message"] for frame in FRAMES} == {message.__name__ for message in MESSAGES.values()}


@pytest.mark.parametrize("frame", FRAMES, ids=NAMES)
def test_the_golden_wire_is_what_an_independent_encoder_writes(frame: dict[str, Any]) -> None:
    """The file's bytes follow from its fields by struct, bitwise CRC and hand-written COBS alone."""
    assert frame["wire"] == on_the_wire(b"\x01\x00" + payload(frame)).hex()


@pytest.mark.parametrize("frame", FRAMES, ids=NAMES)
def test_the_protocol_writes_and_reads_the_golden_wire(frame: dict[str, Any]) -> None:
    """The declarations encode the file's fields to its bytes, and decode them back."""
    wire = bytes.fromhex(frame["wire"])
    message_type = next(message for message in MESSAGES.values() if message.__name__ == frame["message"])
    message = message_type(**typed(frame["fields"]))
    assert encode_frame(OpenChannel().seal(encode_message(frame["seq"], message))) == wire
    assert decode_message(OpenChannel().open(decode_frame(wire[:-1]))) == (frame["seq"], message)


@given(st.binary(min_size=1, max_size=512))
def test_any_frame_is_framed_as_the_oracle_does(frame: bytes) -> None:
    """Framing equals the independent implementation on any frame."""
    assert encode_frame(frame) == on_the_wire(frame)


@pytest.mark.parametrize("length", range(246, 256))
def test_runs_about_the_longest_group_are_framed_as_the_oracle_does(length: int) -> None:
    """The lengths at which COBS begins a new group, with and without a zero behind, agree too."""
    for frame in (b"\x07" * length, b"\x07" * length + b"\x00", b"\x00" + b"\x07" * length, b"\x07" * (2 * length)):
        assert encode_frame(frame) == on_the_wire(frame)


def rewrite() -> None:
    """Write the ``wire`` of every entry anew, from its fields, by the oracle."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    wires = iter(on_the_wire(b"\x01\x00" + payload(frame)).hex() for frame in FRAMES)
    lines = [f'wire = "{next(wires)}"' if line.startswith("wire = ") else line for line in lines]
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite()
