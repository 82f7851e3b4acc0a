"""``pumprig record`` as a process of its own: beside a served pump, in a pipe and on a terminal."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from mcap.exceptions import EndOfFile
from mcap.records import Channel, Message
from mcap.stream_reader import StreamReader

from tests.command_line import Started
from tests.system.conftest import PumpRig, Serve

pytestmark = [pytest.mark.system, pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")]

_ENOUGH_BYTES = 20_000


@pytest.fixture
def link(serve: Serve, served_file: Path) -> str:
    """Of a pump that lives sixty times as fast as we."""
    serve(served_file, "--rate", "60")
    return str(tomllib.loads(served_file.read_text(encoding="utf-8"))["pump"]["link"])


@pytest.fixture
def command(link: str, tmp_path: Path) -> list[str]:
    """Record one notice a second of the pump's time."""
    out = str(tmp_path / "wire.mcap")
    return ["record", "--link", link, "--subscribe", "1s", "--note", "bench 3", "--out", out]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of the recorder."""
    return {**os.environ, "PUMPRIG_STATE_DIR": str(tmp_path / "state"), "TERM": "xterm", "COLUMNS": "160"}


def wait_until_recorded(path: Path, what: bytes = b"") -> None:
    """Until a good many notices are in the file, and ``what``."""
    until = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < _ENOUGH_BYTES or what not in path.read_bytes():
        assert time.monotonic() < until, f"{what!r} is not recorded"
        time.sleep(0.05)


def messages(path: Path) -> list[str]:
    """The topics of the pump's messages, one by one, by mcap's own reader of a stream, up to where the file was cut."""
    topics: dict[int, str] = {}
    found: list[str] = []
    with path.open("rb") as file, contextlib.suppress(EndOfFile):
        for record in StreamReader(file).records:
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Message) and topics[record.channel_id].startswith("/pump/"):
                assert json.loads(record.data)["frame"]["session"] is None
                found.append(topics[record.channel_id])
    return found


def test_ctrl_c_ends_a_recording_in_order(
    command: list[str], environment: dict[str, str], tmp_path: Path, pumprig: PumpRig
) -> None:
    """What it counts is what mcap's own reader finds, and it verifies."""
    process = Started(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until_recorded(tmp_path / "wire.mcap")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 0, said
    (counted,) = (line for line in said.splitlines() if line.startswith("recorded"))
    found = messages(tmp_path / "wire.mcap")
    assert int(counted.split()[1]) == len(found)
    assert found.count("/pump/sampled") > 5
    assert "0 rejected, 0 gaps" in counted
    verified = pumprig("verify", "wire.mcap")
    assert verified.returncode == 0, verified.stdout


def test_notes_and_marks_are_typed_on_a_terminal(
    command: list[str], environment: dict[str, str], tmp_path: Path, pumprig: PumpRig
) -> None:
    """The live line says what came; what was typed meanwhile is in the recording, behind the note it began with."""
    ours, theirs = pty.openpty()
    process = Started(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        wait_until_recorded(tmp_path / "wire.mcap")
        os.write(ours, b"tapped the bench\nm\n")
        wait_until_recorded(tmp_path / "wire.mcap", b"mark 2")
        process.send_signal(signal.SIGINT)
        shown = b""
        while process.poll() is None or not shown:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # Linux says so when nobody has the other end any more
                break
        process.wait(timeout=60)
    finally:
        process.kill()
        os.close(ours)
    text = shown.decode(errors="replace")
    assert process.returncode == 0, text
    assert "frames (" in text, text
    listed = pumprig("info", "wire.mcap").stdout
    assert re.findall(r"note +at \d+ ms: (.*)", listed) == ["bench 3", "tapped the bench", "mark 2"], listed


def test_what_was_recorded_outlives_its_recorder(
    command: list[str], environment: dict[str, str], tmp_path: Path, pumprig: PumpRig
) -> None:
    """After a kill -9 mcap's own reader reads up to the cut, and so do we, who say that it was cut short."""
    process = Started(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / "wire.mcap"
    try:
        wait_until_recorded(path)
    finally:
        process.kill()
        process.communicate()
    found = messages(path)
    shown = pumprig("info", path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "it was never closed" in shown.stdout
    for topic in set(found):
        assert re.search(rf"{topic} +{found.count(topic)} messages", shown.stdout), (topic, shown.stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--wire", "a/b"), "--wire a/b: a wire's name must be a word without a slash"),
        (("--wire", ""), "--wire : a wire's name"),
        (("--wire", "recorder"), "--wire recorder: "),
        (("--wire", "w" * 300), "at most 64 characters"),
        (("--session", "key-file", "--subscribe", "1s"), "--session key-file needs --key-file FILE"),
        (("--session", "key-file", "--key-file", "k.toml", "--subscribe", "1s"), "k.toml: cannot be read as a key"),
        (("--session", "insecure-test-key"), "--session insecure-test-key goes with --subscribe"),
        (("--key-file", "k.toml"), "--key-file k.toml: goes with --session key-file"),
        (("--raw", "--subscribe", "1s"), "--subscribe needs a pump"),
        (("--duration", "0s"), "--duration 0s: nothing would be recorded"),
        (("--duration", "fast"), "--duration fast: this is no time"),
        (("--out", "there.mcap"), "--out there.mcap: is there already"),
        (("--out", "there.txt"), "--out there.txt: is no folder"),
        (("--link", "foo://"), "--link foo://: this is no link; write a serial port"),
        (("--link", "socket://127.0.0.1"), "--link socket://127.0.0.1: this is no link"),
        (("--link", "sim:pump"), "--link sim:pump: a simulated device lives inside a run"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(
    pumprig: PumpRig, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """Exit 2 and one line that names the option; no file is made, and nobody is called at the port."""
    for name in ("there.mcap", "there.txt"):
        (tmp_path / name).touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = f"socket://127.0.0.1:{server.getsockname()[1]}"
        result = pumprig("record", "--link", link, *options)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["there.mcap", "there.txt"]
