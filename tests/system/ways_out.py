"""Runs in forked children that end in every way a run can, and a bench that is watched by plain sockets meanwhile."""

import contextlib
import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import hil.links.serial_port
import hil.links.visa
import hil.runs.run_documents  # noqa: F401 - what a child would import again and again
from hil.benches.bench_file import load_bench
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.system.forks import forked

__all__ = ["ENDS", "SIGNALS", "Relay", "Runner", "Watch", "within_s", "write_procedure"]

_PROCEDURE = """
import os, time
import pytest
from hil.bench import Bench

def forever():
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            pass

@pytest.fixture
def clumsy():
    yield
    if {hangs}:
        forever()

@pytest.mark.procedure("heat")
def test_heat(bench: Bench, bath, ambient_pressure, outlet_pressure, supply, clumsy):
    bath.set_point(41.0)
    bath.start()
    ambient_pressure.control(102.0)
    outlet_pressure.control(1.0)
    assert supply.is_on()
    open(r"{marker}", "w").close()
    {then}
"""
ENDS = {
    "pass": "pass",
    "exception": "raise RuntimeError('on purpose')",
    "exit": "os._exit(0)",
    "hung": "forever()",
    "hung teardown": "pass",
}
"""What the procedure does once the bench is unsafe; all other ends come from outside, while it waits."""
SIGNALS = {
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM": [signal.SIGTERM],
    "SIGKILL": [signal.SIGKILL],
}
_WAIT = "bench.sleep(hours=1)"
_SAFE: dict[str, dict[bytes, bytes]] = {
    "bath": {b"in_mode_05\r": b"0", b"in_sp_00\r": b"25.00"},
    "ambient_pressure": {b":OUTP:STAT?\n": b":OUTP:STAT 0"},
    "outlet_pressure": {b":OUTP:STAT?\n": b":OUTP:STAT 0"},
    "supply": {b"OUTP? (@1)\n": b"0"},
}
"""What each instrument answers when it is safe."""


def within_s() -> float:
    """Two seconds; on a machine with more to do than it has processors for, as much longer as all takes."""
    return 2.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Watch:
    """A served bench, asked by plain sockets whether it is safe."""

    def __init__(self, bench_file: Path) -> None:
        serve = load_bench(bench_file).file.serve
        assert serve is not None
        self._links = {
            role: socket.create_connection(("127.0.0.1", int(getattr(serve, role).tcp.rpartition(":")[2])), timeout=20)
            for role in _SAFE
        }

    def is_safe(self, *, but: str = "") -> bool:
        """Whether every instrument is, except perhaps one."""
        return not any(self._unsafe(role) for role in _SAFE if role != but)

    def becomes_safe(self, since: float, *, but: str = "") -> float:
        """Seconds after ``since`` (monotonic) at which it is; fails if that is a minute."""
        while not self.is_safe(but=but):
            unsafe = [role for role in _SAFE if self._unsafe(role)]
            assert time.monotonic() - since < 60, f"never safe: {unsafe}"
            time.sleep(0.02)
        return time.monotonic() - since

    def close(self) -> None:
        """Hang up."""
        for link in self._links.values():
            link.close()

    def _unsafe(self, role: str) -> bool:
        link = self._links[role]
        for question, answer in _SAFE[role].items():
            link.sendall(question)
            heard = b""
            while not heard.endswith(b"\n"):
                heard += link.recv(100)
            if heard.strip() != answer:
                return True
        return False


class Runner:
    """A run of one procedure in a forked child, from the moment at which the bench is unsafe."""

    def __init__(self, bench_file: Path, folder: Path, end: str) -> None:
        self.folder = folder
        self.procedure, self.marker = write_procedure(folder, end)
        self._ended = False
        self.exit_code = 0
        """Once it has ended; minus the signal that killed it."""
        self.pid = forked(lambda: self._run(bench_file), folder / "stderr.txt")
        deadline = time.monotonic() + 100
        while not self.marker.exists():
            assert time.monotonic() < deadline, "the procedure never began"
            assert not self.has_ended() or self.marker.exists(), f"it ended early: {self.exit_code}"
            time.sleep(0.01)
        self.unsafe_at = time.monotonic()

    def send(self, *signals: signal.Signals) -> None:
        """The signals, one a moment after the other."""
        for number in signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            if len(signals) > 1:
                time.sleep(0.1)

    def has_ended(self) -> bool:
        """Whether it has."""
        if not self._ended:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._ended, self.exit_code = True, os.waitstatus_to_exitcode(status)
        return self._ended

    def wait(self) -> float:
        """Wait until it ends; when that was (monotonic)."""
        while not self.has_ended():
            time.sleep(0.01)
        return time.monotonic()

    def kill(self) -> None:
        """Clear away what is left of it."""
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def left(self) -> list[dict[str, Any]]:
        """How the supervisor says that it left the bench, as soon as it does."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for path in (self.folder / "runs").glob("*/safe-state.json"):
                with contextlib.suppress(ValueError):
                    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
                    return found
            time.sleep(0.02)
        raise AssertionError("the supervisor never said how it left the bench")

    def manifest(self) -> dict[str, Any]:
        """Of its only run."""
        (run,) = (self.folder / "runs").iterdir()
        found: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        return found

    def said(self) -> str:
        """What it said on stderr."""
        return (self.folder / "stderr.txt").read_text(encoding="utf-8")

    def _run(self, bench_file: Path) -> int:
        os.environ["PUMPRIG_STATE_DIR"] = str(self.folder / "state")
        settings = RunSettings((str(self.procedure),), bench=bench_file, out=self.folder / "runs")
        return run_procedures(settings, Silent()).exit_code


def write_procedure(folder: Path, end: str) -> tuple[Path, Path]:
    """A procedure in ``folder`` that makes the bench unsafe and ends so, and the file that says that it is unsafe."""
    folder.mkdir(parents=True, exist_ok=True)
    # pytest in one process would find the module of another test again, were it called the same
    procedure, marker = folder / f"heat_{uuid4().hex}.py", folder / "heating"
    text = _PROCEDURE.format(marker=marker, then=ENDS.get(end, _WAIT), hangs=end == "hung teardown")
    procedure.write_text(text, encoding="utf-8")
    return procedure, marker


class Relay:
    """A cable to a served device that can be pulled out, and put in again."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._pid = 0

    def plug(self, *, mute: bool = False) -> None:
        """Put it in; what comes through a ``mute`` one is lost."""
        self.unplug()
        listener = socket.create_server(("127.0.0.1", self.port))
        self._pid = forked(lambda: _relay(listener, self._to_port, mute=mute))
        listener.close()

    def unplug(self) -> None:
        """Pull it out."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()


def _relay(listener: socket.socket, to_port: int, *, mute: bool) -> int:
    ends: dict[socket.socket, socket.socket] = {}
    while True:
        for ready in select.select([listener, *ends], [], [])[0]:
            if ready is listener:
                near, far = listener.accept()[0], socket.create_connection(("127.0.0.1", to_port))
                ends |= {near: far, far: near}
            elif data := ready.recv(4096):
                if not mute:
                    ends[ready].sendall(data)
            else:
                other = ends.pop(ready)
                ends.pop(other, None)
                ready.close()
                other.close()
                break
