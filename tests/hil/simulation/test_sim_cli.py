"""``pumprig sim`` as users and other programs meet it: real processes, their output and exit codes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hil.simulation.simulated import scenario_names
from tests.command_line import pumprig

pytestmark = pytest.mark.system


def _sim(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return pumprig(["sim", *arguments], timeout=100)


def _json(*arguments: str | Path) -> dict[str, Any]:
    done = _sim(*arguments, "--json")
    assert done.stderr == ""
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_json_is_what_other_programs_rely_on() -> None:
    """One object; events have time and name, alarms also alarm, priority and state; the balance is exact."""
    shown = _json("catheter-occlusion-full")
    assert shown["schema"] == "pumprig.sim/1"
    assert shown["met"] is True
    alarms = [event for event in shown["events"] if event["event"] == "alarm"]
    assert [(event["alarm"], event["priority"], event["state"]) for event in alarms] == [
        ("occlusion", "high", "raised"),
        ("flow-low", "medium", "raised"),
    ]
    assert all(isinstance(event["time_ms"], int) for event in shown["events"])
    balance = shown["balance"]
    put_in = balance["initial_nl"] + balance["refilled_nl"]
    there = sum(balance[name] for name in ("reservoir_nl", "delivered_nl", "leaked_nl", "withdrawn_nl"))
    assert put_in == there


def test_a_folder_holds_events_curves_and_report(tmp_path: Path) -> None:
    """The same scenario and seed give the same bytes; another seed does not; a foreign folder is left alone."""
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, seed in zip(folders, ("1", "1", "2"), strict=True):
        assert _sim("catheter-occlusion-transient", "--seed", seed, "--out", folder).returncode == 0
    for name in ("events.json", "curves.parquet", "report.html"):
        first, again, other = ((folder / name).read_bytes() for folder in folders)
        assert first == again
        assert first != other
    curves = pq.read_table(folders[0] / "curves.parquet")
    assert {"time_h", "volume_ml", "flow_ml_per_day", "outlet_kpa"} <= set(curves.column_names)
    report = (folders[0] / "report.html").read_text(encoding="utf-8")
    assert "AS EXPECTED" in report
    assert "http://" not in report.split("<script>")[0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose me", encoding="utf-8")
    refused = _sim("reset", "--out", tmp_path / "mine")
    assert refused.returncode == 2
    assert "holds something else" in refused.stderr


def test_what_is_not_as_expected_fails_and_says_how_to_repeat_it() -> None:
    """A scenario that wants a fever to show does not fit a stiff pump: exit 1, and the command."""
    done = _sim("fever", "--profile", "generic-30ml-butane", "--seed", "3")
    assert done.returncode == 1
    assert "NOT MET" in done.stdout
    assert "reproduce  pumprig sim fever --seed 3 --profile generic-30ml-butane" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["catheter-oclusion-full"], "did you mean catheter-occlusion-full"),
        (["nowhere.toml"], "there is no such file"),
        (["reset", "--profile", "generic-30"], "did you mean generic-30ml"),
        (["reset", "--days", "-1"], "--days"),
        ([], "--list-scenarios"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: list[str], said: str) -> None:
    """Exit 2, what to do, and no traceback."""
    done = _sim(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_lists() -> None:
    """Every fault and every scenario is listed, with how to say it."""
    faults, scenarios = _sim("--list-faults"), _sim("--list-scenarios")
    assert "catheter-occlusion" in faults.stdout
    assert "[[fault]]" in faults.stdout
    assert len({line.index("(") for line in faults.stdout.splitlines() if line[:1] not in {" ", "i"}}) == 1
    assert all(name in scenarios.stdout for name in scenario_names())
