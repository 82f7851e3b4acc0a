"""Recording a wire: over a real socket, from a pump at the other end, until told to stop."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.errors import LinkError, UsageError
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.recorder.record import record
from hil.recorder.record_settings import RecordSettings, subscription_period_s
from hil.recorder.tally import Tally
from hil.recording.reader import Recording
from hil.recording.stream import RecordingStream
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import Alarms, Message, Mode, Sampled, encode_message

BEGAN = threading.Event()
GARBAGE = b"\x05garbage\x00"


def wire(number: int) -> bytes:
    """A notice as it goes over the wire."""
    notice: Message = Sampled(
        number, Mode.MONITORING, Alarms(0), 1, 1000, 37_000, 150_000, 0, 101_325, 30_000_000, 3000
    )
    return encode_frame(OpenChannel().seal(encode_message(1, notice)))


class Watcher:
    """Types what it is told to, and stops when so many frames and rejections were seen."""

    def __init__(self, until: int, typed: list[str]) -> None:
        self.typed = typed
        self.tally = Tally()
        self.until = until

    def began(self, path: Path, settings: RecordSettings) -> None:
        """It is recorded from now on: what comes while a port is being opened is dropped by pyserial."""
        del path, settings
        BEGAN.set()

    def looked(self, now_ms: int, tally: Tally) -> None:
        """Keep what is known."""
        del now_ms
        self.tally = tally

    def lines(self) -> list[str]:
        """All at once, when the first bytes are there."""
        if not self.tally.bytes:
            return []
        typed, self.typed = self.typed, []
        return typed

    def should_stop(self) -> bool:
        """Whether enough has come."""
        return self.tally.frames + self.tally.rejected >= self.until and not self.typed


@pytest.fixture
def far_end() -> Iterator[tuple[str, socket.socket]]:
    """A link's name, and the socket that serves it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"socket://127.0.0.1:{server.getsockname()[1]}", server


def serve(server: socket.socket, pieces: list[bytes], heard: list[bytes], *, hang_up: bool) -> threading.Thread:
    """A device that says ``pieces``; what it hears goes into ``heard``."""

    def run() -> None:
        connection, _ = server.accept()
        with connection:
            BEGAN.wait(5)
            for piece in pieces:
                connection.sendall(piece)
            while not hang_up and (data := connection.recv(4096)):
                heard.append(data)

    BEGAN.clear()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def read(path: Path, topic: str) -> list[dict[str, Any]]:
    """The JSON of one topic."""
    with RecordingStream.open(path) as stream:
        return [json.loads(message.data) for message in stream.messages([topic])]


def test_listening_keeps_all_and_writes_nothing(tmp_path: Path, far_end: tuple[str, socket.socket]) -> None:
    """Every byte, what it means, what was rejected and where, what is missing, notes and marks; silence to the pump."""
    link, server = far_end
    heard: list[bytes] = []
    said = [wire(0), wire(1)[:10], wire(1)[10:] + GARBAGE, wire(4)]
    thread = serve(server, said, heard, hang_up=False)
    settings = RecordSettings(link, tmp_path / "a.mcap", SerialSettings(), notes=("before",))
    path, tally = record(settings, Watcher(4, ["valve opened\n", "m\n"]), open_link)
    thread.join(5)
    assert heard == []
    recording = Recording.open(path)
    assert recording.complete
    assert b"".join(each.data for each in recording.records) == b"".join(said)
    assert [note.text for note in recording.notes] == ["before", "valve opened", "mark 2"]
    assert [each["number"] for each in read(path, "/pump/sampled")] == [0, 1, 4]
    (rejected,) = read(path, "/wire/pump/rejected")
    assert rejected["offset"] == len(wire(0) + wire(1))
    assert bytes.fromhex(rejected["bytes"]) == GARBAGE[:-1]
    (gap,) = read(path, "/gaps")
    assert (gap["kind"], gap["missing"]) == ("notices", 2)
    (counted,) = read(path, "/wire/pump/counted")
    assert counted == {"time_ms": counted["time_ms"], "sent_bytes": 0, "received_bytes": len(b"".join(said))}
    assert (tally.frames, tally.rejected, tally.gaps) == (3, 1, 1)


def test_wall_time_and_bench_time_are_both_kept(tmp_path: Path, far_end: tuple[str, socket.socket]) -> None:
    """On a real wire each message has the system's clock beside bench time."""
    link, server = far_end
    serve(server, [wire(0)], [], hang_up=False)
    path, _ = record(RecordSettings(link, tmp_path / "a.mcap", SerialSettings()), Watcher(1, []), open_link)
    with RecordingStream.open(path) as stream:
        for message in stream.messages():
            bench_utc_ms = stream.start_utc_ms + message.time_ms
            assert abs(message.wall_utc_ns / 1e6 - bench_utc_ms) < 1000
            assert message.wall_utc_ns % 1_000_000, "of a finer grain than bench time"


def test_lost_port_leaves_a_whole_recording(tmp_path: Path, far_end: tuple[str, socket.socket]) -> None:
    """The device hangs up: said as such, and what came before is kept and closed."""
    link, server = far_end
    serve(server, [wire(0)], [], hang_up=True)
    path = tmp_path / "a.mcap"
    with pytest.raises(LinkError, match="lost while reading"):
        record(RecordSettings(link, path, SerialSettings()), Watcher(99, []), open_link)
    recording = Recording.open(path)
    assert recording.complete
    assert [each.direction for each in recording.records] == ["rx", "lost"]
    assert "lost while reading" in recording.notes[0].text


def test_port_that_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    """Nothing was recorded, so there is no recording."""
    settings = RecordSettings("/dev/no-such-port", tmp_path / "out" / "a.mcap", SerialSettings())
    with pytest.raises(LinkError, match="/dev/no-such-port: cannot be opened"):
        record(settings, Watcher(1, []), open_link)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "0s", "1.5s", "19h", "fast"])
def test_period_that_no_pump_takes_is_refused(text: str) -> None:
    """Whole seconds, as the protocol has them."""
    with pytest.raises(UsageError, match="--subscribe"):
        subscription_period_s(text)
