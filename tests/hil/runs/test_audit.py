"""An audit file shows whether a line was changed, taken out, put between or torn."""

import json
from pathlib import Path

import pytest

from hil.errors import RecordingError
from hil.runs.audit import AuditTrail, verify_audit


def three_lines(path: Path) -> list[bytes]:
    """An audit file of three lines."""
    trail = AuditTrail(path)
    for number in range(3):
        trail.append(f"did {number}", why="because")
    return path.read_bytes().splitlines(keepends=True)


def test_lines_say_who_when_what_and_why(tmp_path: Path) -> None:
    """Each line is one JSON object with these five texts; the first names no line before."""
    path = tmp_path / "audit.jsonl"
    entries = [json.loads(line) for line in three_lines(path)]
    assert all(set(entry) == {"time_utc", "who", "what", "why", "previous"} for entry in entries)
    assert [entry["what"] for entry in entries] == ["did 0", "did 1", "did 2"]
    assert entries[0]["previous"] == "0" * 64
    assert verify_audit(path) == 3


def test_trail_goes_on_where_another_process_stopped(tmp_path: Path) -> None:
    """A file that exists is chained on to, not begun anew."""
    path = tmp_path / "audit.jsonl"
    three_lines(path)
    AuditTrail(path).append("signed", why="reviewed")
    assert verify_audit(path) == 4


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[1], lines[2]], 1),
        (lambda lines: [lines[0], lines[0], lines[1], lines[2]], 2),
        (lambda lines: [lines[0].replace(b"because", b"because!"), *lines[1:]], 2),
        (lambda lines: [*lines[:2], lines[2][:-1]], 3),
        (lambda lines: [*lines[:2], lines[2][:20]], 3),
        (lambda lines: [*lines, b"[]\n"], 4),
        (lambda lines: [*lines, b"\xff\n"], 4),
    ],
)
def test_tampering_shows_with_its_line(tmp_path: Path, change: object, number: int) -> None:
    """Whatever was done to the file, verifying names the first line that does not fit, and nothing is added to it."""
    path = tmp_path / "audit.jsonl"
    assert callable(change)
    path.write_bytes(b"".join(change(three_lines(path))))
    with pytest.raises(RecordingError, match=rf"audit\.jsonl:{number}: "):
        verify_audit(path)
    with pytest.raises(RecordingError, match=rf"audit\.jsonl:{number}: "):
        AuditTrail(path)


def test_missing_file_is_one_error(tmp_path: Path) -> None:
    """Verifying what is not there says so."""
    with pytest.raises(RecordingError, match=r"nowhere\.jsonl: cannot be read"):
        verify_audit(tmp_path / "nowhere.jsonl")
