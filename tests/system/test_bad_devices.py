"""A bench that does not behave: each run ends in one clear message, exit 3, and a recording that can be read."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil.recording.reader import Recording
from hil.shipped import shipped
from tests.command_line import Started
from tests.system.conftest import PumpRig, Serve

pytestmark = pytest.mark.system

Device = Callable[[bytes], bytes]


@pytest.fixture
def device() -> Iterator[Callable[[Device], str]]:
    """Start a device on a real pseudo-terminal that answers whatever it hears; gives the port's name."""
    descriptors: list[int] = []
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(answer: Device) -> str:
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        descriptors.extend((master, slave))

        def serve() -> None:
            while not stop.wait(0.005):
                try:
                    heard = os.read(master, 4096)
                    os.write(master, answer(heard))
                except BlockingIOError:
                    continue

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return os.ttyname(slave)

    yield start
    stop.set()
    for thread in threads:
        thread.join(timeout=5)
    for descriptor in descriptors:
        os.close(descriptor)


def bench_with_pump_at(port: str, tmp_path: Path) -> Path:
    """A bench file with a pump on ``port`` and no instruments."""
    text = shipped("benches/example-real.toml").read_text(encoding="utf-8")
    text = text.replace("/dev/serial/by-id/usb-FTDI_telemetry_head-if00-port0", port)
    head, _, rest = text.partition("[instruments.balance]")
    path = tmp_path / "bench.toml"
    path.write_text(head + "[environment]" + rest.partition("[environment]")[2], encoding="utf-8")
    return path


def only_error(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong with the bench."""
    assert result.returncode == 3, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("flow-accuracy: ")]
    assert len(lines) == 1, result.stdout
    return lines[0]


def recorded(tmp_path: Path) -> Recording:
    """The recording of the only run."""
    (folder,) = (tmp_path / "runs").iterdir()
    return Recording.open(folder / "run.mcap")


def test_missing_port(pumprig: PumpRig, tmp_path: Path) -> None:
    """A port that is not there is named, with the ports that are."""
    said = only_error(pumprig("run", "--bench", bench_with_pump_at("/dev/ttyNOWHERE7", tmp_path)))
    assert "/dev/ttyNOWHERE7: cannot be opened: No such file or directory; " in said
    assert "serial ports on this machine" in said


def test_device_that_says_nothing(pumprig: PumpRig, tmp_path: Path, device: Callable[[Device], str]) -> None:
    """Silence: the port, how often and how long it was asked, and what to check; what was sent is recorded."""
    port = device(lambda _: b"")
    said = only_error(pumprig("run", "--bench", bench_with_pump_at(port, tmp_path)))
    assert re.search(
        rf"{port}: no answer to Identify in 3 attempts of 1000 ms; nothing came; is the pump powered", said
    )
    assert [record.direction for record in recorded(tmp_path).records] == ["tx", "timeout"] * 3


def test_device_that_talks_garbage(pumprig: PumpRig, tmp_path: Path, device: Callable[[Device], str]) -> None:
    """Garbage: how much came, the first bytes of it, and a guess at the cause; it is all in the recording."""
    port = device(lambda _: b"\xde\xad\xbe\xef\x00garbage\x00")
    said = only_error(pumprig("run", "--bench", bench_with_pump_at(port, tmp_path)))
    assert re.search(r"\d+ bytes came that are no valid reply: b'\\xde\\xad\\xbe\\xef", said)
    assert "baud rate" in said
    assert b"garbage" in b"".join(record.data for record in recorded(tmp_path).records)


def test_port_in_use(pumprig: PumpRig, tmp_path: Path, device: Callable[[Device], str]) -> None:
    """A serial port that another program holds is refused with its name."""
    port = device(lambda _: b"")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import serial,time;p=serial.Serial({port!r},exclusive=True);print('held',flush=True);time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = only_error(pumprig("run", "--bench", bench_with_pump_at(port, tmp_path)))
        assert f"{port}: cannot be opened: another program holds it" in said
    finally:
        holder.kill()
        holder.communicate()


def test_other_pump_than_the_bench_file_names(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path
) -> None:
    """The rig refuses to test a pump that it was not told to test."""
    serve(served_file)
    port = served_file.read_text(encoding="utf-8").split("[serve]")[1].split('pump = { tcp = "')[1].split('"')[0]
    bench = bench_with_pump_at(f"socket://{port}", tmp_path)
    bench.write_text(bench.read_text(encoding="utf-8").replace("SN0042", "SN0099"), encoding="utf-8")
    said = only_error(pumprig("run", "--bench", bench))
    assert "pump SN0042 answers, but" in said
    assert "is for SN0099" in said


def test_bench_without_a_balance_skips_and_says_so(
    pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path
) -> None:
    """A procedure whose instrument is missing is skipped with the reason: nothing ran, exit 5."""
    serve(served_file)
    port = served_file.read_text(encoding="utf-8").split("[serve]")[1].split('pump = { tcp = "')[1].split('"')[0]
    result = pumprig("run", "--bench", bench_with_pump_at(f"socket://{port}", tmp_path))
    assert result.returncode == 5, result.stdout + result.stderr
    assert "the bench file has no [instruments.balance]" in result.stdout


def wait_for_recording(tmp_path: Path) -> Path:
    """The recording of a run in progress, once it holds something to lose."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        for path in (tmp_path / "runs").glob("*/run.mcap"):
            if path.stat().st_size > 10_000 and len(Recording.open(path).records) > 60:
                return path
        time.sleep(0.05)
    pytest.fail("the run never recorded anything")


def start_slow_run(served_file: Path, tmp_path: Path) -> Started:
    """A run on a bench at 600 times real time: it lasts until it is stopped."""
    return Started(["run", "--bench", served_file], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_killed_run_keeps_what_was_recorded(pumprig: PumpRig, serve: Serve, served_file: Path, tmp_path: Path) -> None:
    """Kill -9 in mid-run: every whole record is readable, and info says where the file was cut."""
    serve(served_file, "--rate", "600")
    run = start_slow_run(served_file, tmp_path)
    path = wait_for_recording(tmp_path)
    run.kill()
    run.communicate()
    recording = Recording.open(path)
    assert not recording.complete
    assert len(recording.records) > 50
    told = pumprig("info", path)
    assert told.returncode == 0, told.stderr
    assert f"cut short at byte {recording.truncated_at}" in told.stdout


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_ends_in_order(serve: Serve, served_file: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, a polite kill, a closed terminal: exit 130, no traceback, a closed recording, a manifest that says so."""
    serve(served_file, "--rate", "600")
    run = start_slow_run(served_file, tmp_path)
    path = wait_for_recording(tmp_path)
    run.send_signal(number)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert "interrupted" in out
    assert Recording.open(path).complete
    assert '"verdict": "error"' in (path.parent / "manifest.json").read_text(encoding="utf-8")


def test_socket_that_hangs_up_in_the_middle(pumprig: PumpRig, tmp_path: Path) -> None:
    """A telemetry server that closes the connection is reported as lost, at once and by name."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(10)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = server.getsockname()[1]
        said = only_error(pumprig("run", "--bench", bench_with_pump_at(f"socket://127.0.0.1:{port}", tmp_path)))
    assert f"socket://127.0.0.1:{port}: lost while" in said
