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

import protocols.messages as protocol_messages
from protocols.channel import OpenChannel
from protocols.framing import decode_frame, encode_frame
from protocols.messages import (
    MESSAGES,
    AlarmPriority,
    Alarms,
    Mode,
    Outcome,
    Reason,
    Role,
    Secret,
    decode_message,
    encode_message,
)

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "protocol" / "frames.toml"
FRAMES: list[dict[str, Any]] = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))["frame"]
NAMES = [f"{number}-{frame['message']}" for number, frame in enumerate(FRAMES)]

_SENSORS = "temperature_mc:i reservoir_pa:I outlet_pa:i ambient_pa:I bellows_nl:I battery_mv:H"
_OUTCOME = "cmd_id:Q outcome:B state_seq:I result:blob"
RECORDS = {
    "HistoryRecord": (
        "seq:I end_uptime_ms:Q volume_nl:I flow_nl_per_day:i flow_valid:B temperature_mc:i reservoir_pa:I outlet_pa:i "
        "ambient_pa:I alarms:I"
    ),
    "EventRecord": "seq:I boot_count:I uptime_ms:Q utc_ms:Q kind:B detail:H value:q",
    "AlarmRecord": "bit:B priority:B latched:B acknowledged:B",
    "KeySlot": "kid:I role:B enabled:B",
    "Settings": """
label_flow_nl_per_day:i capacity_nl:i residual_nl:i low_reservoir_nl:i low_reservoir_hours:i empty_nl:i
volume_hysteresis_nl:i flow_high_permille:i flow_low_permille:i flow_hysteresis_permille:i flow_debounce_n:i
flow_debounce_m:i cross_check_permille:i occlusion_pa:i outlet_low_pa:i outlet_hysteresis_pa:i
drive_pressure_pa:i over_temperature_mc:i temperature_hysteresis_mc:i ambient_low_pa:i ambient_high_pa:i
ambient_hysteresis_pa:i access_nl:i outlet_pulse_pa:i battery_low_mv:i end_of_service_mv:i
battery_hysteresis_mv:i clock_step_ms:i refill_tolerance_nl:i off_label_permille:i refused_commands:i
repeat_ms:i
    """,
}
"""Parts of messages: names and types of their fields, as ``LAYOUTS`` has them."""
LAYOUTS = {
    "Identify": (0x01, ""),
    "Identity": (
        0x81,
        (
            "protocol_version:B uid:8s serial_number:16t model:24t firmware_major:B firmware_minor:B firmware_patch:B "
            "boot_count:I"
        ),
    ),
    "ReadStatus": (0x02, ""),
    "Status": (
        0x82,
        (
            "clock_utc_ms:Q uptime_ms:Q boot_count:I mode:B alarms:I sample_count:I temperature_mc:i reservoir_pa:I "
            "outlet_pa:i ambient_pa:I battery_mv:H volume_nl:I flow_nl_per_day:i flow_valid:B history_next:I"
        ),
    ),
    "ReadHistory": (0x03, "from_seq:I max_records:B"),
    "History": (0x83, "first_seq:I next_seq:I chain_before:16s records:HistoryRecord* chain_after:16s"),
    "SetClock": (0x04, "utc_ms:Q"),
    "ClockSet": (0x84, "previous_utc_ms:Q utc_ms:Q"),
    "ReadMeasurements": (0x05, ""),
    "Measurements": (0x85, "sample_count:I uptime_ms:Q " + _SENSORS),
    "Subscribe": (0x06, "period_s:H notices:H"),
    "Subscribed": (0x86, "period_s:H notices:H"),
    "Sampled": (0xC0, "number:H mode:B alarms:I sample_count:I uptime_ms:Q " + _SENSORS),
    "ReadAlarms": (0x07, ""),
    "AlarmList": (0x87, "alarms:AlarmRecord*"),
    "AcknowledgeAlarms": (0x08, "alarms:I"),
    "AlarmsAcknowledged": (0x88, "news:I active:I"),
    "ReadEvents": (0x09, "from_seq:I max_events:B"),
    "Events": (0x89, "first_seq:I next_seq:I chain_before:16s events:EventRecord* chain_after:16s"),
    "ReadConfiguration": (0x0A, ""),
    "ConfigurationReport": (0x8A, "generation:I settings:Settings"),
    "WriteConfiguration": (0x0B, "settings:Settings"),
    "ConfigurationWritten": (0x8B, "generation:I"),
    "Stage": (0x10, "command:blob"),
    "Staged": (0x90, "token:I digest:8s state_seq:I command:blob"),
    "Commit": (0x11, "cmd_id:Q token:I digest:8s if_state:I"),
    "Committed": (0x91, _OUTCOME),
    "Query": (0x12, "cmd_id:Q if_state:I"),
    "Queried": (0x92, _OUTCOME),
    "BeginRefill": (0x20, ""),
    "RefillBegun": (0xA0, "volume_nl:I"),
    "ReportReturned": (0x21, "volume_nl:I"),
    "VolumeReturned": (0xA1, "total_nl:I"),
    "ReportFilled": (0x22, "volume_nl:I"),
    "VolumeFilled": (0xA2, "total_nl:I"),
    "SetDrug": (0x23, "drug:B concentration_ug_per_ml:I"),
    "DrugIsSet": (0xA3, "drug:B"),
    "CompleteRefill": (0x24, ""),
    "RefillCompleted": (0xA4, "mean_flow_nl_per_day:i"),
    "CancelRefill": (0x25, ""),
    "RefillCancelled": (0xA5, ""),
    "StartSelfTest": (0x28, ""),
    "SelfTestStarted": (0xA8, "next_event:I"),
    "ReadDiagnostics": (0x30, ""),
    "Diagnostics": (
        0xB0,
        (
            "boot_count:I uptime_ms:Q refills:I events:I hours:I state_seq:I frames_accepted:I frames_rejected:I "
            "commands_repeated:I handshakes:I"
        ),
    ),
    "ReadRawSensors": (0x31, ""),
    "RawSensors": (0xB1, _SENSORS),
    "ReadKeySlots": (0x38, ""),
    "KeySlots": (0xB8, "slots:KeySlot*"),
    "ProvisionKey": (0x39, "kid:I role:B psk:32s"),
    "KeyProvisioned": (0xB9, "kid:I"),
    "RevokeKey": (0x3A, "kid:I"),
    "KeyRevoked": (0xBA, "kid:I"),
    "ErrorReply": (0xFF, "reason:B detail:I"),
}
"""Every message: its opcode, and its fields in wire order as ``name:type``.

A type is one of ``struct``'s, ``8s`` for bytes (hexadecimal in the file), ``16t`` for text filled up with NUL, ``blob``
for bytes behind their number in two bytes, the name of a part, or that with a ``*`` for any number behind their count.
"""


def pack(layout: str, fields: dict[str, Any]) -> bytes:
    """``fields`` in the order and with the types of a ``layout``."""
    return b"".join(pack_one(kind, fields[name]) for name, kind in (field.split(":") for field in layout.split()))


def pack_one(kind: str, value: Any) -> bytes:
    """One field."""
    if kind.endswith("*"):
        return bytes([len(value)]) + b"".join(pack(RECORDS[kind[:-1]], item) for item in value)
    if kind in RECORDS:
        return pack(RECORDS[kind], value)
    if kind == "blob":
        return struct.pack(">H", len(value) // 2) + bytes.fromhex(value)
    if kind.endswith("t"):
        return struct.pack(f"{kind[:-1]}s", value.encode())
    return struct.pack(">" + kind, bytes.fromhex(value) if kind.endswith("s") else value)


def payload(frame: dict[str, Any]) -> bytes:
    """The payload of one entry of the file."""
    opcode, layout = LAYOUTS[frame["message"]]
    return struct.pack(">HB", frame["seq"], opcode) + pack(layout, frame["fields"])


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


def typed(name: str, layout: str, fields: dict[str, Any]) -> Any:
    """The file's fields as the message's, or part's, own class."""
    kinds = dict(field.split(":") for field in layout.split())
    made: type[Any] = getattr(protocol_messages, name)
    return made(**{field: typed_one(field, kinds[field], value) for field, value in fields.items()})


def typed_one(field: str, kind: str, value: Any) -> Any:
    """One field's value as its class has it."""
    if kind.endswith("*"):
        return tuple(typed(kind[:-1], RECORDS[kind[:-1]], item) for item in value)
    if kind in RECORDS:
        return typed(kind, RECORDS[kind], value)
    if kind.endswith("s") or kind == "blob":
        return Secret(bytes.fromhex(value)) if field == "psk" else bytes.fromhex(value)
    enumerations: dict[str, Callable[[Any], Any]] = {
        "mode": Mode,
        "alarms": Alarms,
        "news": Alarms,
        "active": Alarms,
        "reason": Reason,
        "outcome": Outcome,
        "priority": AlarmPriority,
        "role": Role,
        "latched": bool,
        "acknowledged": bool,
        "enabled": bool,
        "flow_valid": bool,
    }
    return enumerations.get(field, lambda plain: plain)(value)


def test_the_oracle_computes_the_published_values() -> None:
    """The oracle's own CRC and stuffing agree with the published examples, so that it may judge."""
    assert crc_32c(b"123456789") == 0xE3069283
    assert stuff(b"\x11\x22\x00\x33") == b"\x03\x11\x22\x02\x33"
    assert stuff(bytes(range(0x02, 0x100)) + b"\x00") == b"\xff" + bytes(range(0x02, 0x100)) + b"\x01\x01"


def test_every_message_has_a_golden_frame() -> None:
    """A message that is added gets its frame in the file."""
    assert {frame["message"] for frame in FRAMES} == {message.__name__ for message in MESSAGES.values()} == set(LAYOUTS)


@pytest.mark.parametrize("frame", FRAMES, ids=NAMES)
def test_the_golden_wire_is_what_an_independent_encoder_writes(frame: dict[str, Any]) -> None:
    """The file's bytes follow from its fields by struct, bitwise CRC and hand-written COBS alone."""
    assert frame["wire"] == on_the_wire(b"\x01\x00" + payload(frame)).hex()


@pytest.mark.parametrize("frame", FRAMES, ids=NAMES)
def test_the_protocol_writes_and_reads_the_golden_wire(frame: dict[str, Any]) -> None:
    """The declarations encode the file's fields to its bytes, and decode them back."""
    wire = bytes.fromhex(frame["wire"])
    message = typed(frame["message"], LAYOUTS[frame["message"]][1], frame["fields"])
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
