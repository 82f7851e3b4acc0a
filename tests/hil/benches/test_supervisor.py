"""Whatever a supervisor hears of its run, the bath is stopped, that is read back, kept and said."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.benches.bench_file import LoadedBench, load_bench
from hil.benches.bench_state import BenchState
from hil.benches.supervisor import Supervisor
from hil.errors import BenchFault
from hil.links.lock import ResourceLock
from hil.links.resource_key import used_key
from hil.shipped import shipped
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.sim_bath import SimulatedBath
from tests.hil.instruments.served import served

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="inherits descriptors")]

_SAFE = [{"instrument": "bath", "wanted": "stopped at 25.00 C", "found": "stopped at 25.00 C", "problem": ""}]


@pytest.fixture
def tank() -> BathTank:
    """Water that is being heated."""
    tank = BathTank(seed=1, ambient_c=22.0, time_constant_s=600, noise_c=0.0)
    tank.set_point(0, 41.0)
    tank.switch(0, on=True)
    return tank


@pytest.fixture
def bench(tank: BathTank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadedBench]:
    """A bench whose bath holds ``tank``, reached by a pseudo-terminal."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("hil.benches.bench_state._PATIENCE_S", 0.2)
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    text = re.sub(r"\n\[serve\].*", "\n", text, flags=re.DOTALL)
    with served(SimulatedBath(tank), "serial-pty") as link:
        path = tmp_path / "bench.toml"
        path.write_text(text.replace("socket://127.0.0.1:47603", link), encoding="utf-8")
        yield load_bench(path)


class _Alone:
    """A supervisor's process as a run that began to touch its bench would start it; and the run, which only sleeps."""

    def __init__(self, bench: LoadedBench, folder: Path) -> None:
        self.run = folder / "run"
        self.run.mkdir()
        self.state = BenchState(bench)
        self.state.begin(str(self.run))
        self.runner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hil.benches.supervisor"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.say(
            json.dumps(
                {
                    "bench": bench.model_dump_json(),
                    "keys": self.state.keys,
                    "run": str(self.run),
                    "runner": self.runner.pid,
                }
            ).encode()
            + b"\nb"
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def left(self) -> list[dict[str, str]]:
        """What it says at its end; its pipe ends now at the latest."""
        said: list[dict[str, str]] = json.loads(self.process.communicate(timeout=60)[0])
        assert json.loads((self.run / "safe-state.json").read_text(encoding="utf-8")) == said
        return said


@pytest.fixture
def alone(bench: LoadedBench, tmp_path: Path) -> Iterator[_Alone]:
    """A supervisor that waits."""
    alone = _Alone(bench, tmp_path)
    yield alone
    for process in (alone.process, alone.runner):
        process.kill()
        process.communicate()


@pytest.mark.parametrize("last", [b"r", b"br", b""], ids=["released", "released behind a beat", "dead"])
def test_a_run_that_ends_leaves_the_bath_stopped(alone: _Alone, tank: BathTank, last: bytes) -> None:
    """It lets go, or its end of the pipe is closed; nothing is touched before, and Ctrl-C is not for a supervisor."""
    for _ in range(5):
        alone.say(b"b")
        time.sleep(0.05)
    alone.process.send_signal(signal.SIGINT)
    assert tank.running
    alone.say(last)
    assert alone.left() == _SAFE
    assert (tank.running, tank.set_point_c) == (False, 25.0)
    alone.state.check()
    assert alone.runner.poll() is None


@pytest.mark.parametrize("last", [b"h", b"bh", b""], ids=["hung", "hung behind a beat", "silent"])
def test_a_run_that_hangs_is_killed_first(alone: _Alone, tank: BathTank, last: bytes) -> None:
    """By its own account, or after seconds of silence; the bath is for who is left once the run has let go of it."""
    alone.say(last)
    assert alone.runner.wait(timeout=60) == -signal.SIGKILL
    time.sleep(2.0 if last == b"h" else 0.1)  # somebody still has its end of the pipe, and perhaps its ports
    assert tank.running
    assert alone.left() == _SAFE
    assert not tank.running
    alone.state.check()


def test_a_bath_out_of_reach_is_told_and_kept(alone: _Alone, tank: BathTank) -> None:
    """It says how it left the bench, and nobody uses it before somebody has looked."""
    link = alone.state._links["bath"]
    lock = ResourceLock(used_key(link), link)  # another program's
    alone.say(b"r")
    (step,) = alone.left()
    lock.release()
    assert (step["instrument"], step["found"]) == ("bath", "not known")
    assert step["problem"]
    assert tank.running
    with pytest.raises(BenchFault, match=re.escape(f"by {alone.run}: {step['problem']}; look at it")):
        alone.state.check()


def test_a_run_starts_one_and_hears_how_it_left_the_bench(bench: LoadedBench, tank: BathTank, tmp_path: Path) -> None:
    """In a session of its own, and holding the bench until it has ended."""
    state = BenchState(bench)
    with state.held(str(tmp_path)):
        supervisor = Supervisor.for_bench(bench, state, str(tmp_path))
    assert supervisor is not None
    assert supervisor._hang_s == bench.file.safe_state.hang_s
    assert os.getsid(supervisor._process.pid) == supervisor._process.pid
    with pytest.raises(BenchFault, match="in use by"):
        state.check()
    assert tank.running
    assert [step.problem for step in supervisor.release()] == [""]
    assert not tank.running
    state.check()


def test_one_that_dies_leaves_the_bench_unknown(bench: LoadedBench, tmp_path: Path) -> None:
    """The run is told that nothing is known, and the next one that the supervisor was killed."""
    state = BenchState(bench)
    supervisor = Supervisor(bench, state, str(tmp_path))
    supervisor._process.kill()
    (step,) = supervisor.release()
    assert (step.instrument, step.found) == ("bench", "not known")
    assert step.problem == "the supervisor did not say how it left the bench"
    with pytest.raises(BenchFault, match=r"not left in its safe state: bath .*: its supervisor was killed"):
        state.check()


def test_without_a_supervisor_nothing_is_touched(
    bench: LoadedBench, tank: BathTank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not start ends the run with what it said; so does a state that cannot be kept."""
    state = BenchState(bench)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        broken.setattr(Supervisor, "_send", lambda *_: None)  # which may be too late for it, or not
        with pytest.raises(BenchFault, match=r"did not start \(it said nothing\); nothing was touched"):
            Supervisor(bench, state, str(tmp_path))
    state.check()

    def full(_: BenchState, __: str) -> None:
        raise BenchFault("the disk is full")

    monkeypatch.setattr(BenchState, "begin", full)
    with state.held(), pytest.raises(BenchFault, match="the disk is full"):
        Supervisor(bench, state, str(tmp_path))
    assert tank.running
    state.check()  # it has ended, and let go


class _Beating(Supervisor):
    """The runner's end, and what it sends."""

    def __init__(self, hang_s: float) -> None:
        self.sent: list[bytes] = []
        self._hang_s, self._touched, self._ended = hang_s, time.monotonic(), threading.Event()

    def _send(self, data: bytes) -> None:
        self.sent.append(data)


def test_a_run_says_that_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it moves on it beats; once it has not for too long it says so, and one that closes has less time."""
    monkeypatch.setattr("hil.benches.supervisor._BEAT_S", 0.02)
    monkeypatch.setattr("hil.benches.supervisor._CLOSING_S", 0.1)
    moving = _Beating(hang_s=5.0)
    beats = threading.Thread(target=moving._beat)
    moving._touched -= 4.0
    beats.start()
    time.sleep(0.3)
    assert set(moving.sent) == {b"b"}
    moving._touched -= 4.0
    moving.touch()
    time.sleep(0.2)
    assert set(moving.sent) == {b"b"}
    moving._touched -= 4.0
    moving.closing()
    closing = time.monotonic()
    beats.join(timeout=30)
    assert time.monotonic() - closing < 4.0
    assert set(moving.sent[:-1]) == {b"b"}
    assert moving.sent[-1] == b"h"
