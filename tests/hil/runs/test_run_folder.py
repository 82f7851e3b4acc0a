"""A run folder: its name says what it is, its manifest comes last and whole, and what a crash leaves is readable."""

import hashlib
import json
import math
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hil.errors import RecordingError, UsageError
from hil.recording.reader import Recording
from hil.runs.audit import verify_audit
from hil.runs.run_folder import UNIDENTIFIED, RunFolder

STARTED = datetime(2026, 11, 23, 3, 15, 22, tzinfo=UTC)


def create(out: Path, procedure: str = "flow-accuracy", serial_number: str = "SN0042") -> RunFolder:
    """A new run folder."""
    return RunFolder.create(out, procedure=procedure, serial_number=serial_number, started=STARTED)


def test_name_sorts_by_time_and_says_what_it_is(tmp_path: Path) -> None:
    """Time, procedure and pump, and six digits that keep two runs of one second apart."""
    names = {create(tmp_path / "runs").path.name for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch(r"20261123T031522Z_flow-accuracy_SN0042_[0-9a-f]{6}", name) for name in names)


@pytest.mark.parametrize(
    ("procedure", "serial_number", "expected"),
    [
        ("/home/me/my test.py", "SN/../..\\42", "_my-test_SN-..-..-42_"),
        ("", "", "_unnamed_unnamed_"),
        ("x" * 300, "S", f"_{'x' * 40}_S_"),
    ],
)
def test_name_is_one_folder_on_any_system(tmp_path: Path, procedure: str, serial_number: str, expected: str) -> None:
    """Slashes, blanks and length of what users and devices say never get out of the folder's name."""
    folder = create(tmp_path, procedure, serial_number)
    assert folder.path.parent == tmp_path
    assert expected in folder.path.name


def test_a_folder_is_named_by_the_pump_once_it_is_known(tmp_path: Path) -> None:
    """And keeps what is in it; one that was named before keeps its name."""
    for before, after in ((UNIDENTIFIED, "SN-7"), ("SN0042", "SN0042")):
        folder = RunFolder.create(
            tmp_path, procedure="clock", serial_number=before, started=datetime(2026, 1, 1, tzinfo=UTC)
        )
        folder.write("plan.json", b"{}")
        folder.name_pump("SN/7")
        assert folder.path.name.split("_")[2] == after
        assert (folder.path / "plan.json").read_bytes() == b"{}"
    assert len(list(tmp_path.iterdir())) == 2


def test_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    """A file in the way: which folder, why, and what to do."""
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(UsageError, match=r"runs.*: cannot be written: .*; name another place"):
        create(tmp_path / "runs")


def test_manifest_holds_the_hash_of_every_file(tmp_path: Path) -> None:
    """Also of the audit file; only the manifest itself is left out."""
    folder = create(tmp_path)
    folder.audit("run started", why="test")
    folder.write("report.html", b"<html>")
    folder.finish({"verdict": "pass"})
    manifest = json.loads((folder.path / "manifest.json").read_bytes())
    assert manifest["verdict"] == "pass"
    expected = {
        name: hashlib.sha256((folder.path / name).read_bytes()).hexdigest() for name in ("audit.jsonl", "report.html")
    }
    assert manifest["files"] == expected
    assert verify_audit(folder.path / "audit.jsonl") == 1


def test_manifest_is_json_even_when_a_value_is_none(tmp_path: Path) -> None:
    """JSON has no NaN and no infinity: other programs must be able to read a manifest of a failed measurement."""
    folder = create(tmp_path)
    folder.finish({"measurements": [{"value": math.nan, "upper": math.inf, "lower": 0.0}], "n": (1, -math.inf)})
    text = (folder.path / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert manifest["measurements"] == [{"value": None, "upper": None, "lower": 0.0}]
    assert manifest["n"] == [1, None]


def test_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half way leaves what was there before, and nothing half beside it."""
    folder = create(tmp_path)
    folder.write("report.html", b"before")

    def fail(descriptor: int) -> None:
        del descriptor
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RecordingError, match=r"report\.html: cannot be written: No space left"):
            folder.write("report.html", b"after")
    assert [file.name for file in folder.path.iterdir()] == ["report.html"]
    assert (folder.path / "report.html").read_bytes() == b"before"


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from hil.recording.writer import RecordingWriter
from hil.runs.run_folder import RECORDING, RunFolder
folder = RunFolder.create(Path(sys.argv[1]), procedure="p", serial_number="s", started=datetime.now(UTC))
folder.audit("run started", why="test")
writer = RecordingWriter(folder.path / RECORDING, start_utc_ms=0, metadata={}, attachments={})
for number in range(100):
    writer.write("pump", "tx", number, b"x")
folder.audit("went on", why="test")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.mark.system
def test_killed_run_leaves_recording_and_audit_lines(tmp_path: Path) -> None:
    """Kill -9: no manifest, so it is plainly unfinished; records and audit lines until then are there."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
    assert {file.name for file in path.iterdir()} == {"run.mcap", "audit.jsonl"}
    assert len(Recording.open(path / "run.mcap").records) == 100
    assert verify_audit(path / "audit.jsonl") == 2
