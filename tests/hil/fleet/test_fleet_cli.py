"""``pumprig fleet`` as processes: the same under any hash seed, interrupted and gone on with, and one pump again."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import pumprig
from firmware_model.scenario.scenario import load_scenario
from tests.firmware_model.fleet.populations import EVENTFUL, written

pytestmark = pytest.mark.system
NERVOUS = EVENTFUL.replace("[units]", '[[variant]]\nname = "nervous"\nlimits = { flow_high_percent = 4.0 }\n\n[units]')


def command(*arguments: str) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-m", "cli", "fleet", *arguments]


def run_under(hash_seed: str, path: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """A small fleet under this PYTHONHASHSEED."""
    return subprocess.run(
        command("run", str(path), "--pumps", "4", "--days", "15", "--jobs", "1", "--out", str(out), "--json"),
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.deep
def test_hash_seeds_change_nothing(tmp_path: Path) -> None:
    """Two processes under different PYTHONHASHSEEDs write the same bytes."""
    path = written(tmp_path)
    results = [run_under(seed, path, tmp_path / seed) for seed in ("1", "2")]
    said = [json.loads(result.stdout) for result in results]
    assert said[0]["events_sha256"] == said[1]["events_sha256"]
    files = [
        {
            file.relative_to(tmp_path / seed): file.read_bytes()
            for file in (tmp_path / seed).rglob("*.*")
            if file.is_file()
        }
        for seed in ("1", "2")
    ]
    assert files[0] == files[1]
    assert len(files[0]) > 6


@pytest.mark.deep
def test_an_interrupted_fleet_goes_on(tmp_path: Path) -> None:
    """Ctrl-C leaves with 130 and keeps what is finished, from who forgets --resume too; that does the rest."""
    path, out = written(tmp_path), tmp_path / "out"
    asked = command("run", str(path), "--pumps", "72", "--days", "20", "--out", str(out))
    process = subprocess.Popen([*asked, "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until_s = time.monotonic() + 60
    while not list(out.glob("pumps/part-*")) and time.monotonic() < until_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume goes on" in stderr
    assert "Traceback" not in stderr
    kept = {file: file.stat().st_mtime_ns for file in out.glob("pumps/part-*")}
    assert 0 < len(kept) < 24
    forgot = subprocess.run([*asked, "--jobs", "1"], capture_output=True, text=True, check=False)
    assert forgot.returncode == 2
    assert forgot.stderr == f"pumprig: {out}: holds a fleet that was not finished; go on with --resume, or remove it\n"
    code, said = invoke(*asked[4:], "--jobs", "1", "--resume")
    assert code in {0, 1}
    assert "pumps are there already" in said
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["variants"]["A"]["pumps"] == 72


@pytest.mark.deep(quick=1)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_fleet(tmp_path: Path, how: signal.Signals) -> None:
    """However it is ended, no process of it is left a few seconds later."""
    mark = {"PUMPRIG_TEST_MARK": str(tmp_path)}
    asked = command("run", "ambulatory", "--pumps", "4000", "--jobs", "2", "--out", str(tmp_path / "out"))
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | mark)
    until_s = time.monotonic() + 60
    while not list(tmp_path.glob("out/pumps/part-*")) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert len(marked(tmp_path)) >= 4
    process.send_signal(how)
    process.wait(timeout=30)
    until_s = time.monotonic() + 20
    while marked(tmp_path) and time.monotonic() < until_s:
        time.sleep(0.1)
    assert marked(tmp_path) == []


def marked(folder: Path) -> list[int]:
    """Processes that have the folder in their environment."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"PUMPRIG_TEST_MARK={folder}".encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
    return found


def invoke(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a command in this process."""
    result = CliRunner().invoke(pumprig, ["fleet", *arguments])
    return result.exit_code, result.output


def test_what_a_failing_criterion_prints_can_be_run(tmp_path: Path) -> None:
    """Its worst pump, again and shrunk: a scenario file that loads, and is not as expected."""
    path = written(tmp_path, NERVOUS)
    code, said = invoke("run", str(path), "--pumps", "4", "--days", "30", "--jobs", "1", "--out", str(tmp_path / "f"))
    assert code == 1
    line = next(line for line in said.splitlines() if line.strip().startswith("pumprig fleet rerun"))
    code, again = invoke(*shlex.split(line)[2:], "--shrink", "--out", str(tmp_path / "one"))
    assert code == 1
    assert "False alarm" in again
    assert (tmp_path / "one" / "report.html").is_file()
    small = next(file for file in (tmp_path / "one").glob("*.toml") if file.name != "scenario.toml")
    whole, least = (load_scenario(file).scenario for file in (tmp_path / "one" / "scenario.toml", small))
    assert least.limits == {"flow_high_percent": 4.0}
    assert len(least.fault) + len(least.flight) + len(least.fever) + len(least.refill) <= 2 < len(whole.fault) + 3
    result = CliRunner().invoke(pumprig, ["sim", str(small)])
    assert result.exit_code == 1
    assert "NOT MET" in result.output


def test_a_report_is_written_anew(tmp_path: Path) -> None:
    """Of the folder alone: the same verdict; a folder that is none is refused."""
    path = written(tmp_path)
    code, said = invoke("run", str(path), "--pumps", "3", "--days", "20", "--jobs", "1", "--out", str(tmp_path / "f"))
    before = (tmp_path / "f" / "report.html").read_bytes()
    path.unlink()
    again, anew = invoke("report", str(tmp_path / "f"), "--junit", str(tmp_path / "junit.xml"))
    assert (again, anew) == (code, said)
    assert (tmp_path / "f" / "report.html").read_bytes() == before
    assert (tmp_path / "junit.xml").is_file()
    result = CliRunner().invoke(pumprig, ["fleet", "report", str(tmp_path)])
    assert "holds no fleet" in str(result.exception)


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    """A bad file, a variant that is not there, a pump with which nothing is wrong."""
    bad = subprocess.run(
        command("run", str(written(tmp_path, EVENTFUL.replace("interval_d", "intervall_d")))),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert bad.returncode == 2
    assert "clinic.refill_intervall_d: unknown" in bad.stderr
    assert bad.stderr.count("\n") == 1
    path = str(written(tmp_path))
    for arguments, problem in (
        (("--variant", "B"), "no variant 'B'; there are A"),
        (("--shrink", "--days", "3"), "nothing to shrink"),
    ):
        result = CliRunner().invoke(
            pumprig, ["fleet", "rerun", path, "--pump", "1", "--out", str(tmp_path / "o"), *arguments]
        )
        assert problem in str(result.exception)
