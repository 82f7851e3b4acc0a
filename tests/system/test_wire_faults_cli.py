"""A run on bad wires, as a user starts it: repeated exactly, replayed, and marked wherever it is spoken of."""

import json
from pathlib import Path
from typing import Any

import pytest

from hil.recording.reader import Recording
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

_PROCEDURE = """
import pytest

@pytest.mark.procedure("drip", measurements=("volume",))
def test_drip(bench, pump, balance, measure):
    balance.tare()
    for _ in range(12):
        bench.sleep(minutes=15)
        balance.weigh()
        pump.read_status()
    measure("volume", pump.read_status().volume_nl / 1e6, "mL", expanded_uncertainty=0.1)
"""
_FAULTS = ("--wire-fault", "pump:drop=10%", "--wire-fault", "*:delay=20ms@1h+1h", "--wire-fault", "*:unplug@100min+5s")


@pytest.mark.deep
def test_run_on_bad_wires_is_repeated_replayed_and_marked(pumprig: PumpRig, tmp_path: Path) -> None:
    """Same seed, same bytes; the replay needs no wires; recording, manifest, report and reproduce name the faults.

    All cables are pulled out while nobody asks anything: each port is opened again, and the report says so.
    """
    (tmp_path / "test_drip.py").write_text(_PROCEDURE, encoding="utf-8")

    def folder_of(*arguments: str) -> tuple[Path, Any]:
        result = pumprig("run", *arguments, "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        said = json.loads(result.stdout)
        return tmp_path / said["folder"], said["measurements"]

    first, measured = folder_of("test_drip.py", *_FAULTS, "--seed", "7")
    second, _ = folder_of("test_drip.py", *_FAULTS, "--seed", "7")
    replayed, again = folder_of("--target", "replay", "--recording", str(first))
    whole = (first / "run.mcap").read_bytes()
    assert (second / "run.mcap").read_bytes() == whole
    assert Recording.open(replayed / "run.mcap").records == Recording.open(first / "run.mcap").records
    assert again == measured
    recording = Recording.open(first / "run.mcap")
    assert any(record.direction == "timeout" for record in recording.records)  # so something was lost
    assert json.loads(recording.metadata["wire_faults"]) == list(_FAULTS[1::2])
    for folder in (first, replayed):
        assert json.loads((folder / "manifest.json").read_text())["wire_faults"] == list(_FAULTS[1::2])
        assert "Injected on purpose, into the wires: pump:drop=10%" in (folder / "report.html").read_text()
    deviations = json.loads((first / "manifest.json").read_text())["deviations"]
    came_back = [each.partition(" h: ")[2] for each in deviations if each.startswith("Lost, and come back")]
    assert came_back == [f"{wire}: sim:{wire}: reopened as sim:{wire}." for wire in ("balance", "pump")]
    reproduce = json.loads((first / "manifest.json").read_text())["reproduce"]
    assert "--wire-fault pump:drop=10% --wire-fault '*:delay=20ms@1h+1h' --wire-fault '*:unplug@100min+5s'" in reproduce


def test_wire_fault_that_cannot_be_is_a_usage_error(pumprig: PumpRig, tmp_path: Path) -> None:
    """Exit 2, one line, and no run folder."""
    result = pumprig("run", "--wire-fault", "pmup:drop=1%")
    assert result.returncode == 2
    assert "no wire 'pmup'; known: balance, bath, pump" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_what_was_lost_and_how_to_repeat_it_are_shown_as_they_are(pumprig: PumpRig) -> None:
    """``:bath:`` and ``:smile:`` stay text, and no line of a log is broken: the command shown is the one that ran."""
    accepted = ("--accept-overdue", "balance=checked :smile: against the reference of the department upstairs")
    result = pumprig("run", "--wire-fault", "bath:unplug@1h+10min", *accepted)
    assert result.returncode == 3, result.stdout + result.stderr
    assert "flow-accuracy: sim:bath: lost, and not back within 10 s" in result.stdout
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("reproduce"))
    assert f"'{accepted[1]}'" in line
