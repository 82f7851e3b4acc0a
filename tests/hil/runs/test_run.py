"""A run from its first moment: it has the bench, or there is none."""

import re
from pathlib import Path

import pytest

from hil.benches.bench_file import load_bench
from hil.benches.bench_state import BenchState
from hil.benches.safe_state import SafeStep
from hil.benches.supervisor import Supervisor
from hil.errors import BenchFault, RecordingError, UsageError
from hil.runs.observer import Silent
from hil.runs.run import Run
from hil.runs.run_plan import plan_run
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped


@pytest.fixture
def bench_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench with ports, of which nobody says that it serves them."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("hil.benches.bench_state._PATIENCE_S", 0.1)
    text = shipped("benches/served.toml").read_text(encoding="utf-8")
    path = tmp_path / "bench.toml"
    path.write_text(re.sub(r"\n\[serve.*?(?=\n\[(?!serve)|\Z)", "\n", text, flags=re.DOTALL), encoding="utf-8")
    return path


def test_a_bench_is_held_from_before_there_is_a_folder(bench_file: Path, tmp_path: Path) -> None:
    """Of runs that begin at once one has it, whenever it first needs it; the others are refused and leave nothing."""
    plan = plan_run(RunSettings(("identity",), bench=bench_file, out=tmp_path / "runs"))
    first = Run(plan, tmp_path / "runs", Silent())
    with pytest.raises(BenchFault, match=rf"in use by this very process \(\d+\) for {first.folder.path}$"):
        Run(plan, tmp_path / "runs", Silent())
    assert list((tmp_path / "runs").iterdir()) == [first.folder.path]
    first.finish()
    BenchState(load_bench(bench_file)).check()


def test_a_run_that_cannot_begin_lets_go_of_the_bench(bench_file: Path, tmp_path: Path) -> None:
    """As where its folder cannot be made."""
    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    plan = plan_run(RunSettings(("identity",), bench=bench_file, out=tmp_path / "runs"))
    with pytest.raises(UsageError, match="cannot be written"):
        Run(plan, tmp_path / "runs", Silent())
    BenchState(load_bench(bench_file)).check()


class _Unconfirmed(Supervisor):
    """A supervisor that could not confirm the bath."""

    def __init__(self) -> None:
        pass

    def release(self) -> list[SafeStep]:
        return [SafeStep("bath", "stopped", "not known", "unplugged"), SafeStep("supply", "output off", "output off")]


def test_an_unsafe_bench_is_told_where_nothing_can_be_written(
    bench_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's folder has become read-only: one line says which instrument is to be looked at, and how to go on."""
    monkeypatch.setattr(Supervisor, "for_bench", lambda *_: _Unconfirmed())
    plan = plan_run(RunSettings(("identity",), bench=bench_file, out=tmp_path / "runs"))
    run = Run(plan, tmp_path / "runs", Silent())
    with pytest.raises(BenchFault):
        run.open_bench()
    trail = run.folder.path / "audit.jsonl"
    trail.unlink()
    trail.mkdir()
    with pytest.raises(RecordingError) as failed:
        run.finish()
    assert [page.problem for page in run.procedures if page.name == "safe state"] == ["not confirmed: unplugged"]
    assert str(failed.value).split("; ") == [
        f"{trail}: cannot be written: Is a directory",
        "safe state not confirmed: bath",
        f"look at it, then pumprig bench safe {bench_file}",
        f"what was found is kept: once that can be written, pumprig run --resume {run.folder.path}",
    ]
