"""Wireshark opens a pcapng export with our dissector: every frame is there, and its fields are ours."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hil.export.export import Part, export
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from protocols.dissector import dissector_lua
from tests.golden_recordings import FOLDER
from tests.hil.export.recorded import START_UTC_MS, decoded

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark (Debian package tshark) is not installed"
)
_DIRECTIONS = {"rx": 1, "tx": 2}
_PLAIN = ("number", "sample_count", "temperature_mc", "reservoir_pa", "outlet_pa", "bellows_nl", "battery_mv")


def _packets(folder: Path, name: str, **selected: Any) -> list[dict[str, Any]]:
    """What tshark shows of each packet."""
    capture, script = folder / f"{name}.pcapng", folder / "pumprig.lua"
    script.write_text(dissector_lua(), encoding="utf-8")
    with Telemetry.open(FOLDER / f"{name}.mcap") as telemetry:
        export([Part(telemetry, Selection.parse(telemetry.stream.start_utc_ms, **selected))], "pcapng", capture)
    command = ["tshark", "-X", f"lua_script:{script}", "-r", str(capture), "-T", "ek"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Lua" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["layers"] for line in lines if "layers" in line]


def _frames(packets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that have bytes."""
    return [packet for packet in packets if packet["frame"]["frame_frame_interface_name"] != "remarks"]


def _said(packet: dict[str, Any], name: str) -> Any:
    lowered = {key.lower(): value for key, value in packet.get("pumprig", {}).items()}
    return lowered.get(f"pumprig_pumprig_{name}")


def test_frames_of_an_open_wire(tmp_path: Path) -> None:
    """Messages and rejected bytes, one packet each in their order; names, times, directions and fields."""
    packets = _frames(_packets(tmp_path, "corrupted-wire"))
    rows = [row for row in decoded(FOLDER / "corrupted-wire.mcap") if "direction" in row and row["type"] != "gaps"]
    assert len(packets) == len(rows)
    for packet, row in zip(packets, rows, strict=True):
        assert packet["frame"]["frame_frame_interface_name"] == "pump"
        assert float(packet["frame"]["frame_frame_time_epoch"]) * 1000 == START_UTC_MS + row["time_ms"]
        assert int(packet["frame"]["frame_frame_packet_flags_direction"], 0) == _DIRECTIONS[row["direction"]]
        if row["type"] == "rejected":
            assert _said(packet, "problem") is not None or _said(packet, "crc_status") == "bad"
            continue
        assert _said(packet, "message").lower() == row["type"].replace("_", "")
        assert _said(packet, "crc_status") == "good"
        if row["type"] == "sampled":
            for name in _PLAIN:
                assert int(_said(packet, f"sampled_{name}"), 0) == row[name]


def test_a_filter_takes_packets_too(tmp_path: Path) -> None:
    """By type and field."""
    packets = _packets(tmp_path, "occlusion", types=["sampled"], where=["alarms~OCCLUSION"])
    rows = decoded(FOLDER / "occlusion.mcap", Selection.parse(0, types=["sampled"], where=["alarms~OCCLUSION"]))
    assert len(packets) == len(rows) > 0
    assert {_said(packet, "message") for packet in packets} == {"Sampled"}


def test_sealed_frames_and_their_payloads(tmp_path: Path) -> None:
    """Of a session whose keys are recorded: the frame as it went, and behind it what was in it."""
    packets = _frames(_packets(tmp_path, "attacked-link"))
    rows = [row for row in decoded(FOLDER / "attacked-link.mcap") if "direction" in row and row["type"] != "gaps"]
    sealed = [row for row in rows if row.get("counter") is not None and row["type"] != "sealed"]
    payloads = [packet for packet in packets if _said(packet, "message") and _said(packet, "crc_status") is None]
    assert len(packets) == len(rows) + len(sealed)
    assert [_said(packet, "message").lower() for packet in payloads] == [row["type"].replace("_", "") for row in sealed]
    kinds = Counter(row["type"] for row in rows)
    assert kinds["session"] > 0
    assert len(payloads) == len(sealed) > 50


def test_what_is_said_at_the_end_is_a_packet_without_complaint(tmp_path: Path) -> None:
    """The dissector knows the empty packet, and Wireshark shows its comments."""
    (*_, last) = _packets(tmp_path, "corrupted-wire")
    assert last["frame"]["frame_frame_len"] == "0"
    said = json.dumps(last)
    assert "counted: time_ms 69955250, wire pump, sent_bytes 2184" in said
    assert "Undecoded" not in said
