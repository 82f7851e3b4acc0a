"""A disk that is full for a while: what was acknowledged before and after can be read, and nothing torn is between."""

import subprocess
import sys
from pathlib import Path

from hil.runs.audit import verify_audit
from hil.runs.run_journal import read_journal

_FILLED_FOR_A_WHILE = """
import resource
import signal
from pathlib import Path

from hil.runs.audit import AuditTrail
from hil.errors import RecordingError
from hil.runs.run_journal import RunJournal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal, trail = RunJournal(Path("journal.jsonl")), AuditTrail(Path("audit.jsonl"))


def append(number: int) -> None:
    journal.append("kept", number=number)
    trail.append(f"did {number}", why="because")


append(0)
for path, write in (
    (journal.path, lambda: journal.append("kept", number=1, text="x" * 1000)),
    (trail.path, lambda: trail.append("did 1", why="x" * 1000)),
):
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, resource.RLIM_INFINITY))
    try:
        write()
    except RecordingError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
append(2)
"""


def test_what_is_appended_after_a_full_disk_can_be_read(tmp_path: Path) -> None:
    """A real limit on the file's size stops a line in its middle; when it is gone, journal and audit go on whole."""
    result = subprocess.run(
        [sys.executable, "-c", _FILLED_FOR_A_WHILE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["journal.jsonl", "audit.jsonl"]
    assert [entry["number"] for entry in read_journal(tmp_path / "journal.jsonl")] == [0, 2]
    assert verify_audit(tmp_path / "audit.jsonl") == 2
