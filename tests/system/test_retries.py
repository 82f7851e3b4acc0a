"""Retries repeat groups and are no plain pass; after a failed state of the pump the rest is quarantined."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from cli import pumprig
from hil.benches.bench_check import check_bench
from hil.benches.bench_file import load_bench
from hil.runs.console import print_result
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from hil.shipped import shipped

pytestmark = pytest.mark.system

FLAKY = """
import pytest

calls = []

@pytest.fixture(scope="module")
def prepared():
    calls.append("prepared")

@pytest.mark.procedure("prepare")
def test_prepare(pump, prepared):
    calls.append("prepare")

@pytest.mark.procedure("judge", measurements=["level"], requirements=["REQ-TEMP-001"])
def test_judge(pump, measure):
    level = {level}
    measure("level", level, "V", expanded_uncertainty=0.1, lower=0, upper=1)

@pytest.mark.procedure("other", group="apart")
def test_other(pump):
    assert calls == {calls}, calls
"""


def run(tmp_path: Path, body: str, **settings: Any) -> dict[str, Any]:
    """The manifest of a run of one file, with the folder it stands in."""
    path = tmp_path / f"mine_{uuid4().hex}.py"  # pytest in this process would find the module of another test again
    path.write_text(body, encoding="utf-8")
    result = run_procedures(RunSettings((str(path),), out=tmp_path / "runs", **settings), Silent())
    manifest: dict[str, Any] = json.loads((result.folder / "manifest.json").read_bytes())
    return manifest | {"folder": result.folder}


def test_a_report_shows_each_attempt_with_what_it_measured(tmp_path: Path) -> None:
    """Of a procedure that was repeated, the value of the first attempt stands under the first, and so on."""
    body = FLAKY.format(level='0.5 if calls.count("prepare") > 1 else 1.5', calls=["prepared", "prepare"] * 2)
    folder = run(tmp_path, body, retries=2)["folder"]
    lines = CliRunner().invoke(pumprig, ["report", folder.name, "--runs", str(folder.parent)]).output.splitlines()
    shown = [line.split(maxsplit=1) for line in lines if line.split()[1:2] in (["judge"], ["level:"])]
    assert shown == [
        ["fail", "judge (attempt 1; repeated)"],
        ["fail", "level: 1.5 +- 0.1 V (0 to 1)"],
        ["pass", "judge"],
        ["pass", "level: 0.5 +- 0.1 V (0 to 1)"],
    ]


def test_pass_after_retry_is_inconclusive(tmp_path: Path) -> None:
    """The file's procedures are repeated together, with new fixtures; all attempts stay, and the run is no pass."""
    twice = ["prepared", "prepare"] * 2
    body = FLAKY.format(level='0.5 if calls.count("prepare") > 1 else 1.5', calls=twice)
    found = run(tmp_path, body, retries=2)
    assert (found["verdict"], found["exit_code"]) == ("inconclusive", 4)
    attempts = [(each["name"], each["attempts"], each["outcome"], each["superseded"]) for each in found["procedures"]]
    assert attempts == [
        ("prepare", 1, "pass", True),
        ("judge", 1, "fail", True),
        ("prepare", 2, "pass", False),
        ("judge", 2, "pass", False),
        ("other", 1, "pass", False),
    ]
    assert [(each["attempt"], each["outcome"]) for each in found["measurements"]] == [(1, "fail"), (2, "pass")]
    assert {each["id"]: each["outcome"] for each in found["requirements"]}["REQ-TEMP-001"] == "inconclusive"
    assert any(each.startswith("Repeated: judge") for each in found["deviations"])
    report = (found["folder"] / "report.html").read_text(encoding="utf-8")
    assert "pass after retry" in report
    assert "of an attempt that was repeated" in report
    assert (found["folder"] / "junit.xml").read_text(encoding="utf-8").count("<testcase") == 5


def test_what_fails_in_every_attempt_fails(tmp_path: Path) -> None:
    """So many attempts as were asked for, and then a fail."""
    found = run(tmp_path, FLAKY.format(level="1.5", calls=["prepared", "prepare"] * 3), retries=2)
    assert (found["verdict"], found["exit_code"]) == ("fail", 1)
    assert [each["attempts"] for each in found["procedures"] if each["name"] == "judge"] == [1, 2, 3]


def test_retry_that_skips_decides_nothing(tmp_path: Path) -> None:
    """The attempt before it stands: it failed, and so does the run."""
    body = FLAKY.format(
        level='1.5 if calls.count("prepare") == 1 else pytest.skip("no chamber")', calls=["prepared", "prepare"] * 2
    )
    found = run(tmp_path, body, retries=1)
    assert (found["verdict"], found["exit_code"]) == ("fail", 1)
    attempts = [(each["attempts"], each["outcome"], each["superseded"]) for each in found["procedures"]]
    assert attempts[1::2] == [(1, "fail", False), (2, "skipped", False)]


def test_without_retries_nothing_is_repeated(tmp_path: Path) -> None:
    """The default."""
    found = run(tmp_path, FLAKY.format(level="1.5", calls=["prepared", "prepare"]))
    assert (found["verdict"], len(found["procedures"])) == ("fail", 3)


QUARANTINE = """
import pytest
from hil.errors import LinkError
from hil.pump.programmer import PumpFault

@pytest.mark.procedure("first", requirements=["REQ-TEMP-001"])
def test_first(bench, pump, monkeypatch):
    {what}

@pytest.mark.procedure("second", requirements=["REQ-FLOW-001"])
def test_second(bench, pump):
    raise RuntimeError("must not run")
"""


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ('raise PumpFault("sim:pump: no answer")', "after first: the pump failed: sim:pump: no answer"),
        ('raise LinkError("sim:pump: unplugged")', "after first: the pump's link failed"),
        (
            'object.__setattr__(bench.pump_identity, "serial_number", "ANOTHER"); assert not "wrong"',
            "after first: pump SN0042 answers, it was ANOTHER before",
        ),
    ],
)
def test_rest_is_quarantined(tmp_path: Path, what: str, reason: str) -> None:
    """Nothing is run on a pump in an unknown state, not even a retry; the verdict is an error."""
    found = run(tmp_path, QUARANTINE.format(what=what), retries=1)
    assert (found["verdict"], found["exit_code"]) == ("error", 3)
    assert [(each["name"], each["outcome"]) for each in found["procedures"]][1] == ("second", "skipped")
    assert len(found["procedures"]) == 2
    assert found["quarantine"].startswith(reason)
    assert found["procedures"][1]["problem"].startswith("quarantined: after first")
    assert "REQ-FLOW-001" in [each["requirement"] for each in found["not_claimed"]]
    assert "Quarantine: after first" in (found["folder"] / "report.html").read_text(encoding="utf-8")


def test_a_replay_ends_with_its_first_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One procedure says where they part, also if it is for any pump; the rest is left out, and no alarm is raised."""
    recorded = run(tmp_path, QUARANTINE.format(what="pump.read_status()").replace("raise Run", "pass  # Run"))
    others = RunSettings(
        ("protocol-conformance",), target="replay", recording=recorded["folder"], out=tmp_path / "replays"
    )
    result = run_procedures(others, Silent())
    assert (result.exit_code, [page.said for page in result.procedures[:2]]) == (3, ["error", "quarantined"])
    assert {page.said for page in result.procedures[2:]} == {"quarantined"}
    print_result(result)
    said = capsys.readouterr()
    assert said.out.replace("\n", " ").count(": diverges at") == 2, said.out
    assert "count-mismatch" not in said.err


def test_pump_in_safe_mode_is_quarantined(tmp_path: Path) -> None:
    """A failed expectation is looked into: a pump in its safe mode is tested no further."""
    body = QUARANTINE.format(what="bench.sleep(hours=7)\n    assert pump.read_status().mode == 2")
    found = run(tmp_path, body, injections=("firmware-hang=3@1h",))
    assert found["verdict"] == "error"
    assert "SAFE" in found["quarantine"]


def test_missed_expectation_on_a_sound_pump_lets_the_rest_run(tmp_path: Path) -> None:
    """The pump answers as before: the next procedure runs."""
    body = QUARANTINE.format(what='assert not "wrong"').replace('raise RuntimeError("must not run")', "pass")
    found = run(tmp_path, body)
    assert (found["verdict"], found["quarantine"]) == ("fail", None)
    assert found["procedures"][1]["outcome"] == "pass"


def test_skipped_procedure_is_not_claimed(tmp_path: Path) -> None:
    """A bench without a balance: the reason, and the requirements of which the run therefore says nothing."""
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    begin = text.index("[instruments.balance]")
    end = text.index("[", begin + 1)
    (tmp_path / "bench.toml").write_text(text[:begin] + text[end:], encoding="utf-8")
    settings = RunSettings(("flow-accuracy",), bench=tmp_path / "bench.toml", out=tmp_path / "runs")
    result = run_procedures(settings, Silent())
    assert result.exit_code == 5
    assert {each["requirement"] for each in result.not_claimed} == {"REQ-FLOW-001", "REQ-FLOW-002", "REQ-TEMP-001"}
    assert all("has no [instruments.balance]" in each["why"] for each in result.as_json()["not_claimed"])
    manifest = json.loads((result.folder / "manifest.json").read_bytes())
    assert manifest["not_claimed"] == result.not_claimed


def test_bench_check_has_a_line_for_each_device(tmp_path: Path) -> None:
    """The shipped bench is sound; another serial number or an overdue calibration is amiss and named."""
    lines = {line.name: line for line in check_bench(load_bench(shipped("benches/simulated.toml")))}
    assert list(lines) == ["bench", "pump", "balance", "bath"]
    assert not any(line.problem for line in lines.values())
    text = shipped("benches/simulated.toml").read_text(encoding="utf-8")
    path = tmp_path / "bench.toml"
    path.write_text(text.replace("2027-06-30", "2025-06-30"), encoding="utf-8")
    assert "was due on 2025-06-30" in {line.name: line for line in check_bench(load_bench(path))}["balance"].problem
