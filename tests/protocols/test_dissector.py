"""The dissector in Wireshark's own hands: tshark shows every field of every message, and the CRC's verdict."""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cobs import cobs

from protocols.channel import OpenChannel
from protocols.declaration import fields_of
from protocols.dissector import dissector_lua
from protocols.framing import encode_frame
from protocols.messages import MESSAGES, Message, encode_message
from protocols.vectors import examples, vectors

_ON_THE_WIRE, _DECRYPTED = 147, 148

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark (Debian package tshark) is not installed"
)


def _dissected(folder: Path, packets: list[bytes], link_type: int = _ON_THE_WIRE) -> list[dict[str, Any]]:
    """What tshark makes of each packet: its layers, with all their fields by filter name."""
    capture, script = folder / "frames.pcap", folder / "pumprig.lua"
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link_type)
    records = [struct.pack("<IIII", n, 0, len(each), len(each)) + each for n, each in enumerate(packets)]
    capture.write_bytes(header + b"".join(records))
    script.write_text(dissector_lua(), encoding="utf-8")
    command = ["tshark", "-X", f"lua_script:{script}", "-r", str(capture), "-T", "ek"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Lua" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["layers"].get("pumprig", {}) for line in lines if "layers" in line]


def _wire(message: Message, seq: int = 0) -> bytes:
    return encode_frame(OpenChannel().seal(encode_message(seq, message)))


def _expected(message: Message) -> dict[str, Any]:
    """Filter name and text of every plain field."""
    shown: dict[str, Any] = {}
    for field in fields_of(type(message)):
        value = getattr(message, field.name)
        name = f"pumprig_{type(message).__name__}_{field.name}".lower()
        match field.kind:
            case "integer" | "enumeration":
                shown[name] = int(value)
            case "flags":
                shown[name] = int(value)
            case "bytes" | "secret":
                shown[name] = bytes(value).hex(":")
            case "text":
                shown[name] = value
    return shown


def _plain(value: Any) -> Any:
    """Tshark writes numbers as text, some of them in hexadecimal."""
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            return value
    return value


def test_every_message_comes_out_field_by_field(tmp_path: Path) -> None:
    """Names, numbers and texts of all messages, smallest to largest; the CRC is good, and nothing is malformed."""
    messages = [message for kind in MESSAGES.values() for message in examples(kind)]
    dissected = _dissected(tmp_path, [_wire(message, n) for n, message in enumerate(messages)])
    assert len(dissected) == len(messages)
    for number, (message, layers) in enumerate(zip(messages, dissected, strict=True)):
        lowered = {name.lower(): value for name, value in layers.items()}
        assert _plain(lowered["pumprig_pumprig_seq"]) == number
        assert lowered["pumprig_pumprig_message"] == type(message).__name__
        assert lowered["pumprig_pumprig_crc_status"] == "good"
        assert "pumprig_pumprig_problem" not in lowered, message
        for name, value in _expected(message).items():
            shown = lowered.get("pumprig_" + name, "")  # an empty text is not shown at all
            assert _plain(shown) == value, (message, name)


def test_a_bad_crc_is_called_bad(tmp_path: Path) -> None:
    """Of every message one bit was turned on its way."""
    wires = []
    for kind in MESSAGES.values():
        whole = bytearray(cobs.decode(_wire(examples(kind)[-1])[:-1]))
        whole[3] ^= 0x10
        wires.append(cobs.encode(bytes(whole)) + b"\0")
    dissected = _dissected(tmp_path, wires)
    assert [layers["pumprig_pumprig_crc_status"] for layers in dissected] == ["bad"] * len(wires)


def test_what_is_no_frame_is_called_so(tmp_path: Path) -> None:
    """The vectors' rejected bytes, each with a problem or a bad CRC."""
    dissected = _dissected(tmp_path, [bytes.fromhex(each["wire"]) for each in vectors()["rejected"]])
    for layers in dissected:
        assert "pumprig_pumprig_problem" in layers or layers["pumprig_pumprig_crc_status"] == "bad"


def test_a_malformed_body_is_called_so(tmp_path: Path) -> None:
    """Short bodies, long ones, and opcodes that nobody has."""
    payloads = ["0005 01 00", "0006 04 0000", "1234 7e"]
    wires = [encode_frame(OpenChannel().seal(bytes.fromhex(each))) for each in payloads]
    problems = [layers["pumprig_pumprig_problem"] for layers in _dissected(tmp_path, wires)]
    assert problems == ["malformed body", "malformed body", "unknown opcode"]


def test_a_body_that_is_cut_anywhere_is_called_malformed(tmp_path: Path) -> None:
    """The largest example of every message, cut behind each of its bytes; no script error, and no good verdict."""
    whole = [encode_message(1, examples(kind)[-1]) for kind in MESSAGES.values()]
    wires = [encode_frame(OpenChannel().seal(each[:cut])) for each in whole for cut in range(3, len(each))]
    problems = {layers.get("pumprig_pumprig_problem") for layers in _dissected(tmp_path, wires)}
    assert problems == {"malformed body"}


def test_decrypted_payloads_are_dissected_too(tmp_path: Path) -> None:
    """An export of a session holds payloads without frames."""
    messages = [examples(kind)[-1] for kind in MESSAGES.values()]
    dissected = _dissected(tmp_path, [encode_message(1, message) for message in messages], _DECRYPTED)
    assert [layers["pumprig_pumprig_message"] for layers in dissected] == [type(each).__name__ for each in messages]


def test_sealed_frames_show_session_and_counter(tmp_path: Path) -> None:
    """Without keys that is all there is to see."""
    frame = bytes.fromhex(vectors()["session"]["to_pump"][1]["frame"])
    (layers,) = _dissected(tmp_path, [encode_frame(frame)])
    assert _plain(layers["pumprig_pumprig_ctr"]) == 1
    assert layers["pumprig_pumprig_sid"] == "48:84:99:ca"
