"""What is said beside the frames is in a pcapng export, as a reader written by the specification alone finds it."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hil.export.export import Part, export
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.recording.writer import RecordingWriter
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import ReadStatus, encode_message
from tests.hil.export.recorded import START_UTC_MS

_FRAME = encode_frame(OpenChannel().seal(encode_message(1, ReadStatus())))


class _Packet(NamedTuple):
    time_ms: int
    data: bytes
    comments: list[str]


def _packets(path: Path) -> list[_Packet]:
    found = []
    for kind, body in _blocks(path.read_bytes()):
        if kind == 6:
            _, high, low, captured, original = struct.unpack_from("<IIIII", body)
            assert captured == original
            options = list(_options(body[20 + captured + -captured % 4 :]))
            comments = [value.decode() for code, value in options if code == 1]
            found.append(_Packet((high << 32 | low) - START_UTC_MS, body[20 : 20 + captured], comments))
    return found


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        kind, length = struct.unpack_from("<II", data, place)
        assert struct.unpack_from("<I", data, place + length - 4) == (length,)
        assert length % 4 == 0
        assert length < 16 << 20, "Wireshark reads no block of 16 MiB"
        yield kind, data[place + 8 : place + length - 4]
        place += length


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        code, length = struct.unpack_from("<HH", data, place)
        if code == 0:
            return
        yield code, data[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4


def _exported(folder: Path, said: list[tuple[int, str | bytes]]) -> list[_Packet]:
    """The packets of a recording of notes and frames."""
    writer = RecordingWriter(
        folder / "r.mcap", start_utc_ms=START_UTC_MS, metadata={}, attachments={}, pump_wires=("pump",)
    )
    for time_ms, what in said:
        if isinstance(what, str):
            writer.note(time_ms, what)
        else:
            writer.write("pump", "tx", time_ms, what)
    writer.close()
    with Telemetry.open(folder / "r.mcap") as telemetry:
        export([Part(telemetry, Selection())], "pcapng", folder / "r.pcapng")
    return _packets(folder / "r.pcapng")


def test_what_is_said_after_the_last_frame_is_kept(tmp_path: Path) -> None:
    """On an empty packet behind the last; what came before a frame is on that frame."""
    packets = _exported(tmp_path, [(10, "before"), (1000, _FRAME), (2000, "it fell"), (3000, "it lay there")])
    assert packets == [
        _Packet(1000, _FRAME, ["notes: time_ms 10, text before"]),
        _Packet(3000, b"", ["notes: time_ms 2000, text it fell", "notes: time_ms 3000, text it lay there"]),
    ]


def test_a_recording_without_frames_keeps_what_was_said(tmp_path: Path) -> None:
    """There is a packet for it although no wire has one."""
    assert _exported(tmp_path, [(10, "nothing came")]) == [_Packet(10, b"", ["notes: time_ms 10, text nothing came"])]


@pytest.mark.parametrize("character", ["x", "é", "€", "💉"])
def test_a_long_remark_goes_over_several_comments(tmp_path: Path, character: str) -> None:
    """A comment holds at most 65 535 bytes; each is UTF-8 of its own, and joined they are the remark."""
    text = character * 70_000
    (packet,) = _exported(tmp_path, [(10, text), (1000, _FRAME)])
    assert "".join(packet.comments) == f"notes: time_ms 10, text {text}"
    assert len(packet.comments) == len(text.encode()) // 65_536 + 1


def test_no_packet_is_too_large_for_its_readers(tmp_path: Path) -> None:
    """More remarks than fit into one block are on several packets, and none is lost."""
    packets = _exported(tmp_path, [*((number, f"{number} {'x' * 65_000}") for number in range(300)), (1000, _FRAME)])
    said = [comment for packet in packets for comment in packet.comments]
    assert [int(comment.split()[4]) for comment in said] == list(range(300))
