"""kill -9 at any moment: nothing acknowledged is lost, and the run is resumed until it is whole."""

import json
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from hil.runs.audit import verify_audit
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.depth import at_depth
from tests.system.kills import End, found_in, only_run, run_in_child

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children"),
]

KILLS = at_depth(8, 50)
"""For each of four seeds."""

KILLED = End(killed=True, exit_code=0, records=[], entries=[])
NOTHING = End(killed=False, exit_code=0, records=[], entries=[])

PROCEDURES = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_step(bench, pump, measure, number):
    for _ in range(3):
        bench.sleep(seconds=10)
        status = pump.read_status()
    measure(f"alive-{number}", 1.0 + number, "V", expanded_uncertainty=0.1, lower=0, upper=9)
    measure(f"volume-{number}", status.volume_nl / 1e6, "mL", expanded_uncertainty=0.1, lower=0, upper=99)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """Four short procedures on the simulated bench."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "test_steps.py"
    path.write_text(PROCEDURES, encoding="utf-8")
    settings = RunSettings(procedures=(str(path),), out=tmp_path / "runs")
    # Once here, so that no child has to load what all of them need.
    assert run_procedures(replace(settings, out=tmp_path / "first"), Silent()).exit_code == 0
    return settings


def assert_kept(end: End, folder: Path | None, before: End) -> End:
    """Nothing that ``end`` acknowledged, nor anything found ``before``, is missing from the folder."""
    if folder is None:
        assert end.records == []
        assert end.entries == []
        return before
    now = found_in(folder)
    assert now.records[: len(before.records)] == before.records, "an earlier part's recording was touched"
    acknowledged = [record for record in now.records if record[0] not in {each[0] for each in before.records}]
    assert acknowledged[: len(end.records)] == end.records
    assert now.entries[: len(before.entries) + len(end.entries)] == before.entries + end.entries
    return now


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost_in_many_kills(settings: RunSettings, seed: int) -> None:
    """Runs are killed and resumed, again and again, before or after a random write, until each is whole."""
    random, kills, runs = Random(seed), 0, 0  # noqa: S311 - moments to kill at
    while kills < KILLS:
        runs += 1
        out = settings.out / str(runs)
        end, folder, found = KILLED, None, NOTHING
        while end.killed:
            again = RunSettings(resume=folder) if folder else RunSettings(settings.procedures, out=out)
            end = run_in_child(again, kill_at=random.randint(1, 60) if kills < KILLS else None)
            kills += end.killed
            folder = only_run(out)
            found = assert_kept(end, folder, found)
            if folder is not None and not (folder / "plan.json").exists():
                folder.rmdir()  # killed between making the folder and writing the plan: there is nothing to resume
                folder = None
            if folder is not None and (folder / "manifest.json").exists():
                break  # killed behind the very last write, if at all: then it is finished
        assert end.killed or end.exit_code == 0
        assert folder is not None
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert manifest["verdict"] == "pass"
        assert [each["name"] for each in manifest["measurements"]] == [
            f"{name}-{number}" for number in range(4) for name in ("alive", "volume")
        ]
        assert bool(manifest["resumed"]) == (len(manifest["recordings"]) > 1)
        assert set(manifest["recordings"]) <= set(manifest["files"])
        assert verify_audit(folder / "audit.jsonl") >= 2
        finished = [each["item"] for each in found.entries if each["entry"] == "finished"]
        assert len(finished) == len(set(finished)) == 4, "a finished procedure was run again"
