"""What a resumed run says of itself, what it refuses, and how a long collection goes on."""

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hil.errors import RecordingError, UsageError
from hil.recording.reader import Recording
from hil.runs.observer import Silent
from hil.runs.run import EXIT_INTERRUPTED
from hil.runs.run_journal import RunJournal, read_journal
from hil.runs.run_plan import plan_run
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests import command_line
from tests.system.conftest import PumpRig, Serve
from tests.system.kills import only_run, run_in_child

pytestmark = [pytest.mark.system, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")]

TWO = """
import pytest

@pytest.mark.procedure("first", measurements=["one"])
def test_first(bench, pump, measure):
    pump.read_status()
    measure("one", 1.0, "V", expanded_uncertainty=0.1, lower=0, upper=2)

@pytest.mark.procedure("second", requirements=["REQ-PROT-001"])
def test_second(bench, pump):
    for _ in range(20):
        pump.read_status()
"""


ONCE = """
    import os, signal
    if not os.path.exists("once"):
        open("once", "w").close()
        os.kill(os.getpid(), signal.SIGINT)
"""

COLLECTION = """
import pytest
from hil.flow.collection import collect

@pytest.mark.procedure("weigh", measurements=["grams", "hours"])
def test_weigh(bench, balance, bath, procedure):
    found = collect(
        bench, balance, bath, hours=1.5, interval_min=5, progress=procedure.progressed, procedure=procedure
    )
    first, last = found.samples[0], found.samples[-1]
    hours = (last.time_ms - first.time_ms) / 3_600_000
    procedure.measure("grams", last.mass_g - first.mass_g, "g", expanded_uncertainty=0.01, lower=0)
    procedure.measure("hours", hours, "h", expanded_uncertainty=0.1, lower=1)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a run that was killed in its second procedure."""
    path = tmp_path / "two.py"
    path.write_text(TWO, encoding="utf-8")
    end = run_in_child(RunSettings((str(path),), out=tmp_path / "runs"), kill_at=30)
    folder = only_run(tmp_path / "runs")
    assert end.killed
    assert folder is not None
    return folder


def test_resumed_run_says_so_everywhere(killed: Path, pumprig: PumpRig) -> None:
    """Manifest, both reports, audit file and junit.xml: two parts, the first kept as it was."""
    before = (killed / "run.mcap").read_bytes()
    result = run_procedures(RunSettings(resume=killed), Silent())
    assert (str(result.verdict), result.exit_code) == ("pass", 0)
    manifest = json.loads((killed / "manifest.json").read_bytes())
    assert [(each["recording"], each["world"]) for each in manifest["resumed"]] == [("run-2.mcap", "began anew")]
    assert manifest["recordings"] == ["run.mcap", "run-2.mcap"]
    assert [(each["name"], each["outcome"]) for each in manifest["procedures"]] == [
        ("first", "pass"),
        ("second", "pass"),
    ]
    assert (killed / "run.mcap").read_bytes() == before
    assert not Recording.open(killed / "run.mcap").complete
    assert Recording.open(killed / "run-2.mcap").complete
    report = (killed / "report.html").read_text(encoding="utf-8")
    assert "a simulated world that began anew" in report
    assert "Begun again after an interruption: second" in report
    assert "resumed    run-2.mcap: the simulated world began anew\n" in pumprig("report", killed).stdout
    assert "run resumed" in (killed / "audit.jsonl").read_text(encoding="utf-8")
    assert (killed / "junit.xml").read_text(encoding="utf-8").count("<testcase") == 2
    items = [each["item"] for each in read_journal(killed / "journal.jsonl") if each["entry"] == "begun"]
    assert [item.partition("::")[2] for item in items] == ["test_first", "test_second", "test_second"]
    with pytest.raises(UsageError, match=r"is finished \(verdict pass\); there is nothing to resume"):
        plan_run(RunSettings(resume=killed))
    with pytest.raises(UsageError, match="was resumed, so no recording of it is whole"):
        plan_run(RunSettings(recording=killed))
    with pytest.raises(UsageError, match="part 2 of a resumed run"):
        plan_run(RunSettings(recording=killed / "run-2.mcap"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seed": 2}, "--seed does not go with --resume"),
        ({"procedures": ("flow-accuracy",)}, "a procedure does not go with --resume"),
        ({"injections": ("reset@1h",)}, "--inject does not go with --resume"),
        ({"retries": 1}, "--retries does not go with --resume"),
        ({"out": Path("elsewhere")}, "--out does not go with --resume"),
    ],
)
def test_other_options_are_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    """A resumed run goes on as it was begun."""
    with pytest.raises(UsageError, match=said):
        plan_run(replace(RunSettings(resume=tmp_path), **more))


def test_what_cannot_be_resumed_is_named(killed: Path, tmp_path: Path) -> None:
    """No folder, no plan, a plan that is none, a changed procedure, a run that is still going on."""
    with pytest.raises(UsageError, match="there is no such run folder"):
        plan_run(RunSettings(resume=tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"holds no plan\.json"):
        plan_run(RunSettings(resume=tmp_path))
    journal = RunJournal(killed / "journal.jsonl")
    with pytest.raises(UsageError, match="another process is working on this run"):
        run_procedures(RunSettings(resume=killed), Silent())
    journal.close()
    (tmp_path / "two.py").write_text(TWO + "\n# changed", encoding="utf-8")
    with pytest.raises(UsageError, match=r"two\.py: was changed since the run began"):
        plan_run(RunSettings(resume=killed))
    (killed / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"plan\.json: cannot be read: Invalid JSON.*; .*begin a new one"):
        plan_run(RunSettings(resume=killed))
    (killed / "plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"plan\.json: cannot be read: pumprig: Field required; .*begin a new one"):
        plan_run(RunSettings(resume=killed))


def test_torn_line_was_never_acknowledged(killed: Path) -> None:
    """Half a line at the end of journal or audit file, as a power failure leaves it, does not stop a resumption."""
    for name in ("journal.jsonl", "audit.jsonl"):
        with (killed / name).open("ab") as file:
            file.write(b'{"entry": "meas')
    assert run_procedures(RunSettings(resume=killed), Silent()).exit_code == 0


def test_interrupted_run_can_be_resumed(pumprig: PumpRig, tmp_path: Path) -> None:
    """Ctrl-C leaves a manifest that says so; --resume goes on, and keeps what the interrupted part had written."""
    body = TWO.replace("    for _ in range(20):", ONCE + "    for _ in range(20):")
    (tmp_path / "two.py").write_text(body, encoding="utf-8")
    first = pumprig("run", "two.py")
    assert first.returncode == EXIT_INTERRUPTED, first.stdout + first.stderr
    folder = only_run(tmp_path / "runs")
    assert folder is not None
    assert f"pumprig run --resume {folder.relative_to(tmp_path)}" in first.stdout
    second = pumprig("run", "--resume", folder, "--json")
    assert second.returncode == 0, second.stdout + second.stderr
    assert json.loads(second.stdout)["resumed"][0]["world"] == "began anew"
    assert {"manifest-1.json", "report-1.html", "manifest.json", "run-2.mcap"} <= {
        each.name for each in folder.iterdir()
    }


UNPLUGGED = """
import os
import pytest
from hil.errors import InstrumentFault, LinkError

@pytest.mark.procedure("first", measurements=["one"])
def test_first(bench, measure):
    measure("one", 1.0, "V", expanded_uncertainty=0.1, lower=0, upper=2)

@pytest.mark.procedure("second", requirements=["REQ-PROT-001"])
def test_second(bench, procedure):
    goes = len(procedure.kept("step"))
    procedure.keep("step", goes)
    if goes == 0:
        raise LinkError(f"{bench.pump_link.resource}: lost, and not back within 10 s")
    if goes == 1:
        raise InstrumentFault("bath: stopped")

@pytest.mark.procedure("third", requirements=["REQ-PROT-001"])
def test_third(bench, pump):
    pump.read_status()
"""


@pytest.mark.deep
def test_what_a_fault_of_the_bench_ended_is_gone_on_with(
    serve: Serve, served_file: Path, pumprig: PumpRig, tmp_path: Path
) -> None:
    """A port that is lost, then a bath that stops: each time the command to go on is told, and what had ended stays.

    The pump is quarantined only as long as nobody can look at it. On a simulated bench there is nothing to mend.
    """
    (tmp_path / "three.py").write_text(UNPLUGGED, encoding="utf-8")
    alone = pumprig("run", "three.py", "--out", "alone")
    assert alone.returncode == 3
    assert "--resume" not in alone.stdout
    serve(served_file, "--rate", "1")
    said = pumprig("run", "three.py", "--bench", served_file)
    folder = only_run(tmp_path / "runs")
    assert folder is not None
    go_on = f"go on      pumprig run --resume {folder.relative_to(tmp_path)}\n"
    assert (said.returncode, said.stdout.count(go_on)) == (3, 1), said.stdout + said.stderr
    assert "quarantined third: after second: the pump's link failed" in said.stdout
    said = pumprig("run", "--resume", folder)
    assert (said.returncode, "go on      pumprig run --resume" in said.stdout) == (3, True), said.stdout + said.stderr
    said = pumprig("run", "--resume", folder, "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    assert [each["outcome"] for each in json.loads(said.stdout)["procedures"]] == ["pass", "pass", "pass"]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    faults = [each.rpartition("second: ")[2] for each in manifest["deviations"] if each.startswith("A fault of the")]
    assert [fault.rpartition(": ")[2] for fault in faults] == ["lost, and not back within 10 s.", "stopped."]
    begun = [each["item"] for each in read_journal(folder / "journal.jsonl") if each["entry"] == "begun"]
    assert [item.partition("::test_")[2] for item in begun] == ["first", "second", "second", "third", "second"]
    assert "there is nothing to resume" in pumprig("run", "--resume", folder).stderr


FULL_DISK = """
import os, resource, signal
import pytest

@pytest.mark.procedure("filling", requirements=["REQ-PROT-001"])
def test_filling(bench, pump):
    if not os.path.exists("once"):
        open("once", "w").close()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    for _ in range(200):
        pump.read_status()
"""


def test_a_full_disk_is_told_once_and_gone_on_with(pumprig: PumpRig, tmp_path: Path) -> None:
    """A recording that cannot grow ends one procedure, not two; once there is room the run goes on."""
    (tmp_path / "filling.py").write_text(FULL_DISK, encoding="utf-8")
    said = pumprig("run", "filling.py")
    assert said.returncode == 3, said.stdout + said.stderr
    assert said.stdout.count("run.mcap: cannot be written") == 1
    folder = only_run(tmp_path / "runs")
    assert folder is not None
    assert f"go on      pumprig run --resume {folder.relative_to(tmp_path)}\n" in said.stdout
    assert pumprig("run", "--resume", folder).returncode == 0


def test_replay_is_done_again_from_its_start(tmp_path: Path) -> None:
    """A recording cannot be entered in its middle: a killed replay repeats what had ended, and comes to the same."""
    path = tmp_path / f"two_{uuid4().hex}.py"
    path.write_text(TWO, encoding="utf-8")
    recorded = run_procedures(RunSettings((str(path),), out=tmp_path / "recorded"), Silent())
    replay = RunSettings(recording=recorded.folder, procedures=(str(path),), out=tmp_path / "replayed")
    assert run_in_child(replay, kill_at=30).killed
    folder = only_run(tmp_path / "replayed")
    assert folder is not None
    ended = [each["page"]["name"] for each in read_journal(folder / "journal.jsonl") if each["entry"] == "finished"]
    assert ended == ["first"]
    result = run_procedures(RunSettings(resume=folder), Silent())
    assert (str(result.verdict), result.exit_code) == ("pass", 0)
    assert result.measurements == recorded.measurements
    now = Recording.open(folder / "run-2.mcap").records
    assert [(each.wire, each.direction, each.data) for each in now] == [
        (each.wire, each.direction, each.data) for each in Recording.open(recorded.folder / "run.mcap").records
    ]
    deviations = json.loads((folder / "manifest.json").read_bytes())["deviations"]
    assert deviations[0] == "Interrupted, and done again from the beginning of the recording (run-2.mcap)."
    assert "Begun again after an interruption: first." in deviations


def test_another_version_is_told(killed: Path) -> None:
    """A run that two versions of pumprig have worked on says so."""
    journal = killed / "journal.jsonl"
    journal.write_text(re.sub(r'"pumprig":"[^"]*"', '"pumprig":"0.0.1"', journal.read_text(encoding="utf-8"), count=1))
    result = run_procedures(RunSettings(resume=killed), Silent())
    said = json.loads((result.folder / "manifest.json").read_bytes())["deviations"]
    assert f"Part 2 was run by pumprig {version('pumprig')}, the one before it by 0.0.1." in said
    assert "the one before it by 0.0.1" in (result.folder / "report.html").read_text(encoding="utf-8")


def test_served_bench_that_was_started_again_is_another(
    serve: Serve, served_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its world began anew: bench time starts at 0, nothing is gone on from, and what is injected is injected again."""
    monkeypatch.setenv("PUMPRIG_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / f"two_{uuid4().hex}.py"
    path.write_text(TWO, encoding="utf-8")
    server = serve(served_file, "--rate", "1")
    settings = RunSettings((str(path),), bench=served_file, out=tmp_path / "runs", injections=("bath-offset=+1.5C@0h",))
    assert run_in_child(settings, kill_at=30).killed
    folder = only_run(tmp_path / "runs")
    assert folder is not None
    deadline = time.monotonic() + 60
    while not (folder / "safe-state.json").exists():  # its supervisor must be done with the bench
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.terminate()
    server.wait()
    serve(served_file, "--rate", "1")
    result = run_procedures(RunSettings(resume=folder), Silent())
    assert result.exit_code == 0, [page.problem for page in result.procedures]
    before, after = result.parts
    assert (before.lives_on, after.lives_on, after.world, after.began_ms) == (True, True, "began anew", 0)
    assert before.served_by != after.served_by
    assert any(
        "world that began anew" in each for each in json.loads((folder / "manifest.json").read_bytes())["deviations"]
    )


@pytest.mark.deep
def test_long_collection_goes_on(serve: Serve, served_file: Path, tmp_path: Path) -> None:
    """A collection on a bench in real time is killed: 18 steps in all, in two stretches, without what lies between."""
    serve(served_file, "--rate", "900")
    (tmp_path / "weigh.py").write_text(COLLECTION, encoding="utf-8")
    folder, kept, said = _killed_and_resumed(tmp_path / "weigh.py", served_file, tmp_path, samples=8)
    (resumed,) = said["resumed"]
    assert resumed["world"] == "went on"
    assert resumed["bench_time_ms"] > kept[-1]["time_ms"]
    now = [each["data"] for each in _kept(folder.parent)]
    assert now[: len(kept)] == kept
    stretches: list[list[dict[str, Any]]] = []
    for each in now:
        if "history_from" in each:
            stretches.append([])
        else:
            stretches[-1].append(each)
    assert len(stretches) == 2
    assert sum(len(stretch) - 1 for stretch in stretches) == 18
    grams = sum(stretch[-1]["mass_g"] - stretch[0]["mass_g"] for stretch in stretches)
    hours = sum(stretch[-1]["time_ms"] - stretch[0]["time_ms"] for stretch in stretches) / 3_600_000
    found = {each["name"]: each["value"] for each in said["measurements"]}
    assert found == pytest.approx({"grams": grams, "hours": hours})
    assert Recording.open(folder / "run-2.mcap").records[0].time_ms >= resumed["bench_time_ms"]
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "nobody watched the bench in between" in report
    assert "Went on after an interruption from what had been recorded: weigh" in report


@pytest.mark.deep
def test_a_short_flow_accuracy_goes_on_until_it_has_estimates(
    serve: Serve, served_file: Path, tmp_path: Path, pumprig: PumpRig
) -> None:
    """Killed half way through the shortest collection, it comes to a verdict, and `verify` finds nothing."""
    serve(served_file, "--rate", "1800")
    folder, _, said = _killed_and_resumed("flow-accuracy", served_file, tmp_path, "--set", "collection_h=8", samples=12)
    outcomes = {each["name"]: each["outcome"] for each in said["measurements"]}
    assert outcomes["flow"] == outcomes["pump-temperature-error"] == "pass"
    assert outcomes["flow-estimate-error"] in {"pass", "inconclusive"}  # a few estimates prove little
    assert "longer than the 8 h asked for" in (folder / "report.html").read_text(encoding="utf-8")
    done = pumprig("verify", folder)
    assert done.returncode == 0, done.stdout
    assert "at 1800 times real time" in done.stdout
    refused = pumprig("replay", folder / "run-2.mcap", "--model")
    assert refused.returncode == 2
    assert "is a part of a resumed run that begins at" in refused.stderr


@pytest.mark.soak
def test_flow_accuracy_goes_on(serve: Serve, served_file: Path, tmp_path: Path) -> None:
    """The flow of a day in two stretches is the pump's, and its uncertainty no smaller than that of one in one go."""
    serve(served_file, "--rate", "1800")
    folder, _, said = _killed_and_resumed("flow-accuracy", served_file, tmp_path, samples=40)
    (flow,) = [each for each in said["measurements"] if each["name"] == "flow"]
    assert abs(flow["value"] - 1.0) < 0.03
    assert flow["expanded_uncertainty"] > 0.012
    assert said["verdict"] == "pass"
    assert "collected in 2 stretches" in (folder / "report.html").read_text(encoding="utf-8")


def _killed_and_resumed(
    procedure: str | Path, bench: Path, tmp_path: Path, *options: str, samples: int
) -> tuple[Path, list[dict[str, Any]], dict[str, Any]]:
    """Run folder, what had been kept when it was killed, and what the resumed run says."""
    environment = {**os.environ, "PUMPRIG_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "120"}
    out = tmp_path / "runs"
    begun = ["run", procedure, "--bench", bench, "--out", out, *options]
    with command_line.Started(begun, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 100
        while len(_kept(out)) < samples:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    folder = only_run(out)
    assert folder is not None
    assert not (folder / "manifest.json").exists()
    kept = [each["data"] for each in _kept(out)]
    again = command_line.pumprig(["run", "--resume", folder, "--json"], env=environment)
    assert again.returncode in (0, 4), again.stdout + again.stderr
    return folder, kept, json.loads(again.stdout)


def _kept(out: Path) -> list[dict[str, Any]]:
    folder = only_run(out)
    journal = None if folder is None else folder / "journal.jsonl"
    if journal is None or not journal.exists():
        return []
    return [each for each in read_journal(journal) if each["entry"] == "kept"]
