"""``pumprig run`` with parameters, plans, overdue instruments and limits in other units, as a user starts it."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hil.errors import UsageError
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_result import RunResult
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

_NUMBERS = itertools.count()

DWELL = '''
import pytest
from hil.parameter import Parameter


@pytest.mark.procedure(
    "dwell",
    measurements={"passed": "h"},
    limits={"passed": ("%s", "3 h")},
    parameters=(Parameter("dwell_h", "h", 1.0, 0.5, 5.0, "how long it waits"),),
    duration_h=lambda parameters: parameters["dwell_h"],
)
def test_dwell(bench, bath, measure, parameters):
    """Time passes."""
    before = bench.now_ms()
    bench.sleep(hours=parameters["dwell_h"])
    bath.temperature_c()
    measure("passed", (bench.now_ms() - before) / 3_600_000, "h", expanded_uncertainty=0.01)


def test_other(bench, measure):
    """Runs only if all else makes sense."""
    measure("other", 1.0, "mL", expanded_uncertainty=0.1)
'''


def bench_file(tmp_path: Path, due: str) -> Path:
    """The simulated bench, whose instruments are due on ``due``; it begins on 2026-01-01."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8").replace("../pumps", str(shipped("pumps")))
    path = tmp_path / "bench.toml"
    path.write_text(text.replace("2027-06-30", due), encoding="utf-8")
    return path


def run(tmp_path: Path, source: str, **settings: Any) -> tuple[RunResult, dict[str, Any]]:
    """A run of one file in this process, and its manifest."""
    file = tmp_path / f"dwell_{next(_NUMBERS)}.py"  # pytest keeps modules by name: each run needs a name of its own
    file.write_text(source, encoding="utf-8")
    result = run_procedures(RunSettings((str(file),), out=tmp_path / "runs", **settings), Silent())
    return result, json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))


def test_plan_in_json_touches_nothing(pumprig: PumpRig, tmp_path: Path) -> None:
    """A plan for ports that do not exist works, and leaves no folder behind."""
    plan = pumprig("run", "--plan", "--bench", shipped("benches/example-real.toml"), "--uncertainty", "2%", "--json")
    assert plan.returncode == 0, plan.stderr
    said = json.loads(plan.stdout)
    assert said["schema"] == "pumprig.plan/1"
    assert said["target"] == "bench"
    assert said["flow"]["needed_h"] < 24
    assert not (tmp_path / "runs").exists()


def test_a_wanted_uncertainty_that_is_none_is_refused_by_its_option(pumprig: PumpRig) -> None:
    """Exit 2, and one line that says which option it is about."""
    plan = pumprig("run", "--plan", "--uncertainty", "2mL")
    assert plan.returncode == 2
    assert plan.stderr.startswith("pumprig: --uncertainty 2mL: '2mL' cannot be told in %")


def test_plan_for_people_says_why_not(pumprig: PumpRig) -> None:
    """One percent cannot be had: exit 4, and the floor is named."""
    plan = pumprig("run", "--plan", "--uncertainty", "1%")
    assert plan.returncode == 4, plan.stderr
    assert "not possible" in plan.stdout
    assert "limit of the method" in plan.stdout
    assert pumprig("run", "--uncertainty", "1%").returncode == 2


def test_parameters_are_recorded_and_replayed(tmp_path: Path) -> None:
    """A chosen value is in manifest and command, decides what happens, and a replay takes it from the recording."""
    result, manifest = run(tmp_path, DWELL % "30 min", parameters=("dwell_h=90 min",))
    assert result.exit_code == 0
    assert manifest["parameters"] == {"dwell": {"dwell_h": 1.5}}
    assert "--set 'dwell_h=90 min'" in manifest["reproduce"]
    measured = {each["name"]: each for each in manifest["measurements"]}["passed"]
    assert (measured["value"], measured["lower"], measured["unit"]) == (pytest.approx(1.5, abs=1e-3), 0.5, "h")
    again, replayed = run(tmp_path, DWELL % "30 min", recording=result.folder)
    assert again.exit_code == 0
    assert replayed["parameters"] == manifest["parameters"]
    assert replayed["measurements"] == manifest["measurements"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DWELL % "30 kPa", ".py::test_dwell: limits of passed: '30 kPa'"),
        (DWELL.replace('1.0, "mL"', '1.0, "mL", lower="1 h"') % "1 h", "limits of other: '1 h'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(tmp_path: Path, source: str, said: str) -> None:
    """Wrong dimension in the marker or in the code: named, and there is no run of it."""
    with pytest.raises(UsageError, match=re.escape(said)):
        run(tmp_path, source)
    assert not list(tmp_path.rglob("plan.json"))


def test_an_unknown_parameter_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    """Only the procedures know their parameters: they are read, and not run."""
    with pytest.raises(UsageError, match="--set: no procedure of this run has a parameter 'dwel_h'; known: dwell_h"):
        run(tmp_path, DWELL % "30 min", parameters=("dwel_h=1",))
    assert not list(tmp_path.rglob("plan.json"))


def test_ctrl_c_while_procedures_are_read_is_an_interruption(pumprig: PumpRig, tmp_path: Path) -> None:
    """It was told as a parameter that does not exist: nothing had been collected."""
    interrupts = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "dwell.py").write_text(interrupts + DWELL % "30 min", encoding="utf-8")
    result = pumprig("run", "dwell.py", "--set", "dwell_h=1")
    assert result.returncode == 130
    assert result.stderr.strip() == "pumprig: interrupted"
    assert not (tmp_path / "runs").exists()


def test_overdue_is_inconclusive_until_somebody_answers_for_it(tmp_path: Path) -> None:
    """Exit 4 and the date; with a reason a pass, and the reason in manifest, audit trail, report and replay."""
    file = bench_file(tmp_path, "2025-12-31")
    result, manifest = run(tmp_path, DWELL % "30 min", bench=file)
    assert result.exit_code == 4
    assert manifest["overdue"] == {"balance": "2025-12-31", "bath": "2025-12-31"}
    assert "proves nothing" in (result.folder / "report.html").read_text(encoding="utf-8")
    other = {each["name"]: each["outcome"] for each in manifest["measurements"]}["other"]
    assert other == "pass", "it rests on no instrument"

    result, manifest = run(tmp_path, DWELL % "30 min", bench=file, accept_overdue=("bath=as found good",))
    assert result.exit_code == 0
    assert manifest["accepted_overdue"] == {"bath": "as found good"}
    for name in ("audit.jsonl", "report.html"):
        assert "as found good" in (result.folder / name).read_text(encoding="utf-8"), name
    again, _ = run(tmp_path, DWELL % "30 min", recording=result.folder)
    assert again.exit_code == 0


def test_bench_date_counts_and_not_the_wall(tmp_path: Path) -> None:
    """Due a day after the virtual bench began, long before today: still good, also in a replay."""
    result, _ = run(tmp_path, DWELL % "30 min", bench=bench_file(tmp_path, "2026-01-02"))
    assert result.exit_code == 0
    assert run(tmp_path, DWELL % "30 min", recording=result.folder)[0].exit_code == 0
