"""Fleets: the same pumps however they are dealt out, judged as their file demands, and nothing lost."""

import json
import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from firmware_model.errors import ConfigurationError
from firmware_model.fleet.population import load_population
from hil.errors import UsageError
from hil.fleet import executor
from hil.fleet.chunk import Chunk, ChunkResult, run_chunk
from hil.fleet.findings import Findings
from hil.fleet.fleet_figures import fleet_figures
from hil.fleet.fleet_run import FleetSettings, run_fleet
from hil.fleet.folder import FleetFolder
from tests.firmware_model.fleet.populations import EVENTFUL
from tests.firmware_model.fleet.test_run import BrokenPump
from tests.hil.fleet.fleets import Told, backwards, fleet, settings, tables_of

VARIANTS = EVENTFUL.replace('values = ["50%", "100%"]', 'values = ["50%"]').replace(
    "[units]",
    '[[variant]]\nname = "A"\n\n[[variant]]\nname = "deaf"\n'
    "limits = { occlusion_kpa = 200.0, flow_low_percent = 99.0 }\n\n[units]",
)


def test_it_does_not_matter_how_pumps_are_dealt_out(tmp_path: Path) -> None:
    """Chunks of one, of four, of all; forwards and backwards: the same rows, hash, summary and report."""
    one = fleet(tmp_path, "one", chunk=1)
    four = run_fleet(settings(tmp_path, "four", chunk=4), Told(), backwards)
    whole = fleet(tmp_path, "whole", chunk=99)
    assert tables_of(one) == tables_of(four) == tables_of(whole)
    assert one.summary["events_sha256"] == four.summary["events_sha256"] == whole.summary["events_sha256"]
    reports = [(each.folder / "report.html").read_bytes() for each in (one, four, whole)]
    assert reports[0] == reports[1] == reports[2]
    for each in (one, four, whole):
        del each.summary["plan"]["chunk"]
    assert one.summary == four.summary == whole.summary


def test_more_pumps_are_more_of_the_same(tmp_path: Path) -> None:
    """The first four of seven are the four of four; with another seed none is."""
    few, many = (fleet(tmp_path, str(pumps), pumps=pumps) for pumps in (4, 7))
    others = fleet(tmp_path, "others", pumps=4, seed=6)
    ours, more, theirs = (tables_of(each)["pumps"] for each in (few, many, others))
    assert ours == more[:4]
    assert not {row["log_sha256"] for row in ours} & {row["log_sha256"] for row in theirs}


OFTEN = VARIANTS.replace("at_1y_percent = 80.0", "at_1y_percent = 95.0").replace(
    "2y_percent = 95.0", "2y_percent = 99.0"
)


class Killer(Told):
    """Kills one of the processes when the first pumps are done."""

    def advanced(self, pumps: int, pump_years: float) -> None:
        """Once."""
        super().advanced(pumps, pump_years)
        if len(self.said) == 2:
            worker = multiprocessing.active_children()[0]
            worker.kill()


@pytest.mark.system
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    """And so they do if one of them is killed in the middle: what it had under way is repeated."""
    alone = fleet(tmp_path, "alone")
    killer = Killer()
    together = run_fleet(settings(tmp_path, "together", jobs=2, chunk=1), killer)
    assert together.summary["events_sha256"] == alone.summary["events_sha256"]
    assert tables_of(together) == tables_of(alone)
    assert sum(pumps for pumps, _ in killer.said[1:]) == 12


def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    """Interrupted after two chunks, it goes on with the rest; the result is as if nothing had happened."""
    calls: list[int] = []

    def interrupted(chunks: list[Chunk], *, jobs: int, scheduler: str | None, after: int) -> Iterator[ChunkResult]:
        del jobs, scheduler
        for done, chunk in enumerate(chunks):
            if done == after:
                raise KeyboardInterrupt
            calls.append(chunk.first)
            yield run_chunk(chunk)

    asked = settings(tmp_path, "cut")
    with pytest.raises(KeyboardInterrupt):
        run_fleet(asked, Told(), partial(interrupted, after=2))
    told = Told()
    again = FleetSettings(**{**vars(asked), "resume": True, "chunk": None, "jobs": 3})
    outcome = run_fleet(again, told, partial(interrupted, after=99))
    assert told.done == 8
    assert calls == [0, 4, 8]
    assert outcome.summary["events_sha256"] == fleet(tmp_path, "whole").summary["events_sha256"]


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"seed": 6}, "with seed 5, not 6; give --seed 5"),
        ({"days": 41.0}, "with days 30, not 41"),
        ({"text": EVENTFUL.replace("0.05", "0.06", 1)}, "another population"),
        ({"out": "nowhere"}, "there is no fleet to go on with"),
    ],
)
def test_another_fleet_is_not_gone_on_with(tmp_path: Path, how: dict[str, object], problem: str) -> None:
    """Pumps of two fleets never stand in one folder."""
    fleet(tmp_path, "first", pumps=2)
    with pytest.raises(UsageError, match=problem):
        fleet(tmp_path, **({"out": "first", "pumps": 2, "resume": True} | how))  # type: ignore[arg-type]


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    """A folder with something else in it is refused; an earlier fleet is replaced, all of it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match="holds something else"):
        fleet(tmp_path, "mine")
    fleet(tmp_path, "mine2", pumps=9, chunk=2)
    outcome = fleet(tmp_path, "mine2", pumps=3, chunk=2)
    assert [row["pump"] for row in tables_of(outcome)["pumps"]] == [0, 1, 2]


def test_a_deaf_firmware_fails_with_the_right_finding(tmp_path: Path) -> None:
    """Its criterion of detection fails, with the worst pump's command; the other firmware's passes; pairs differ."""
    junit = tmp_path / "junit.xml"
    outcome = fleet(tmp_path, "ab", OFTEN, pumps=24, days=60.0, junit=junit)
    cases = {(case.criterion.partition(" ")[0].partition("(")[0], case.variant): case for case in outcome.cases}
    assert outcome.exit_code == 1
    assert cases["detected", "A"].outcome == "pass"
    deaf = cases["detected", "deaf"]
    assert (deaf.outcome, deaf.estimate) == ("fail", 0.0)
    assert deaf.reproduce is not None
    assert deaf.reproduce.startswith(f"pumprig fleet rerun {tmp_path / 'population.toml'} --seed 5 --pump ")
    missed = [
        row for row in tables_of(outcome)["faults"] if row["variant"] == "deaf" and row["pump"] == deaf.worst_pump
    ]
    assert any(row["fault"] == "catheter-occlusion" and row["latency_ms"] is None for row in missed)
    suite = ET.fromstring(junit.read_bytes())  # noqa: S314 - written just now
    assert int(suite.attrib["failures"]) == sum(case.outcome == "fail" for case in outcome.cases)
    assert [each.attrib["name"] for each in suite] == [case.criterion for case in outcome.cases]
    paired = next(row for row in outcome.summary["paired"] if row["what"] == "catheter-occlusion detected")
    assert paired["only_second"] == 0
    assert paired["only_first"] >= 0.8 * deaf.of
    assert paired["p"] == pytest.approx(2 * 0.5 ** paired["only_first"])


def test_figures_are_those_of_the_tables(tmp_path: Path) -> None:
    """Counts in the summary, worked out anew by hand from the rows."""
    outcome = fleet(tmp_path, "sums")
    tables, variant = tables_of(outcome), outcome.summary["variants"]["A"]
    years = sum(row["watched_ms"] for row in tables["pumps"]) / (365.25 * 86_400_000)
    assert variant["pump_years"] == pytest.approx(years)
    false = sum(row["judgement"] == "false" for row in tables["events"])
    assert variant["false_alarms"]["count"] == false == sum(row["false_alarms"] for row in tables["pumps"])
    for each in variant["detections"]:
        rows = [row for row in tables["faults"] if (row["fault"], row["value"]) == (each["fault"], each["value"])]
        assert each["of"] == len(rows)
        assert each["hits"] == sum(row["latency_ms"] is not None for row in rows)
    assert variant["pumps"] == 12


def test_a_pump_that_cannot_be_simulated_is_told_and_counted(tmp_path: Path) -> None:
    """It fails the fleet, with its command, and stays in every denominator."""

    def broken(chunks: list[Chunk], *, jobs: int, scheduler: str | None) -> Iterator[ChunkResult]:
        del jobs, scheduler
        for chunk in chunks:
            yield run_chunk(chunk, BrokenPump) if chunk.first == 4 else run_chunk(chunk)

    sound = fleet(tmp_path, "sound")
    outcome = run_fleet(settings(tmp_path, "broken"), Told(), broken)
    assert outcome.exit_code == 1
    problems = outcome.summary["problems"]
    assert {each["pump"] for each in problems} <= {4, 5, 6, 7}
    assert problems[0]["problem"] == "ZeroDivisionError: no such luck"
    assert f"--pump {problems[0]['pump']}" in problems[0]["reproduce"]
    ours, theirs = outcome.summary["variants"]["A"], sound.summary["variants"]["A"]
    assert ours["pump_years"] == theirs["pump_years"]
    assert [each["of"] for each in ours["detections"]] == [each["of"] for each in theirs["detections"]]


def test_checks_that_were_asked_for_are_cases(tmp_path: Path) -> None:
    """Audit and wire: so many pumps as the share says, and all of them the same."""
    outcome = fleet(tmp_path, "checked", pumps=8, days=2.0, audit=0.25, wire=0.5)
    cases = {case.criterion: case for case in outcome.cases}
    assert cases["audited pumps log the same, sample by sample"].of == 2
    assert cases["what the programmer has is what the pump remembers"].of == 4
    assert {case.outcome for name, case in cases.items() if "(" not in name and "<=" not in name} == {"pass"}


def test_what_nothing_could_be_measured_by_is_no_pass(tmp_path: Path) -> None:
    """Two days bring no occlusion: exit code 4."""
    outcome = fleet(tmp_path, "short", pumps=2, days=2.0, text=EVENTFUL.replace("80.0", "1e-6").replace("95.0", "2e-6"))
    assert [case.outcome for case in outcome.cases] == ["pass", "inconclusive", "pass"]
    assert outcome.exit_code == 4


def test_mistakes_of_the_callers_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler, no file, no pumps: one line each."""
    monkeypatch.setattr(executor, "_SCHEDULER_S", 1)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        list(executor.run_chunks([], jobs=1, scheduler="tcp://127.0.0.1:1"))
    with pytest.raises(ConfigurationError, match="there is no such file"):
        run_fleet(FleetSettings(str(tmp_path / "none.toml")), Told())
    with pytest.raises(UsageError, match="unknown population 'nobodys'; known: ambulatory"):
        run_fleet(FleetSettings("nobodys"), Told())
    for wrong in ({"pumps": 0}, {"days": 0.5}, {"days": float("nan")}):
        with pytest.raises(UsageError, match="must be 1 to"):
            fleet(tmp_path, "none", **wrong)


def test_the_report_says_what_the_summary_says(tmp_path: Path) -> None:
    """Verdict, criteria and commands are in the page; it names no other host."""
    outcome = fleet(tmp_path, "page", VARIANTS)
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    body = page[: page.index("<script>")]
    for case in outcome.cases:
        assert case.outcome in body
    assert "McNemar" in body
    assert "calibrated, not predicted" in body
    assert "Content-Security-Policy" in page
    assert json.loads((outcome.folder / "summary.json").read_text(encoding="utf-8")) == outcome.summary


PASSING = """
title = "What is over soon"
criteria = ['detected(pocket-fill, within="24h") >= 0.99', "unserved_days_per_pump_year <= 0.1"]

[clinic]
refill_interval_d = 20.0

[[fault]]
name = "pocket-fill"
per_refill = 0.5
values = ["1%", "100%"]
"""


def test_faults_that_are_over_and_were_missed_are_misses(tmp_path: Path) -> None:
    """A needle beside the port for an hour: who watches the pump for a day has seen whether it was detected."""
    outcome = fleet(tmp_path, "passing", PASSING, pumps=20, days=90.0)
    pumps = {row["pump"]: row["watched_ms"] for row in tables_of(outcome)["pumps"]}
    faults = [row for row in tables_of(outcome)["faults"] if pumps[row["pump"]] - row["at_ms"] >= 86_400_000]
    hits = sum(row["latency_ms"] is not None and row["latency_ms"] <= 86_400_000 for row in faults)
    case = outcome.cases[0]
    assert 0 < hits < len(faults) == case.of
    assert case.outcome == "fail"
    assert case.estimate == pytest.approx(hits / len(faults))
    missed = {row["pump"] for row in faults if row["latency_ms"] is None}
    assert case.worst_pump in missed


def test_a_pump_that_nobody_refills_is_empty(tmp_path: Path) -> None:
    """It runs dry after a month, and nobody comes in two: that counts, without a refill to tell it."""
    outcome = fleet(tmp_path, "dry", PASSING.replace("= 20.0", "= 90.0"), pumps=2, days=60.0)
    case = outcome.cases[1]
    assert case.outcome == "fail"
    assert case.estimate is not None
    assert case.estimate == pytest.approx(365.25 * 31 / 60, rel=0.1)


@pytest.mark.parametrize("name", ["q?", "a*", "fleet[1]", "o'brien", "pump=3/variant=B"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """It is no pattern, and no column: what other folders hold, and are called, stays out of it."""
    fleet(tmp_path, "qq", pumps=3, days=2.0)
    outcome = fleet(tmp_path, name, pumps=2, days=2.0)
    assert outcome.summary["variants"]["A"]["pumps"] == 2


@pytest.mark.parametrize(
    "wrong", [{"audit": 5.0}, {"wire": -1.0}, {"wire": float("nan")}, {"jobs": 0}, {"seed": -1}, {"pumps": 0}]
)
def test_settings_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """By whatever way they come: the option is named."""
    (name,) = wrong
    with pytest.raises(UsageError, match=f"--{name} must be"):
        fleet(tmp_path, "wrong", **wrong)


def test_another_version_does_not_go_on(tmp_path: Path) -> None:
    """Half a fleet of one firmware and half of another would be no fleet."""
    plan = fleet(tmp_path, "old", pumps=2, days=2.0).folder / "fleet.json"
    plan.write_text(json.dumps(json.loads(plan.read_text(encoding="utf-8")) | {"pumprig": "0.0.1"}), encoding="utf-8")
    with pytest.raises(UsageError, match=r"was begun by pumprig 0\.0\.1"):
        fleet(tmp_path, "old", pumps=2, days=2.0, resume=True)


def test_commands_have_all_digits(tmp_path: Path) -> None:
    """So that they repeat what was done, and not nearly."""
    outcome = fleet(tmp_path, "digits", pumps=1, days=1.234567, seed=123456789, audit=0.1234567)
    report = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert "--days 1.234567 --seed 123456789 --audit 0.1234567" in report


def test_the_curve_of_latencies_ends_at_all_that_were_detected(tmp_path: Path) -> None:
    """Its last step is drawn as well."""
    outcome = fleet(tmp_path, "curve", PASSING, pumps=6, days=60.0)
    rows = tables_of(outcome)["faults"]
    population = load_population(tmp_path / "population.toml").population
    *_, curve = fleet_figures(Findings(FleetFolder(outcome.folder)), population)
    share = 100 * sum(row["latency_ms"] is not None for row in rows) / len(rows)
    assert curve.series[0].y[0] == 0
    assert curve.series[0].y[-1] == pytest.approx(share, abs=1e-3)
    assert share > 0
