"""Ctrl-C and failing disks: what was acknowledged stays readable, and nothing that is not whole passes for whole."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import hil.recording.writer
from hil.errors import RecordingError
from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter
from tests.depth import at_depth

FOLDER = str(Path(hil.recording.writer.__file__).parent)


def started(path: Path) -> RecordingWriter:
    """A writer that has one record."""
    writer = RecordingWriter(path, start_utc_ms=1000, metadata={"seed": "1"}, attachments={"a.json": b"{}"})
    writer.write("pump", "tx", 1, b"first")
    return writer


@contextmanager
def interrupted_at(line: int) -> Iterator[list[int]]:
    """KeyboardInterrupt at the ``line``-th line that runs in hil/recording; gives a count of those that ran."""
    ran = [0]

    def trace(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        del argument
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        if event == "line":
            ran[0] += 1
            if ran[0] == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield ran
    finally:
        sys.settrace(before)


def lines_of(action: Callable[[RecordingWriter], None], path: Path) -> int:
    """How many lines of hil/recording run during ``action``."""
    writer = started(path)
    with interrupted_at(0) as ran:
        action(writer)
    writer.close()
    return ran[0]


def test_interrupted_write_leaves_a_whole_recording(tmp_path: Path) -> None:
    """Ctrl-C at any line of a write that opens a new wire: what follows is recorded, and the file closes valid."""

    def action(writer: RecordingWriter) -> None:
        writer.write("bath", "rx", 2, b"second")

    last = lines_of(action, tmp_path / "count.mcap")
    assert last > 20
    for line in range(1, last + 1):
        path = tmp_path / f"{line}.mcap"
        writer = started(path)
        with pytest.raises(KeyboardInterrupt), interrupted_at(line):
            action(writer)
        writer.write("balance", "tx", 3, b"third")
        writer.write("bath", "tx", 4, b"fourth")
        writer.close()
        recording = Recording.open(path)
        assert recording.complete
        said = [record.data for record in recording.records]
        assert said in ([b"first", b"third", b"fourth"], [b"first", b"second", b"third", b"fourth"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # between open and with
def test_interrupted_close_loses_no_record(tmp_path: Path) -> None:
    """Ctrl-C at any line of closing: the recording is whole, or cut behind its last record."""
    for line in range(1, lines_of(RecordingWriter.close, tmp_path / "count.mcap"), at_depth(3, 1)):
        path = tmp_path / f"{line}.mcap"
        writer = started(path)
        with pytest.raises(KeyboardInterrupt), interrupted_at(line):
            writer.close()
        writer.close()
        assert [record.data for record in Recording.open(path).records] == [b"first"]


def test_half_a_record_is_cut_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted when only a part had reached the system: that part is gone before anything follows it."""
    path = tmp_path / "a.mcap"
    writer = started(path)
    really_write = os.write

    def write_half(descriptor: int, data: bytes) -> int:
        really_write(descriptor, data[: len(data) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        with pytest.raises(KeyboardInterrupt):
            writer.write("pump", "rx", 2, b"second")
    writer.write("pump", "rx", 3, b"third")
    writer.close()
    recording = Recording.open(path)
    assert recording.complete
    assert [record.data for record in recording.records] == [b"first", b"third"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from hil.errors import RecordingError
from hil.recording.writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]), start_utc_ms=0, metadata={}, attachments={})
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
kept = 0
try:
    for number in range(10**6):
        writer.write("pump", "rx", number, bytes(50))
        kept += 1
except RecordingError as error:
    print(kept, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for again in (lambda: writer.write("pump", "rx", 1, b""), lambda: writer.note(1, "x"), writer.close):
    try:
        again()
    except RecordingError as error:
        print("again", error)
writer.close()
"""


@pytest.mark.system
def test_full_disk_is_fatal_and_stays_so(tmp_path: Path) -> None:
    """The system takes no more: one error, repeated even when there is room again; all that was kept is readable."""
    path = tmp_path / "full.mcap"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    first, *again = done.stdout.splitlines()
    kept, _, said = first.partition(" ")
    assert f"{path}: cannot be written behind byte 3000: " in said
    assert [line.removeprefix("again ") for line in again] == [said] * 3
    recording = Recording.open(path)
    assert not recording.complete
    assert len(recording.records) == int(kept)


def test_disk_that_fails_to_sync_is_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that fails is not tried again: the system may have dropped what it could not write."""
    path = tmp_path / "a.mcap"
    writer = started(path)

    def fail(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RecordingError, match=r"a\.mcap: the disk did not take all of \d+ bytes: Input/output"):
            writer.close()
    assert len(Recording.open(path).records) == 1


def test_sync_is_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand records in a moment are synced at the end, not each."""
    synced = []
    really_sync = os.fsync

    def count(descriptor: int) -> None:
        synced.append(descriptor)
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    writer = started(tmp_path / "a.mcap")
    for number in range(1000):
        writer.write("pump", "rx", number, b"x")
    writer.close()
    assert 2 <= len(synced) <= 6  # the file, its folder, and what a slow machine adds


def test_closed_recording_takes_no_more(tmp_path: Path) -> None:
    """Writing behind the end is refused, and closing again is harmless."""
    writer = started(tmp_path / "a.mcap")
    writer.close()
    writer.close()
    with pytest.raises(RecordingError, match="is closed"):
        writer.write("pump", "tx", 2, b"late")


@pytest.mark.parametrize("wire", ["", "a/b"])
def test_unreadable_wire_name_is_refused(tmp_path: Path, wire: str) -> None:
    """A name that the reader could not find again in the topic is the caller's mistake."""
    writer = started(tmp_path / "a.mcap")
    with pytest.raises(ValueError, match="without a slash"):
        writer.write(wire, "tx", 2, b"x")
    writer.close()
