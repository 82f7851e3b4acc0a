"""What is remembered of a bench: by resource, whatever it is called, and held by nothing but a living process."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hil.benches.bench_file import LoadedBench, load_bench
from hil.benches.bench_state import BenchState
from hil.benches.safe_state import SafeStep
from hil.errors import BenchFault
from hil.links.resource_key import lasting_key
from hil.shipped import shipped


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder for each test."""
    folder = tmp_path / "not there yet" / "state"
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(folder))
    monkeypatch.setattr("hil.benches.bench_state._PATIENCE_S", 0.2)
    return folder


def bench(folder: Path, **links: str) -> LoadedBench:
    """The served bench with other links, by the wire's name."""
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    was = load_bench(shipped("benches/served.toml")).file.links()
    for wire, link in links.items():
        text = text.replace(f'link = "{was[wire]}"', f'link = "{link}"')
    path = folder / f"{'-'.join(links) or 'served'}.toml"
    path.write_text(text, encoding="utf-8")
    return load_bench(path)


OTHER_NAMES = [
    {"balance": "/tmp/pumprig-served/balance"},  # noqa: S108 - the shipped file's own path
    {"bath": "TCPIP::127.0.0.1::47603::SOCKET"},
    {"pump": "/dev/ttyNOWHERE9", "balance": "COM9", "bath": "rfc2217://localhost:47603"},
]


@pytest.mark.parametrize("links", OTHER_NAMES, ids="-".join)
def test_an_unsafe_bath_is_refused_by_any_name(tmp_path: Path, links: dict[str, str]) -> None:
    """Whichever bench file it is in, and however it is spelled there; and who confirms it there frees it everywhere."""
    left, other = BenchState(bench(tmp_path)), BenchState(bench(tmp_path, **links))
    left.begin("runs/1")
    with pytest.raises(
        BenchFault, match=r"not left in its safe state: bath \(.*\) by runs/1: its supervisor was killed"
    ):
        other.check()
    other.end("runs/2", [SafeStep("bath", "stopped", "not known", "unplugged")])
    with pytest.raises(BenchFault, match=r"by runs/2: unplugged; .*pumprig bench safe"):
        left.check()
    other.end("bench safe", [SafeStep("bath", "stopped", "stopped")])
    left.check()
    other.end("bench safe", [SafeStep("bath", "stopped", "stopped")])  # of a bench that was safe before


def test_what_confirms_the_safe_state_can_be_copied(tmp_path: Path) -> None:
    """A bench file may have a space in its name: the command in the refusal is quoted as a shell needs it."""
    (tmp_path / "my bench").mkdir()
    left = BenchState(bench(tmp_path / "my bench"))
    left.begin("runs/1")
    with pytest.raises(BenchFault, match=r"pumprig bench safe '.*/my bench/served\.toml'$"):
        left.check()


def test_another_bath_is_another_matter(tmp_path: Path) -> None:
    """What is not known to be safe keeps nobody from a bench without it."""
    BenchState(bench(tmp_path)).begin("runs/1")
    BenchState(bench(tmp_path, bath="socket://127.0.0.1:47604")).check()


def test_only_what_outlives_a_run_is_remembered(tmp_path: Path) -> None:
    """Neither simulated instruments nor the person at the keyboard; and of an instrument that was away nothing is."""
    assert BenchState(load_bench(shipped("benches/full.toml"))).keys == {}
    text = shipped("benches/served-full.toml").read_text(encoding="utf-8")
    links = load_bench(shipped("benches/served-full.toml")).file.links()
    path = tmp_path / "person.toml"
    path.write_text(text.replace(f'"{links["operator"]}"', '"console:"'), encoding="utf-8")
    state = BenchState(load_bench(path))
    assert set(links) - set(state.keys) == {"operator"}
    BenchState(bench(tmp_path)).end("runs/1", [SafeStep("supply", "output off", "not known", "not there")])


_HOLDER = """
import sys, time
from pathlib import Path
from hil.benches.bench_file import load_bench
from hil.benches.bench_state import BenchState
state = BenchState(load_bench(Path(sys.argv[1])))
with state.held("runs/1"):
    state.begin("runs/1")
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_bench_is_in_use_as_long_as_its_process_lives(tmp_path: Path, state: Path) -> None:
    """Who holds it is named; once that process was killed, nothing in any file can keep the bench in use."""
    here, there = bench(tmp_path), bench(tmp_path, bath="TCPIP::127.0.0.1::47603::SOCKET")
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, here.path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BenchFault, match=rf"in use by .*, process {holder.pid} on .* for runs/1$"):
            BenchState(there).check()
    finally:
        holder.kill()
        holder.communicate()
    for guard in state.glob("*.held"):  # as if another process had got the number
        guard.write_text(
            guard.read_text(encoding="utf-8").replace(f'"pid": {holder.pid}', '"pid": 1'), encoding="utf-8"
        )
    with BenchState(there).held():  # as `bench safe` does
        pass
    with pytest.raises(BenchFault, match="was not left in its safe state"):
        BenchState(there).check()


def test_a_child_goes_on_to_hold_the_bench(tmp_path: Path) -> None:
    """A supervisor that inherits the bench holds it when the run has let go, or died."""
    state = BenchState(bench(tmp_path))
    with state.held():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=state.descriptors)
    assert state.descriptors == []
    with pytest.raises(BenchFault, match=r"in use by this very process \(\d+\) for a look at it"):
        state.check()
    child.communicate(b"\n")
    state.check()


_DYING = """
import subprocess, sys
from pathlib import Path
from hil.benches.bench_file import load_bench
from hil.benches.bench_state import BenchState
state = BenchState(load_bench(Path(sys.argv[1])))
with state.held("runs/1"):
    busy = "import sys, time, pathlib\\nwhile pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"
    subprocess.Popen([sys.executable, "-c", busy, sys.argv[2]], pass_fds=state.descriptors)
"""


def test_who_is_waited_for_in_vain_has_the_bench(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that does not come to its end is not waited for without end; one that is nameless has it, too."""
    monkeypatch.setattr("hil.benches.bench_state._DYING_S", 0.5)
    here = BenchState(bench(tmp_path))
    with here.held():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=here.descriptors)
    for guard in state.glob("*.held"):  # as if the run that began it had died
        guard.write_text(guard.read_text(encoding="utf-8").replace('"start": "', '"start": "1'), encoding="utf-8")
    with pytest.raises(BenchFault, match=r"in use by .*, process \d+ on .* for a look at it$"):
        here.check()
    for guard in state.glob("*.held"):
        guard.write_text("", encoding="utf-8")
    with pytest.raises(BenchFault, match=r"in use by another process$"):
        here.check()
    child.communicate(b"\n")


def test_the_supervisor_of_a_dead_run_is_waited_for(tmp_path: Path) -> None:
    """A run that died leaves its supervisor at work for a while: who comes next is not refused meanwhile."""
    state, at_work = BenchState(bench(tmp_path)), tmp_path / "at work"
    at_work.touch()
    subprocess.run([sys.executable, "-c", _DYING, state.bench_path, at_work], check=True, timeout=60)
    done = threading.Timer(0.5, at_work.unlink)
    done.start()
    state.check()
    assert not at_work.exists()
    done.join()


def test_a_port_is_remembered_by_its_lasting_name(port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By that of its adapter, by any of its names and while it is unplugged; a pseudo-terminal by what leads to it."""
    led = tmp_path / "bath"
    led.symlink_to(port)
    also = tmp_path / "also"
    also.symlink_to("bath")
    assert lasting_key(port) == f"port:{port}"
    assert lasting_key(str(led)) == lasting_key(str(also)) == lasting_key(f"ASRL{also}::INSTR") == f"port:{led}"
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    name = by_id / "usb-FTDI_FT4X-if00-port0"
    name.symlink_to(port)
    monkeypatch.setattr("hil.links.port_name._BY_ID", by_id)
    assert lasting_key(port) == lasting_key(str(led)) == lasting_key(str(name)) == f"port:{name}"
    name.unlink()
    assert lasting_key(str(name)) == f"port:{name}"
    assert lasting_key("socket://localhost:5025") == lasting_key("TCPIP::127.0.0.1::5025::SOCKET")


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"key": 1, "runner": {}}'])
def test_what_cannot_be_read_is_named(tmp_path: Path, state: Path, broken: str) -> None:
    """A torn or foreign file says which it is and what to do; confirming the bench does away with it."""
    here = BenchState(bench(tmp_path))
    here.begin("runs/1")
    (left,) = state.glob("*.json")
    left.write_text(broken, encoding="utf-8")
    with pytest.raises(BenchFault, match=rf"{left}: cannot be read .*; remove it"):
        here.check()
    here.end("bench safe", [SafeStep("bath", "stopped", "stopped")])
    here.check()


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs a folder that nobody can write into")
def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which folder, why, and how to choose another."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", "/proc/x")
    here = BenchState(bench(tmp_path))
    unsafe = [SafeStep("bath", "stopped", "not known", "unplugged")]
    for use in (here.check, lambda: here.begin("runs/1"), lambda: here.end("runs/1", unsafe)):
        with pytest.raises(
            BenchFault, match=r"^/proc/x: cannot be written: .*; PUMPRIG_STATE_DIR names another folder$"
        ):
            use()
