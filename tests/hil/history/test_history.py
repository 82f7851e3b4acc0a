"""Runs that were made earlier: named, listed, and followed over time."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli import pumprig
from hil.errors import RecordingError, UsageError
from hil.history.run_index import DAMAGED, INCOMPLETE, RunFilter, runs_of, trend_of
from hil.history.run_names import find_run
from hil.history.trend import Trend
from hil.measurement import Outcome


def make_run(
    runs: Path, name: str, *, dut: str = "SN0042", verdict: str = "pass", said: Any = None, **flows: float
) -> None:
    """A run folder as a run leaves it; ``flows`` are measurements by name, ``said`` is what else its manifest says."""
    folder = runs / name
    folder.mkdir(parents=True)
    measurements: list[dict[str, Any]] = [
        {"name": key.replace("_", "-"), "procedure": "flow-accuracy", "value": value, "unit": "mL/day",
         "expanded_uncertainty": 0.014, "lower": 0.85, "upper": 1.15, "outcome": "pass", "requirements": [],
         "attempt": 1}
        for key, value in flows.items()
    ]  # fmt: skip
    manifest = {
        "verdict": verdict, "target": "sim", "seed": 1, "pump": {"serial number": dut}, "measurements": measurements,
        "procedures": [
            {"name": "flow-accuracy", "outcome": verdict, "problem": None, "attempts": 1, "superseded": False}
        ],
        "reproduce": "pumprig run",
    } | (said or {})  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if measurements:
        pq.write_table(pa.Table.from_pylist(measurements), folder / "measurements.parquet")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four runs of two pumps; one of them killed, and a folder that is none."""
    make_run(tmp_path, "20260101T100000Z_flow-accuracy_SN0042_aaaaa1", flow=1.00)
    make_run(tmp_path, "20260102T100000Z_flow-accuracy_SN0042_aaaaa2", flow=1.02, flow_estimate_error=0.1)
    make_run(tmp_path, "20260103T100000Z_flow-accuracy_SN0043_bbbbb1", dut="SN0043", verdict="fail", flow=1.30)
    (tmp_path / "20260104T100000Z_soak_SN0042_cccccc").mkdir()
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", "20260104T100000Z_soak_SN0042_cccccc"),
        ("last~3", "20260101T100000Z_flow-accuracy_SN0042_aaaaa1"),
        ("20260103", "20260103T100000Z_flow-accuracy_SN0043_bbbbb1"),
        ("aaaaa2", "20260102T100000Z_flow-accuracy_SN0042_aaaaa2"),
    ],
)
def test_a_run_is_found_by_name(runs: Path, name: str, found: str) -> None:
    """``last``, how far back, the beginning of a name and its last word each mean one run."""
    assert find_run(name, runs).name == found


@pytest.mark.parametrize(
    ("name", "said"),
    [("2026010", "could be"), ("zzz", "no run under"), ("last~9", "there are 4 runs"), ("", "an empty name")],
)
def test_a_name_that_means_no_one_run_is_refused(runs: Path, name: str, said: str) -> None:
    """None, or more than one: the message says which there are."""
    with pytest.raises(UsageError, match=said):
        find_run(name, runs)


def test_runs_are_listed_and_filtered(runs: Path) -> None:
    """By pump, procedure, verdict and day; a run without a manifest is incomplete, never passed."""

    def named(**which: Any) -> list[str]:
        return [row.name[-6:] for row in runs_of(runs, RunFilter(**which))]

    assert named() == ["aaaaa1", "aaaaa2", "bbbbb1", "cccccc"]
    assert named(dut="SN0042") == ["aaaaa1", "aaaaa2", "cccccc"]
    assert named(procedure="flow-accuracy", verdict="pass") == ["aaaaa1", "aaaaa2"]
    assert named(verdict="incomplete") == ["cccccc"]
    assert named(since=date(2026, 1, 2), until=date(2026, 1, 3)) == ["aaaaa2", "bbbbb1"]


def test_damaged_runs_hide_no_others(runs: Path) -> None:
    """A manifest or a table that cannot be read costs its own run only."""
    (runs / "20260101T100000Z_flow-accuracy_SN0042_aaaaa1" / "manifest.json").write_text("{")
    (runs / "20260102T100000Z_flow-accuracy_SN0042_aaaaa2" / "measurements.parquet").write_bytes(b"PAR1")
    assert [row.verdict for row in runs_of(runs, RunFilter())] == ["damaged", "pass", "fail", "incomplete"]
    assert [point.value for point in trend_of(runs, "flow", RunFilter())] == [1.00, 1.30]


@pytest.mark.parametrize("manifest", ["{}", "[1]", "3", '{"procedures": [], "verdict": "pass"}'])
def test_a_manifest_that_is_none_is_refused_by_its_file(runs: Path, manifest: str) -> None:
    """JSON of something else is a damaged run, for people and for programs."""
    path = runs / "20260101T100000Z_flow-accuracy_SN0042_aaaaa1" / "manifest.json"
    path.write_text(manifest)
    for options in ([], ["--json"]):
        done = CliRunner().invoke(pumprig, ["report", "aaaaa1", "--runs", str(runs), *options])
        assert done.stdout == ""
        assert isinstance(done.exception, RecordingError)
        assert str(path) in str(done.exception)


def test_a_misspelt_measurement_is_told_the_nearest_one(runs: Path) -> None:
    """Or, where there is none, what these runs have measured."""
    for name, said in (
        ("flwo", "none of these runs; did you mean flow?"),
        ("voltage", "none of these runs; measured: "),
    ):
        with pytest.raises(UsageError, match=said):
            trend_of(runs, name, RunFilter())


def test_a_trend_is_a_measurement_over_runs(runs: Path) -> None:
    """Only the runs that took it, in their order, and only of the pump that is asked for."""
    assert [point.value for point in trend_of(runs, "flow", RunFilter(dut="SN0042"))] == [1.00, 1.02]
    named = runs / "procedure=soak"  # as data lakes name folders: it is no column
    make_run(named, "20260101T100000Z_flow-accuracy_SN0042_aaaaa1", flow=1.00)
    assert len(trend_of(named, "flow", RunFilter(procedure="flow-accuracy"))) == 1
    with pytest.raises(UsageError, match="needs at least 2"):
        Trend.of("flow-estimate-error", trend_of(runs, "flow-estimate-error", RunFilter()))


@pytest.mark.parametrize(("unit", "label"), [("mL/day", "f / (mL/day)"), ("C", "f / °C"), ("ms", "f / ms"), ("1", "f")])
def test_an_axis_says_its_unit_once_and_plainly(runs: Path, unit: str, label: str) -> None:
    """Divided by a unit that is a fraction, a quantity would read as one more fraction; a pure number has no unit."""
    points = [replace(point, unit=unit) for point in trend_of(runs, "flow", RunFilter())]
    assert Trend.of("f", points).figures()[0].y_label == label


def test_replays_are_shown_as_such_and_are_no_points_of_a_trend(runs: Path) -> None:
    """Judging a recording anew measures nothing: no further point, and no moving range of zero."""
    replayed = {"target": "replay"}
    make_run(runs, "20260105T100000Z_flow-accuracy_SN0042_ddddd1", said=replayed, flow=1.02)
    make_run(runs, "20260106T100000Z_flow-accuracy_SN0042_ddddd2", said=replayed | {"rejudged": True}, flow=1.02)
    assert [point.value for point in trend_of(runs, "flow", RunFilter())] == [1.00, 1.02, 1.30]
    lines = CliRunner().invoke(pumprig, ["runs", "--runs", str(runs)]).output.splitlines()
    assert [line.partition("  (")[2] for line in lines[-3:]] == ["", "replay)", "replay, re-judged)"]


@pytest.mark.parametrize("command", [["runs"], ["trend", "flow"]])
def test_a_folder_with_an_impossible_date_is_named_and_hides_no_other(runs: Path, command: list[str]) -> None:
    """31 November: the others are listed and followed, and ``last`` is one of them."""
    make_run(runs, "20261131T000000Z_flow_SN_abcdef", flow=9.0)
    result = CliRunner().invoke(pumprig, [*command, "--runs", str(runs)])
    assert result.exit_code == 0, result.output
    assert "20261131T000000Z_flow_SN_abcdef: left out" in result.stderr
    assert "20260103T100000Z_flow-accuracy_SN0043_bbbbb1" in result.stdout
    assert "abcdef" not in result.stdout
    assert find_run("last", runs).name == "20260104T100000Z_soak_SN0042_cccccc"


def test_a_verdict_that_does_not_exist_is_refused(runs: Path) -> None:
    """A slip is no empty list: the verdicts that runs can have are named, all of them."""
    result = CliRunner().invoke(pumprig, ["runs", "--runs", str(runs), "--verdict", "passed"])
    assert result.exit_code == 2
    for verdict in {*Outcome, INCOMPLETE, DAMAGED} - {Outcome.SKIPPED}:  # a run of which all was skipped is an error
        assert f"'{verdict}'" in result.stderr


def test_a_report_says_what_the_run_itself_said(runs: Path) -> None:
    """That it was re-judged and resumed, and what it does not claim, stands beside the verdict ever after."""
    said = {
        "rejudged": True,
        "resumed": [{"recording": "run-2.mcap", "world": "began anew"}],
        "not_claimed": [{"requirement": "REQ-[1]", "why": "skipped"}],
    }
    make_run(runs, "20260105T100000Z_flow-accuracy_SN0042_ddddd1", said=said)
    lines = CliRunner().invoke(pumprig, ["report", "last", "--runs", str(runs)]).output.splitlines()
    assert "verdict    pass, re-judged by other limits than the procedure's" in lines
    assert "resumed    run-2.mcap: the simulated world began anew" in lines
    assert "not claimed REQ-[1]" in lines


def test_an_error_is_shown_but_does_not_count(runs: Path, tmp_path: Path) -> None:
    """A value without a finite uncertainty is an error: shown, while mean, limits and signals are of the others."""
    for day, flow in enumerate([1.01, 5.0, 1.0, 1.01, 1.0, 1.01, 1.3], start=10):
        make_run(runs, f"202601{day}T100000Z_flow-accuracy_SN0042_eeee{day}", flow=flow)
    table = runs / "20260111T100000Z_flow-accuracy_SN0042_eeee11" / "measurements.parquet"
    (row,) = pq.read_table(table).to_pylist()
    pq.write_table(pa.Table.from_pylist([row | {"outcome": "error", "expanded_uncertainty": None}]), table)
    chart = tmp_path / "chart.html"
    words = ["trend", "flow", "--runs", str(runs), "--dut", "SN0042"]
    said = CliRunner().invoke(pumprig, [*words, "--out", str(chart)]).output
    assert "20260111T100000Z_flow-accuracy_SN0042_eeee11  SN0042  5 +- unknown mL/day  an error: left out" in said
    assert "flow: 8 runs, mean 1.044 mL/day" in said
    assert "1 with an error left out" in said
    assert "<td>unknown</td>" in chart.read_text()
    as_json = json.loads(CliRunner().invoke(pumprig, [*words, "--json"]).output)
    assert as_json["points"][3]["expanded_uncertainty"] is None
    assert {as_json["points"][signal["place"]]["value"] for signal in as_json["chart"]["signals"]} == {1.3}


def test_the_command_line_lists_reports_and_charts(runs: Path, tmp_path: Path) -> None:
    """``runs``, ``report`` and ``trend`` work on a folder of runs; the chart is one HTML file."""
    invoke = CliRunner().invoke
    listed = invoke(pumprig, ["runs", "--runs", str(runs), "--verdict", "fail"])
    assert "bbbbb1" in listed.output
    assert "aaaaa1" not in listed.output
    reported = invoke(pumprig, ["report", "aaaaa2", "--runs", str(runs)])
    assert "flow: 1.02 +- 0.014 mL/day (0.85 to 1.15)" in reported.output
    chart = tmp_path / "chart.html"
    charted = invoke(pumprig, ["trend", "flow", "--runs", str(runs), "--out", str(chart)])
    assert "flow: 3 runs, mean 1.107 mL/day" in charted.output
    assert "plot-2" in chart.read_text()
    as_json = json.loads(invoke(pumprig, ["trend", "flow", "--runs", str(runs), "--json"]).output)
    assert [point["value"] for point in as_json["points"]] == [1.00, 1.02, 1.30]


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_names_of_runs_can_be_copied_from_any_terminal(runs: Path, columns: str) -> None:
    """A table where it has room, and else a line for each run: a name is never broken over two lines."""
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": columns}
    listed = CliRunner().invoke(pumprig, ["runs", "--runs", str(runs)], env=terminal)
    for folder in runs.glob("2026*"):
        assert folder.name in listed.output
    assert ("verdict" in listed.output) == (columns == "200")


def test_the_list_of_runs_has_straight_columns(runs: Path) -> None:
    """Names are as long as their procedures' are; whoever reads the list down finds the verdicts below one another."""
    make_run(runs, "20260107T100000Z_suite_SN0042_eeeee1", flow=1.0)
    lines = CliRunner().invoke(pumprig, ["runs", "--runs", str(runs)]).output.splitlines()
    found = [re.search(r"  (pass|fail|error|incomplete|damaged) ", line) for line in lines]
    assert len({match.start() for match in found if match}) == 1
