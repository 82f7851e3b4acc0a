"""A journal that was torn anywhere is cut behind its last whole line, and what is no journal is named."""

import os
from pathlib import Path

import pytest

from hil.errors import RecordingError
from hil.runs.run_journal import cut_torn_line, read_journal


@pytest.mark.parametrize("torn", [0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 10_000])
@pytest.mark.parametrize("whole", [b"", b"\n", b"a line\n", b"x" * 5000 + b"\n", b"\n\n"])
def test_a_torn_line_is_cut_off(tmp_path: Path, whole: bytes, torn: int) -> None:
    """However long it is; what is whole stays."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole + b"t" * torn)
    with path.open("r+b") as file:
        cut_torn_line(file.fileno())
        assert os.fstat(file.fileno()).st_size == len(whole)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [b"{", b"[]", b"3", b"{}", b"null", b"\xff"])
def test_what_is_no_line_of_a_journal_is_named(tmp_path: Path, line: bytes) -> None:
    """With its number; what stands before it can be read."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"entry":"kept"}\n' + line + b"\n")
    entries = read_journal(path)
    assert next(entries) == {"entry": "kept"}
    with pytest.raises(RecordingError, match=r"journal\.jsonl:2: is no line of a run's journal"):
        next(entries)
    with pytest.raises(RecordingError, match="cannot be read"):
        next(read_journal(tmp_path / "none.jsonl"))
