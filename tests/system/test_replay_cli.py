"""replay, verify and diff as a user starts them."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.bench import Bench
from tests.hil.recorded import record_bench, simulated_bench
from tests.system.conftest import PumpRig

pytestmark = pytest.mark.system

_PROCEDURE = '''
import pytest

@pytest.mark.procedure("quick", measurements=("warmth",))
def test_quick(pump, measure):
    """The pump says its temperature."""
    status = pump.read_status()
    measure("warmth", status.temperature_mc / 1000, "C", expanded_uncertainty=0.1, lower=10.0, upper=40.0)
'''


def test_a_run_is_verified_re_judged_and_compared(pumprig: PumpRig, tmp_path: Path) -> None:
    """Months later: no finding; a tighter limit in another unit fails it, and every document says what judged it."""
    (tmp_path / "quick.py").write_text(_PROCEDURE)
    assert pumprig("run", "quick.py", "--out", "a").returncode == 0
    (first,) = (tmp_path / "a").iterdir()
    limit = "warmth=300 K..310.15 K"
    judged = pumprig("run", "--target", "replay", "--recording", first, "--limit", limit, "--out", "b")
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "verdict    fail, re-judged" in judged.stdout
    (second,) = (tmp_path / "b").iterdir()
    manifest = json.loads((second / "manifest.json").read_text())
    (warmth,) = manifest["measurements"]
    assert manifest["rejudged"]
    assert (warmth["outcome"], warmth["rejudged"]["from"]["outcome"]) == ("fail", "pass")
    assert warmth["upper"] == pytest.approx(37.0)
    assert "re-judged by new limits" in (second / "audit.jsonl").read_text()
    assert 'name="re-judged"' in (second / "junit.xml").read_text()
    report = (second / "report.html").read_text()
    assert "fail (re-judged)" in report
    assert "was pass by 10 to 40" in report
    shutil.copytree(tmp_path / "b", tmp_path / "a", dirs_exist_ok=True)
    trend = pumprig("trend", "warmth", "--runs", "a")
    assert "was measured in 1 of these runs, replays and errors aside" in trend.stderr, trend.stdout
    unknown = pumprig("run", "--target", "replay", "--recording", first, "--limit", "wramth=0..1", "--out", "c")
    assert unknown.returncode == 2
    assert "nothing called wramth is measured by these procedures; did you mean warmth?" in unknown.stderr
    assert not (tmp_path / "c").exists()
    senseless = pumprig(
        "run", "--target", "replay", "--recording", first, "--limit", "warmth=0..1 mL/day", "--out", "d"
    )
    assert senseless.returncode == 2
    assert "--limit: warmth: " in senseless.stderr
    assert not (tmp_path / "d").exists()
    assert pumprig("verify", second).returncode == 0
    compared = pumprig("diff", first, second)
    assert compared.returncode == 1
    assert "pass -> fail" in compared.stdout
    assert "bytes: the same" in compared.stdout


def test_what_cannot_be_read_is_exit_3(pumprig: PumpRig, tmp_path: Path) -> None:
    """One line, no traceback."""
    (tmp_path / "x.mcap").write_bytes(b"nothing of ours")
    done = pumprig("verify", tmp_path / "x.mcap")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "is no MCAP recording (byte 0)" in done.stderr


def test_keys_pause_and_interrupt_ends_in_order(tmp_path: Path) -> None:
    """On a terminal of its own: space pauses, Ctrl-C ends with the timing told and the terminal as it was."""

    def script(bench: Bench) -> None:
        for _ in range(100):
            bench.pump.identify()
            bench.sleep(seconds=1)

    record_bench(tmp_path / "r.mcap", simulated_bench(), script)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "cli", "replay", str(tmp_path / "r.mcap"), "--to", f"pty:{tmp_path / 'port'}"]
    process = subprocess.Popen(
        [*command, "--speed", "10"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
    )
    os.close(slave)
    try:
        said = _until(master, "pieces")
        assert "space: pause" in said
        os.write(master, b" ")
        _until(master, "paused")
        process.send_signal(signal.SIGINT)
        said = _until(master, "percentile")
        assert "played" in said
        assert process.wait(10) == 130
    finally:
        process.kill()
        os.close(master)
    assert not (tmp_path / "port").exists()


def _until(master: int, text: str) -> str:
    said, end_s = "", time.monotonic() + 30
    while text not in said and time.monotonic() < end_s:
        if select.select([master], [], [], 0.2)[0]:
            try:
                said += os.read(master, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
    assert text in said
    return said
