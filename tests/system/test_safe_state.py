"""However a run ends, the bench is brought to its safe state within two seconds, and that is read back."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Serve

pytestmark = pytest.mark.system

_WITHIN_S = 2.0
_PROCEDURE = """
import os, time
import pytest
from hil.bench import Bench

@pytest.mark.procedure("heat")
def test_heat(bench: Bench, bath):
    bath.set_point(41.0)
    bath.start()
    open(r"{marker}", "w").close()
    {then}
"""
_ENDS = {
    "pass": "time.sleep(0.1)",
    "exception": "raise RuntimeError('on purpose')",
    "exit": "os._exit(0)",
    "wait": "time.sleep(600)",
    "stubborn": "\n    ".join(
        (
            "while True:",
            "    try:",
            "        time.sleep(600)",
            "    except KeyboardInterrupt:",
            "        pass",
        )
    ),
}


class Bath:
    """The bath of a served bench, asked by a plain socket."""

    def __init__(self, bench_file: Path) -> None:
        text = bench_file.read_text(encoding="utf-8")
        self._port = int(text.split("socket://127.0.0.1:")[1].split('"')[0])

    def ask(self, command: bytes) -> float:
        """One number."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=5) as link:
            link.sendall(command + b"\r")
            return float(link.recv(100))

    def is_safe(self) -> bool:
        """Stopped, at 25 C."""
        return self.ask(b"in_mode_05") == 0.0 and self.ask(b"in_sp_00") == 25.0

    def becomes_safe_within(self, seconds: float) -> float:
        """How long it took; fails if it was longer."""
        begin = time.monotonic()
        while not self.is_safe():
            assert time.monotonic() - begin < seconds, "the bath is not safe"
            time.sleep(0.05)
        return time.monotonic() - begin


class Runner:
    """``pumprig run`` of one procedure on a served bench, in a process of its own."""

    def __init__(self, bench_file: Path, folder: Path, end: str) -> None:
        self.folder = folder
        marker = folder / "heating"
        marker.unlink(missing_ok=True)
        procedure = folder / "test_heat.py"
        procedure.write_text(_PROCEDURE.format(marker=marker, then=_ENDS[end]), encoding="utf-8")
        command = [sys.executable, "-m", "cli", "run", str(procedure), "--bench", str(bench_file)]
        self.process = subprocess.Popen(
            [*command, "--out", str(folder / "runs")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PUMPRIG_STATE_DIR": str(folder / "state")},
            text=True,
        )
        deadline = time.monotonic() + 60
        while not marker.exists():
            assert time.monotonic() < deadline, "the procedure never began"
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.02)

    def manifest(self) -> dict[str, Any]:
        """Of its only run."""
        (run,) = (self.folder / "runs").iterdir()
        found: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        return found

    def finish(self) -> int:
        """Wait for its end."""
        return self.process.wait(timeout=60)


@pytest.fixture
def bath(serve: Serve, served_file: Path) -> Bath:
    """The bath of a bench that is served in real time."""
    serve(served_file, "--rate", "1")
    return Bath(served_file)


Run = Callable[[Path, Path, str], Runner]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start runs; what is left of them is cleared away."""
    runners: list[Runner] = []

    def start(bench_file: Path, folder: Path, end: str) -> Runner:
        runners.append(Runner(bench_file, folder, end))
        return runners[-1]

    yield start
    for runner in runners:
        runner.process.kill()
        runner.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where runs and states of one test go."""
    place = tmp_path / "work"
    place.mkdir()
    return place


@pytest.mark.parametrize(
    ("end", "exit_code", "verdict"),
    [("pass", 0, "pass"), pytest.param("exception", 3, "error", marks=pytest.mark.soak)],
)
def test_a_run_that_ends_leaves_the_bench_safe(
    run: Run, bath: Bath, served_file: Path, folder: Path, end: str, exit_code: int, verdict: str
) -> None:
    """Passed or broken: when it is over the bath is stopped, and the manifest says that it was read back."""
    runner = run(served_file, folder, end)
    assert runner.finish() == exit_code
    assert bath.is_safe()
    manifest = runner.manifest()
    assert manifest["verdict"] == verdict
    assert manifest["safe_state"]["confirmed"] is True
    assert manifest["safe_state"]["instruments"][0]["found"] == "stopped at 25.00 C"


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGINT, signal.SIGINT],
        pytest.param([signal.SIGINT], marks=pytest.mark.soak),
        pytest.param([signal.SIGTERM], marks=pytest.mark.soak),
    ],
    ids=str,
)
def test_an_interrupted_run_leaves_the_bench_safe(
    run: Run, bath: Bath, served_file: Path, folder: Path, signals: list[signal.Signals]
) -> None:
    """Ctrl-C once, twice, or SIGTERM: exit 130, the bath safe, a manifest."""
    runner = run(served_file, folder, "wait")
    for number in signals:
        runner.process.send_signal(number)
        time.sleep(0.2)
    bath.becomes_safe_within(_WITHIN_S)
    assert runner.finish() == 130
    assert runner.manifest()["safe_state"]["confirmed"] is True


@pytest.mark.parametrize("end", ["wait", pytest.param("exit", marks=pytest.mark.soak)])
def test_a_dead_runner_leaves_the_bench_safe(run: Run, bath: Bath, served_file: Path, folder: Path, end: str) -> None:
    """Killed, or gone by ``os._exit``: the supervisor alone makes the bath safe, and says so in the folder."""
    runner = run(served_file, folder, end)
    if end == "wait":
        runner.process.kill()
    bath.becomes_safe_within(_WITHIN_S)
    (made,) = (folder / "runs").iterdir()
    deadline = time.monotonic() + 5
    while not (made / "safe-state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    (step,) = json.loads((made / "safe-state.json").read_text(encoding="utf-8"))
    assert step["problem"] == ""


def test_a_hung_run_is_killed_and_the_bench_made_safe(run: Run, bath: Bath, served_file: Path, folder: Path) -> None:
    """A procedure that neither ends nor uses any wire, nor hears Ctrl-C, hangs: its process is killed."""
    text = served_file.read_text(encoding="utf-8")
    served_file.write_text(text + "\n[safe_state]\nhang_s = 2\n", encoding="utf-8")
    runner = run(served_file, folder, "stubborn")
    runner.process.send_signal(signal.SIGINT)
    bath.becomes_safe_within(10.0)
    assert runner.finish() == -signal.SIGKILL


def test_an_unplugged_instrument_keeps_the_next_run_out(
    run: Run, serve: Serve, served_file: Path, folder: Path
) -> None:
    """What could not be made safe is said; no run starts until somebody confirms that it is."""
    server = serve(served_file, "--rate", "1")
    runner = run(served_file, folder, "wait")
    server.kill()
    server.wait()
    runner.process.kill()
    state = folder / "state"
    deadline = time.monotonic() + 20
    while not any(json.loads(each.read_text())["steps"] for each in state.glob("*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    environment = {**os.environ, "PUMPRIG_STATE_DIR": str(state)}
    serve(served_file, "--rate", "1")

    def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)

    refused = cli("run", str(folder / "test_heat.py"), "--bench", str(served_file), "--out", str(folder / "refused"))
    assert refused.returncode == 3
    assert "was not left in its safe state" in refused.stdout
    assert f"pumprig bench safe {served_file}" in refused.stdout
    confirmed = cli("bench", "safe", str(served_file))
    assert confirmed.returncode == 0, confirmed.stdout + confirmed.stderr
    assert "confirmed: stopped at 25.00 C" in confirmed.stdout
    assert Bath(served_file).is_safe()


def test_two_runs_do_not_share_a_bench(run: Run, bath: Bath, served_file: Path, folder: Path) -> None:
    """The second is told who has it, and touches nothing."""
    runner = run(served_file, folder, "wait")
    second = subprocess.run(
        [sys.executable, "-m", "cli", "run", "--bench", str(served_file), "--out", str(folder / "second")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PUMPRIG_STATE_DIR": str(folder / "state")},
        timeout=60,
    )
    assert second.returncode == 3
    assert f"in use by process {runner.process.pid}" in second.stdout
    assert not bath.is_safe()
    runner.process.send_signal(signal.SIGINT)
    runner.finish()
    assert bath.is_safe()


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("end", ["pass", "exception", "exit", "SIGINT", "SIGTERM", "SIGKILL"])
def test_a_hundred_times_each(run: Run, bath: Bath, served_file: Path, folder: Path, end: str) -> None:
    """Every way out, again and again: safe within two seconds, each time."""
    for number in range(100):
        place = folder / str(number)
        place.mkdir()
        runner = run(served_file, place, end if end in _ENDS else "wait")
        if end not in _ENDS:
            runner.process.send_signal(signal.Signals[end])
        if end != "pass":
            bath.becomes_safe_within(_WITHIN_S)
        runner.process.communicate(timeout=60)
        assert bath.is_safe()
