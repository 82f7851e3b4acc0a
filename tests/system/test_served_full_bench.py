"""Every role of a bench, each device behind a real pty or socket of another process."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hil.benches.bench_check import check_bench
from hil.benches.bench_file import load_bench
from hil.links.lock import ResourceLock
from hil.links.resource_key import used_key
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped
from tests.system.conftest import Serve

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")]

TOUR = """
import pytest

TAKEN = [
    "mass", "lost", "bath", "ambient", "outlet", "voltage", "current", "fed", "returned", "pump-temperature", "volume",
]

@pytest.mark.procedure("tour", measurements=TAKEN)
def test_tour(
    bench, pump, balance, reference_balance, bath, ambient_pressure, outlet_pressure, multimeter, supply, operator,
    measure,
):
    balance.tare()
    reference_balance.tare()
    bath.set_point(38.0)
    bath.start()
    supply.set(2.9, 0.1)
    supply.output(on=True)
    ambient_pressure.control(95.0, 0.5)
    outlet_pressure.control(3.0, 0.5)
    bench.sleep(hours=2)
    found = {
        "mass": (balance.weigh().mass_g, "g"),
        "lost": (reference_balance.weigh().mass_g, "g"),
        "bath": (bath.temperature_c(), "degC"),
        "ambient": (ambient_pressure.pressure_kpa(), "kPa"),
        "outlet": (outlet_pressure.pressure_kpa(), "kPa"),
        "voltage": (multimeter.voltage_v(), "V"),
        "current": (multimeter.current_a(), "A"),
        "fed": (supply.voltage_v(), "V"),
    }
    status = pump.read_status()
    found["pump-temperature"] = (status.temperature_mc / 1000, "degC")
    found["volume"] = (status.volume_nl / 1e6, "mL")
    outlet_pressure.vent()
    ambient_pressure.vent()
    found["returned"] = (operator.withdraw(), "mL")
    operator.fill(25.0, 22.0)
    for name, (value, unit) in found.items():
        measure(name, value, unit, expanded_uncertainty=abs(value) / 100)
"""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))


def run(procedure: Path, bench: Path, out: Path, **more: Any) -> tuple[dict[str, float], Path]:
    """What was measured, and the run folder; fails unless it passed."""
    result = run_procedures(RunSettings((str(procedure),), bench=bench, out=out, **more), Silent())
    assert result.exit_code == 0, [page.problem for page in result.procedures]
    return {each.name: each.value for each in result.measurements}, result.folder


@pytest.mark.deep
def test_served_in_lock_step_measures_what_in_process_does(
    serve: Serve, served_full_file: Path, tmp_path: Path
) -> None:
    """All nine wires are other libraries, ptys, sockets, another process: and the same numbers, to the last bit.

    A check in between asks everybody, and leaves the world as it is.
    """
    tour = tmp_path / "tour.py"
    tour.write_text(TOUR, encoding="utf-8")
    serve(served_full_file)
    in_process, _ = run(tour, shipped("benches/full.toml"), tmp_path / "sim", seed=7)
    served, folder = run(tour, served_full_file, tmp_path / "served", seed=7)
    assert served == in_process
    assert served["mass"] > 0 > served["lost"]
    assert served["outlet"] == pytest.approx(3.0, abs=0.05)
    safe = json.loads((folder / "manifest.json").read_bytes())["safe_state"]
    assert safe["confirmed"]
    assert {step["instrument"]: step["found"] for step in safe["instruments"]} == {
        "outlet_pressure": "vented",
        "ambient_pressure": "vented",
        "supply": "output off",
        "bath": "stopped at 25.00 C",
    }
    _check_tells_all(served_full_file)


def _check_tells_all(file: Path) -> None:
    """After a run: nobody's time has moved, one silent device stops no other, and who holds a port is named."""
    loaded = load_bench(file)
    before = _hello(file)
    lines = {line.name: line for line in check_bench(loaded)}
    assert _hello(file) == before
    assert list(lines) == ["bench", "served bench", "pump", *loaded.file.instruments.present()]
    assert {line.name for line in lines.values() if line.problem} == {"pump"}
    assert lines["pump"].problem.endswith("(the supply is off now; a run switches it on)")
    assert lines["supply"].state == "output off"
    assert lines["bath"].state.startswith("stopped at 25.00 C, water ")
    assert re.fullmatch(r"output off, \d+\.\d{3} kPa", lines["outlet_pressure"].state)
    assert re.fullmatch(r"-?\d+\.\d{5} g", lines["balance"].state)
    assert lines["bath"].safe_state == "stopped at 25.00 C"
    assert lines["pump"].safe_state == "untouched"
    assert (lines["balance"].calibration, lines["supply"].calibration) == ("due 2027-06-30", "not stated")
    assert all(
        line.lock == "free" and line.timing.exchanges == 10 for line in lines.values() if line.timing is not None
    )
    assert "SIM-SUPPLY-1" in lines["supply"].found

    near, far = os.openpty()
    text = file.read_text(encoding="utf-8")
    silent = re.sub(r'("TCPIP::[^"]*")( +# a socket, opened by pyvisa-py)', rf'"{os.ttyname(far)}"\2', text, count=1)
    assert silent != text
    file.write_text(silent, encoding="utf-8")
    held = load_bench(file)
    lock = ResourceLock(used_key(held.file.links()["supply"]), held.file.links()["supply"])
    try:
        amiss = {line.name: line.problem for line in check_bench(held) if line.problem}
        done = subprocess.run(
            [sys.executable, "-m", "cli", "bench", "check", str(file), "--json"], capture_output=True, check=False
        )
    finally:
        lock.release()
        os.close(near)
        os.close(far)
    assert set(amiss) == {"pump", "balance", "supply"}
    assert "does not answer" in amiss["balance"]
    assert f"in use by this very process ({os.getpid()})" in amiss["supply"]
    assert done.returncode == 3, done.stderr
    said = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
    assert {name for name, line in said.items() if not line["ok"]} == set(amiss)
    assert said["bath"]["timing"]["exchanges"] == 10
    assert f"process {os.getpid()}" in said["supply"]["problem"]


def _hello(file: Path) -> dict[str, Any]:
    """What the server says of itself and its time."""
    loaded = load_bench(file)
    assert loaded.file.serve is not None
    host, _, port = loaded.file.serve.control.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as control:
        control.sendall(b'{"do": "hello"}\n')
        said: dict[str, Any] = json.loads(control.makefile().readline())
    return said


BY_HAND = """
import pytest

@pytest.mark.procedure("by-hand", measurements=["returned"])
def test_by_hand(pump, operator, measure):
    measure("returned", operator.withdraw(), "mL", expanded_uncertainty=0.1, lower=25, upper=35)
    operator.fill(20.0, 22.0)
    operator.clamp()
"""


@pytest.mark.deep
def test_a_person_at_the_terminal_is_asked(serve: Serve, served_full_file: Path, tmp_path: Path) -> None:
    """The link console: tasks appear on a real terminal, the person does them at the bench and types the answers."""
    serve(served_full_file, "--rate", "1")
    port = load_bench(served_full_file).file.links()["operator"].rpartition(":")[2]
    text = served_full_file.read_text(encoding="utf-8")
    served_full_file.write_text(re.sub(r'link = "socket://127.0.0.1:' + port + '"', 'link = "console:"', text))
    (tmp_path / "by_hand.py").write_text(BY_HAND, encoding="utf-8")
    person = _Person(int(port))
    command = ["run", str(tmp_path / "by_hand.py"), "--bench", str(served_full_file), "--out", str(tmp_path / "runs")]
    child, terminal = pty.fork()  # the child's terminal is one of its own: /dev/tty is ours to type at
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-m", "cli", *command])  # noqa: S606
    try:
        seen = person.works_at(terminal)
        status = os.waitpid(child, 0)[1]
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 3, seen  # what was not done by hand says nothing of the pump
    assert "Please draw out all that comes" in seen
    question, _, answered = seen.partition("Please clamp the catheter")[2].partition("no no clamp at hand")
    assert "procedure 1 of 1" not in question, "the view was drawn over a question"
    assert "procedure 1 of 1" in answered
    (folder,) = (tmp_path / "runs").iterdir()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["instruments"]["operator"]["model"] == "Ada"
    assert manifest["measurements"][0]["value"] == pytest.approx(28.0, abs=0.6)
    assert "no clamp at hand" in manifest["procedures"][0]["problem"]


class _Person:
    """Reads what the terminal asks, does it at the served bench by its operator's port, and types the answer."""

    def __init__(self, hands: int) -> None:
        self._hands = hands

    def works_at(self, terminal: int) -> str:
        """All that was seen, until the program ends."""
        seen, done = "", 0
        deadline = time.monotonic() + 110
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:
                return seen  # the other end has gone: the program has ended
            if not data:
                return seen
            seen += data.decode(errors="replace")
            tasks = re.findall(r"Please (.*?)\.\r+\n.*?if not: ", seen, re.DOTALL)
            for task in tasks[done:]:
                time.sleep(0.6)  # a person is slower than the view that is drawn four times a second
                os.write(terminal, self._answer(task).encode() + b"\n")
            done = len(tasks)
        pytest.fail(f"it did not end:\n{seen}")

    def _answer(self, task: str) -> str:
        if "your name" in task:
            return "Ada"
        if task.startswith("draw out"):
            return self._do(b"withdraw | now\n").partition(" ")[2]
        if task.startswith("fill"):
            return self._do(b"fill 20.000 22.000 | now\n").partition(" ")[2]
        return "no no clamp at hand"

    def _do(self, task: bytes) -> str:
        with socket.create_connection(("127.0.0.1", self._hands), timeout=30) as hands:
            hands.sendall(task)
            said = hands.makefile().readline().strip()
        assert said.startswith("done"), said
        return said
