"""A run that was killed and resumed has several recordings: whoever reads its folder reads them all, or is refused."""

import csv
import json
import os
from pathlib import Path

import pytest

from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.system.conftest import PumpRig
from tests.system.kills import only_run, run_in_child

pytestmark = [pytest.mark.system, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")]

LOOKS = """
import pytest

@pytest.mark.procedure("looks", requirements=["REQ-PROT-001"])
def test_looks(bench, pump):
    for _ in range(20):
        pump.read_status()
"""


@pytest.fixture
def resumed(tmp_path: Path) -> Path:
    """The folder of a run that was killed between its looks at the pump, and resumed in a world that began anew."""
    path = tmp_path / "looks.py"
    path.write_text(LOOKS, encoding="utf-8")
    assert run_in_child(RunSettings((str(path),), out=tmp_path / "runs"), kill_at=30).killed
    folder = only_run(tmp_path / "runs")
    assert folder is not None
    assert run_procedures(RunSettings(resume=folder), Silent()).exit_code == 0
    return folder


def test_all_parts_are_decoded_and_exported(resumed: Path, tmp_path: Path, pumprig: PumpRig) -> None:
    """What the folder gives is what its files give one after the other, and where they join is said."""
    files = [resumed / "run.mcap", resumed / "run-2.mcap"]
    apart = [pumprig("decode", file, "--json").stdout for file in files]
    assert all(apart)
    together = pumprig("decode", "last", "--json")
    assert together.stdout == "".join(apart)
    assert "run.mcap ends at byte " in together.stderr
    assert "where the run was interrupted; run-2.mcap begins anew at bench time 0" in together.stderr
    assert pumprig("export", "last", "--format", "csv", "--out", "csv").returncode == 0
    with (tmp_path / "csv" / "status.csv").open(encoding="utf-8") as file:
        rows = len(list(csv.reader(file))) - 1
    assert rows == together.stdout.count('{"type":"status"') > 20
    done = json.loads(pumprig("export", "last", "--format", "pcapng", "--out", "wire.pcapng", "--json").stdout)
    assert [Path(each["path"]).name for each in done["recordings"]] == ["run.mcap", "run-2.mcap"]
    assert done["recordings"][0]["truncated_at"] is not None
    assert done["truncated_at"] is None


def test_info_says_what_each_part_holds(resumed: Path, pumprig: PumpRig) -> None:
    """Both files, as text and as JSON."""
    said = pumprig("info", "last").stdout
    assert all(f"{resumed.name}/{name}: " in said for name in ("run.mcap", "run-2.mcap"))
    parts = json.loads(pumprig("info", "last", "--json").stdout)["recordings"]
    assert [each["complete"] for each in parts] == [False, True]


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize(
    "command", [["diff", "last", "last"], ["replay", "last", "--model"], ["replay", "last", "--to", "pty"]]
)
@pytest.mark.usefixtures("resumed")
def test_what_needs_one_whole_recording_refuses_several(pumprig: PumpRig, command: list[str]) -> None:
    """The files are named, one of which can be taken by itself."""
    done = pumprig(*command)
    assert done.returncode == 2
    assert (
        "the run was resumed, and no recording of it is whole; name one of its files, run.mcap and run-2" in done.stderr
    )


def test_one_part_is_compared_without_the_measurements_of_the_run(resumed: Path, pumprig: PumpRig) -> None:
    """They are not that part's own."""
    part = resumed / "run-2.mcap"
    assert pumprig("diff", part, part).returncode == 0
    assert "measurements: none to compare" in pumprig("diff", resumed / "run.mcap", part).stdout


@pytest.mark.usefixtures("resumed")
def test_verify_finds_nothing_in_a_resumed_run(pumprig: PumpRig) -> None:
    """That the first part ends where the run was killed is what the manifest says."""
    done = pumprig("verify", "last")
    assert (done.returncode, "where the run was interrupted and resumed" in done.stdout) == (0, True), done.stdout
