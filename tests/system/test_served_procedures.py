"""Procedures that use every instrument, on a bench served by another process in lock step."""

import json
import re
from pathlib import Path

import pytest

from hil.procedures import PROCEDURES
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped
from tests.system.conftest import PumpRig, Serve, free_ports

pytestmark = pytest.mark.system

SOME = ("identity-self-test", "occlusion-detection", "brown-out", "supply-current")
ALL = tuple(PROCEDURES)
ON_THE_WIRE = {"slowest-answer"}
"""What takes milliseconds by the clock on the wall where something lies between, and none where nothing does."""
ROLES = (
    "balance",
    "reference_balance",
    "bath",
    "ambient_pressure",
    "outlet_pressure",
    "multimeter",
    "supply",
    "operator",
)


@pytest.fixture
def full_served(tmp_path: Path, by: str) -> Path:
    """full.toml with a socket and a pseudo-terminal for each of its instruments, and a socket for the clock."""
    text = shipped("benches/full.toml").read_text(encoding="utf-8")
    control, *ports = free_ports(2 + len(ROLES))
    wires = dict(zip(("pump", *ROLES), ports, strict=True))
    ptys = tmp_path / "ptys"
    links = {wire: str(ptys / wire) if by == "pty" else f"socket://127.0.0.1:{wires[wire]}" for wire in wires}
    text = re.sub(r'"sim:(\w+)"', lambda match: f'"{links[match[1]]}"', text)
    rows = [f'{wire} = {{ tcp = "127.0.0.1:{port}", pty = "{ptys / wire}" }}' for wire, port in wires.items()]
    text += "\n".join(["", "[serve]", f'control = "127.0.0.1:{control}"', 'time = "lock-step"', *rows, ""])
    path = tmp_path / "full-served.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.deep
@pytest.mark.parametrize("by", ["socket", "pty"])
@pytest.mark.parametrize(
    "procedures",
    [SOME, pytest.param(ALL, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])],
    ids=["some", "all"],
)
def test_served_procedures_measure_what_those_in_process_do(
    pumprig: PumpRig, serve: Serve, full_served: Path, procedures: tuple[str, ...], tmp_path: Path
) -> None:
    """Same outcomes, same numbers: whether sockets lie between or not."""
    serve(full_served)
    result = pumprig("run", *procedures, "--bench", full_served, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    served = json.loads(result.stdout)
    settings = RunSettings(procedures=procedures, bench=shipped("benches/full.toml"), out=tmp_path / "in-process")
    in_process = run_procedures(settings, Silent()).as_json()
    assert served["procedures"] == in_process["procedures"]
    for ours, theirs in zip(served["measurements"], in_process["measurements"], strict=True):
        if ours["name"] in ON_THE_WIRE:
            ours["value"] = pytest.approx(ours["value"], abs=ours["expanded_uncertainty"])
        assert theirs == ours
