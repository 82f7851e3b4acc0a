"""A run as its folder keeps it: what is read back is what was kept, and what was not is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from hil.benches.bench_file import load_bench
from hil.errors import RecordingError, UsageError
from hil.runs.kept_run import KeptPlan, KeptRun
from hil.runs.observer import Silent
from hil.runs.run import Run
from hil.runs.run_journal import RunJournal
from hil.runs.run_plan import plan_run
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a simulated run that has only begun."""
    run = Run(plan_run(RunSettings(("identity",), out=tmp_path)), tmp_path, Silent())
    run.keeper.close()
    return run.folder.path


PART = {
    "part": 1,
    "utc": "2026-01-01T00:00:00.000+00:00",
    "recording": "run.mcap",
    "start_utc_ms": 1,
    "began_ms": 0,
    "world": "first",
    "lives_on": True,
}
TAKEN = {"item": "a.py::test_a", "attempt": 1}


def keep(folder: Path, *entries: dict[str, Any]) -> None:
    """Write them into the journal."""
    journal = RunJournal(folder / "journal.jsonl")
    for entry in entries:
        journal.append(**entry)
    journal.close()


def test_what_was_kept_is_read_back(folder: Path) -> None:
    """In order; what the same device says later counts."""
    keep(
        folder,
        {"entry": "part", **PART},
        {"entry": "devices", "devices": {"pump": {"model": "old"}, "bath": {"model": "F12"}}},
        {"entry": "begun", **TAKEN, "name": "a"},
        {"entry": "kept", **TAKEN, "name": "mass", "data": 1},
        {"entry": "kept", **TAKEN, "name": "mass", "data": 2},
        {"entry": "unfinished", **TAKEN, "fault": "a: unplugged"},
        {"entry": "devices", "devices": {"pump": {"model": "new"}}},
        {"entry": "quarantined", "reason": "it smokes"},
    )
    kept = KeptRun.load(folder)
    assert [part.recording for part in kept.parts] == ["run.mcap"]
    assert kept.devices == {"pump": {"model": "new"}, "bath": {"model": "F12"}}
    assert kept.begun == {("a.py::test_a", 1): "a"}
    assert kept.kept == {("a.py::test_a", 1, "mass"): [1, 2]}
    assert (kept.bench_faults, kept.quarantined) == (["a: unplugged"], "it smokes")
    anew = kept.from_the_start()
    assert (anew.parts, anew.devices, anew.begun) == (kept.parts, kept.devices, kept.begun)
    assert (anew.kept, anew.finished, anew.measured, anew.bench_faults, anew.quarantined) == ({}, {}, {}, [], None)


@pytest.mark.parametrize(
    "entry",
    [
        {"entry": "part"},
        {"entry": "devices", "devices": ["abc"]},
        {"entry": "devices", "devices": {"pump": 3}},
        {"entry": "begun", "item": ["a"], "attempt": 1, "name": "a"},
        {"entry": "kept", **TAKEN, "name": "mass"},
        {"entry": "measured", **TAKEN, "measurement": 3},
        {"entry": "finished", **TAKEN, "page": {}},
        {"entry": "unfinished", **TAKEN, "fault": 3},
        {"entry": "quarantined", "reason": ["it smokes"]},
    ],
)
def test_what_was_never_kept_so_is_named(folder: Path, entry: dict[str, Any]) -> None:
    """A line of another version, or that somebody has edited, ends in the one error, before anything is run."""
    keep(folder, entry)
    with pytest.raises(RecordingError, match=r"journal\.jsonl: is of another version of pumprig: "):
        KeptRun.load(folder)


@pytest.mark.parametrize("text", ["[]", "3", "{", "null"])
def test_a_manifest_that_is_none_is_named(folder: Path, text: str) -> None:
    """Nobody knows whether its run is finished."""
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError, match=r"manifest\.json: cannot be read: "):
        KeptRun.load(folder).check_unfinished()


def test_only_what_is_unfinished_is_resumed(folder: Path) -> None:
    """Killed, interrupted or with a fault of the bench; by nobody else's manifest."""
    kept = KeptRun.load(folder)
    kept.check_unfinished()
    for said in ({"interrupted": True}, {"resumable": True}, {"interrupted": False, "resumable": True}):
        (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
        kept.check_unfinished()
    (folder / "manifest.json").write_text('{"verdict": "pass", "interrupted": false}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"is finished \(verdict pass\); there is nothing to resume"):
        kept.check_unfinished()


def test_a_kept_plan_holds_wherever_it_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path in it is absolute; a procedure that goes by its name keeps it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench.toml").write_bytes(shipped("benches/simulated.toml").read_bytes())
    (tmp_path / "mine.py").write_text("def test_it(bench): pass", encoding="utf-8")
    settings = RunSettings(
        ("mine.py", "flow-accuracy"),
        bench=Path("bench.toml"),
        recording=Path("r.mcap"),
        out=Path("runs"),
        limits_file=Path("limits.toml"),
    )
    plan = KeptPlan.of(settings, load_bench(Path("bench.toml")), (Path("mine.py"),), command="", started_utc="")
    kept = plan.settings
    assert kept.procedures == (str(tmp_path / "mine.py"), "flow-accuracy")
    assert (kept.bench, kept.recording) == (tmp_path / "bench.toml", tmp_path / "r.mcap")
    assert (kept.out, kept.limits_file) == (tmp_path / "runs", tmp_path / "limits.toml")
    assert plan.bench.path == str(tmp_path / "bench.toml")
    plan.check_files()
    (tmp_path / "mine.py").unlink()
    with pytest.raises(UsageError, match=r"mine\.py: is gone"):
        plan.check_files()
