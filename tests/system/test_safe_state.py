"""However a run ends, the bench is brought to its safe state within two seconds, and that is read back.

The whole bench is served in real time, over ptys and sockets; whether it is safe is asked by plain sockets beside
those of the run.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil.benches.bench_file import load_bench
from hil.benches.bench_state import BenchState
from hil.benches.instrument_tables import InstrumentsTable
from hil.benches.safe_state import bring_to_safe_state
from hil.errors import BenchFault
from hil.runs.console import print_safe_state
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.system.conftest import copy_of
from tests.system.ways_out import ENDS, SIGNALS, Relay, Runner, Watch, within_s, write_procedure

pytestmark = [pytest.mark.system, pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its runs")]

_ROLES = {"outlet_pressure", "ambient_pressure", "supply", "bath"}
_TIMES = int(os.environ.get("PUMPRIG_SOAK_TIMES", "100"))
_EXIT_CODES = {
    "pass": 0,
    "exception": 3,
    "exit": 0,
    "hung": -signal.SIGKILL,
    "hung teardown": -signal.SIGKILL,
    "Ctrl-C": 130,
    "Ctrl-C twice": 130,
    "SIGTERM": 130,
    "SIGKILL": -signal.SIGKILL,
}


@pytest.fixture(scope="module")
def bench_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A whole bench, served in real time by a process of its own; its runs hang after five seconds."""
    path = copy_of("served-full", tmp_path_factory.mktemp("bench"))
    path.write_text(path.read_text(encoding="utf-8") + "\n[safe_state]\nhang_s = 5\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "bench", "serve", str(path), "--rate", "1"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert any(line.startswith("ready") for line in iter(server.stdout.readline, ""))
        yield path
        server.terminate()


@pytest.fixture
def watch(bench_file: Path) -> Iterator[Watch]:
    """The bench, watched."""
    watch = Watch(bench_file)
    yield watch
    watch.close()


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
        runner.kill()


def ended(runner: Runner, watch: Watch, end: str) -> float:
    """Let the run end; how long after its end, or after the signal, the bench was safe, in seconds."""
    since = runner.unsafe_at
    if end in SIGNALS:
        since = time.monotonic()
        runner.send(*SIGNALS[end])
    elif end.startswith("hung"):
        runner.send(signal.SIGINT)
        since = runner.wait()  # until it is found out to hang, and killed
    took_s = watch.becomes_safe(since)
    steps = runner.left()
    assert {step["instrument"] for step in steps} == _ROLES
    assert not any(step["problem"] for step in steps)
    runner.wait()
    assert runner.exit_code == _EXIT_CODES[end], runner.said()
    assert watch.is_safe()
    return took_s


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("end", [*ENDS, *SIGNALS])
def test_every_way_out_leaves_the_bench_safe(
    run: Run, watch: Watch, bench_file: Path, tmp_path: Path, end: str
) -> None:
    """Bath stopped, both pressures vented, supply off; who can still write a manifest says that it was read back."""
    runner = run(bench_file, tmp_path, end)
    if end not in {"pass", "exception", "exit"}:
        assert not watch.is_safe()
    assert ended(runner, watch, end) < within_s()
    if runner.exit_code >= 0 and end != "exit":
        manifest = runner.manifest()
        assert manifest["safe_state"]["confirmed"] is True
        assert manifest["verdict"] == ("pass" if end == "pass" else "error")
        (run_folder,) = (tmp_path / "runs").iterdir()
        left, rewritten = ((run_folder / name).stat().st_mtime_ns for name in ("safe-state.json", "run.mcap"))
        assert left < rewritten  # however long that takes


def test_the_command_line_hears_ctrl_c(watch: Watch, bench_file: Path, tmp_path: Path) -> None:
    """``pumprig run`` in a process of its own, as a user starts it; Ctrl-C, and once more while it is ending."""
    procedure, marker = write_procedure(tmp_path, "Ctrl-C")
    command = [sys.executable, "-m", "cli", "run", str(procedure), "--bench", str(bench_file)]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PUMPRIG_STATE_DIR": str(tmp_path / "state")},
        text=True,
    )
    try:
        while not marker.exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert watch.becomes_safe(began) < within_s()
        said = process.communicate(timeout=100)[0]
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert said.count("safe state confirmed") == len(_ROLES), said


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("mute", [False, True], ids=["gone", "mute"])
def test_an_unplugged_instrument_delays_no_other(
    run: Run, watch: Watch, bench_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mute: bool
) -> None:
    """The others are safe in time; what is not known is said, and no run starts until somebody has confirmed it."""
    link = load_bench(bench_file).file.links()["bath"]
    with Relay(int(link.rpartition(":")[2])) as cable:
        through = through_cable(bench_file, link, cable)
        runner = run(through, tmp_path, "SIGKILL")
        assert killed_unplugged(runner, watch, cable, mute=mute) < within_s()
        assert not watch.is_safe()

        monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
        with pytest.raises(BenchFault, match=rf"was not left in its safe state.*pumprig bench safe {through}$"):
            run_procedures(RunSettings((str(runner.procedure),), bench=through, out=tmp_path / "refused"), Silent())
        assert not (tmp_path / "refused").exists()
        respelled = through_cable(bench_file, link, cable, spelled="TCPIP::localhost::{}::SOCKET")
        with pytest.raises(BenchFault, match=r"not left in its safe state: bath \(socket://127.0.0.1:"):
            BenchState(load_bench(respelled)).check()
        cable.plug()
        assert print_safe_state(through) == 0
        assert watch.is_safe()


def through_cable(bench_file: Path, link: str, cable: Relay, spelled: str = "socket://127.0.0.1:{}") -> Path:
    """A bench file beside ``bench_file`` whose bath, at ``link``, is behind ``cable``."""
    path = bench_file.with_name(f"cable-{cable.port}-{spelled.partition(':')[0]}.toml")
    path.write_text(bench_file.read_text(encoding="utf-8").replace(link, spelled.format(cable.port)))
    return path


def killed_unplugged(runner: Runner, watch: Watch, cable: Relay, *, mute: bool) -> float:
    """Kill the run once its bath is out of reach; after how many seconds the rest was safe, and the bath named."""
    cable.unplug()
    if mute:
        cable.plug(mute=True)
    began = time.monotonic()
    runner.send(signal.SIGKILL)
    took_s = watch.becomes_safe(began, but="bath")
    problems = {step["instrument"]: step["problem"] for step in runner.left()}
    assert {role for role, problem in problems.items() if problem} == {"bath"}
    assert f"127.0.0.1:{cable.port}" in problems["bath"]
    runner.wait()
    return took_s


def test_nothing_is_waited_for_without_end(bench_file: Path) -> None:
    """A port that takes a connection and never answers: given up at the time that was stated, and named."""
    loaded = load_bench(bench_file)
    assert loaded.file.instruments.bath is not None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = f"socket://127.0.0.1:{silent.getsockname()[1]}"
        bath = loaded.file.instruments.bath.model_copy(update={"link": link})
        file = loaded.file.model_copy(update={"instruments": InstrumentsTable(bath=bath)})
        began = time.monotonic()
        (step,) = bring_to_safe_state(loaded.model_copy(update={"file": file}), at_most_s=0.2)
        assert 0.2 <= time.monotonic() - began < 2.0
    assert step.problem == f"{link}: gave no answer within 0.2 s"


@pytest.mark.deep
def test_two_runs_do_not_share_a_bench(
    run: Run, watch: Watch, bench_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is told who has it, and touches nothing."""
    runner = run(bench_file, tmp_path, "Ctrl-C")
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    with pytest.raises(BenchFault, match=rf"in use by .*, process {runner.pid} on "):
        run_procedures(RunSettings(bench=bench_file, out=tmp_path / "second"), Silent())
    assert not (tmp_path / "second").exists()
    assert not watch.is_safe()
    ended(runner, watch, "Ctrl-C")


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("end", [*ENDS, *SIGNALS])
def test_again_and_again(
    run: Run,
    watch: Watch,
    bench_file: Path,
    tmp_path: Path,
    end: str,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every way out a hundred times: safe in time each time. PUMPRIG_SOAK_TIMES says another number."""
    took_s = []
    for number in range(_TIMES):
        took_s.append(ended(run(bench_file, tmp_path / str(number), end), watch, end))
        assert took_s[-1] < within_s()
    said = f"{end}: safe {len(took_s)} of {_TIMES} times, at the latest after {max(took_s):.2f} s"
    record_property("safe state", said)
    with capsys.disabled():
        print(f"\n{said}")


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mute", [False, True], ids=["gone", "mute"])
def test_unplugged_again_and_again(
    run: Run,
    watch: Watch,
    bench_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mute: bool,
) -> None:
    """A hundred times without the bath: all others safe in time, and the bath once it is back and asked for."""
    link = load_bench(bench_file).file.links()["bath"]
    took_s = []
    for number in range(_TIMES):
        folder = tmp_path / str(number)
        with Relay(int(link.rpartition(":")[2])) as cable:
            through = through_cable(bench_file, link, cable)
            took_s.append(killed_unplugged(run(through, folder, "SIGKILL"), watch, cable, mute=mute))
            assert took_s[-1] < within_s()
            monkeypatch.setenv("PUMPRIG_STATE_DIR", str(folder / "state"))
            cable.plug()
            assert print_safe_state(through) == 0
            assert watch.is_safe()
    said = f"unplugged ({'mute' if mute else 'gone'}): safe {len(took_s)} of {_TIMES} times, at the latest after "
    with capsys.disabled():
        print(f"\n{said}{max(took_s):.2f} s")
