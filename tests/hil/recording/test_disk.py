"""Disks that stand still, fill up or fail: said within 2 s, recorded when that is possible, and never silent."""

import errno
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.errors import RecordingError
from hil.recording.append_file import AppendFile
from hil.recording.disk_watch import Alarm
from hil.recording.layout import ALARMS_TOPIC
from hil.recording.reader import Recording
from hil.recording.stream import RecordingStream
from hil.recording.writer import RecordingWriter

DUE_S = 2.0
"""Within which an alarm must have been raised."""


class Heard:
    """Whoever hears alarms, and when."""

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []
        self.at: list[float] = []
        self._any = threading.Condition()

    def __call__(self, alarm: Alarm) -> None:
        """Keep it."""
        with self._any:
            self.alarms.append(alarm)
            self.at.append(time.monotonic())
            self._any.notify_all()

    def wait_for(self, count: int, timeout_s: float = 10) -> None:
        """Until so many alarms were heard."""
        with self._any:
            assert self._any.wait_for(lambda: len(self.alarms) >= count, timeout_s), self.alarms


def started(path: Path, heard: Heard) -> RecordingWriter:
    """A writer that has one record."""
    writer = RecordingWriter(path, start_utc_ms=0, metadata={}, attachments={}, on_alarm=heard)
    writer.write("pump", "tx", 1, b"first")
    return writer


def recorded_alarms(path: Path) -> list[tuple[str, str]]:
    """What the recording says of itself."""
    with RecordingStream.open(path) as stream:
        found = [json.loads(message.data) for message in stream.messages([ALARMS_TOPIC])]
    return [(each["alarm"], each["state"]) for each in found]


def test_stalled_sync_is_an_alarm_and_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes no sync is said within 2 s; records are still taken; when it goes on, both are recorded."""
    heard, released, begun = Heard(), threading.Event(), threading.Event()
    really_sync = os.fsync

    def stalled(descriptor: int) -> None:
        begun.set()
        released.wait(20)
        really_sync(descriptor)

    path = tmp_path / "a.mcap"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", stalled)
        writer = started(path, heard)
        wrote_at = time.monotonic()
        assert begun.wait(5)
        heard.wait_for(1)
        writer.write("pump", "rx", 2, b"second")
        released.set()
        heard.wait_for(2)
    assert [(alarm.alarm, alarm.state) for alarm in heard.alarms] == [
        ("stalled-disk", "raised"),
        ("stalled-disk", "cleared"),
    ]
    assert heard.at[0] - wrote_at < DUE_S + 0.5, "0.5 s of a busy machine"
    writer.close()
    assert recorded_alarms(path) == [("stalled-disk", "raised"), ("stalled-disk", "cleared")]
    assert [record.data for record in Recording.open(path).records] == [b"first", b"second"]


def test_stalled_write_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever records waits for the disk, and cannot say so: another thread does."""
    heard = Heard()
    writer = started(tmp_path / "a.mcap", heard)
    really_write = os.write

    def stalled(descriptor: int, data: bytes) -> int:
        heard.wait_for(1)
        return really_write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", stalled)
        began_at = time.monotonic()
        writer.write("pump", "rx", 2, b"second")
    assert heard.alarms[0][:2] == ("stalled-disk", "raised")
    assert heard.at[0] - began_at < DUE_S + 0.5
    writer.close()
    assert ("stalled-disk", "raised") in recorded_alarms(tmp_path / "a.mcap")


def test_failing_sync_is_an_alarm_and_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sync that fails ends the recording, although nobody was writing just then; it is never tried again."""
    heard, tries = Heard(), []

    def failing(descriptor: int) -> None:
        tries.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        writer = started(tmp_path / "a.mcap", heard)
        heard.wait_for(1)
        assert heard.alarms[0].alarm == "sync-failed"
        assert "Input/output error" in heard.alarms[0].detail
    with pytest.raises(RecordingError, match="the disk did not take all"):
        writer.write("pump", "rx", 2, b"second")
    with pytest.raises(RecordingError, match="the disk did not take all"):
        writer.close()
    assert len(tries) == 1
    assert [record.data for record in Recording.open(tmp_path / "a.mcap").records] == [b"first"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dead_thread_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the thread that syncs dies, the one that watches says so."""
    heard = Heard()

    def dies(file: AppendFile) -> bool:
        raise MemoryError(file.path)

    with monkeypatch.context() as patch:
        patch.setattr(AppendFile, "needs_sync", property(dies))
        writer = started(tmp_path / "a.mcap", heard)
        heard.wait_for(1)
    assert heard.alarms[0].alarm == "dead-thread"
    assert "syncer" in heard.alarms[0].detail
    writer.close()
    assert ("dead-thread", "raised") in recorded_alarms(tmp_path / "a.mcap")


def test_what_is_acknowledged_is_synced_although_nothing_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut loses a second at most, also behind the last record before a long silence."""
    synced, really_sync = threading.Event(), os.fsync

    def watched(descriptor: int) -> None:
        really_sync(descriptor)
        synced.set()

    monkeypatch.setattr(os, "fsync", watched)
    writer = started(tmp_path / "a.mcap", Heard())
    assert synced.wait(5)
    writer.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting is not allowed here; test_full_disk_is_fatal_and_stays_so does it by a limit")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_keeps_what_was_acknowledged(small_disk: Path) -> None:
    """A real disk that is full: the write fails at once, closing says so again, and all before it is readable."""
    writer = RecordingWriter(
        small_disk / "a.mcap", start_utc_ms=0, metadata={}, attachments={}, on_alarm=Heard(), pump_wires=("pump",)
    )
    kept, said = 0, ""
    while not said:
        try:
            writer.write("pump", "rx", kept, kept.to_bytes(4, "big") + bytes(500))
            kept += 1
        except RecordingError as error:
            said = str(error)
    assert "No space left on device; the recording ends here" in said
    with pytest.raises(RecordingError, match="No space left"):
        writer.close()
    recording = Recording.open(small_disk / "a.mcap")
    assert not recording.complete
    assert len(recording.records) >= kept > 100


def test_no_room_to_rewrite_leaves_the_live_file_whole(small_disk: Path) -> None:
    """A disk with room for the recording, but not for another: it stays as it was written, with an alarm."""
    heard = Heard()
    path = small_disk / "a.mcap"
    writer = RecordingWriter(path, start_utc_ms=0, metadata={}, attachments={}, on_alarm=heard)
    count = 360
    for number in range(count):
        writer.write("pump", "rx", number, os.urandom(400))
    writer.close()
    assert [alarm.alarm for alarm in heard.alarms] == ["not-compacted"]
    recording = Recording.open(path)
    assert recording.complete
    assert len(recording.records) == count
    assert [each.name for each in small_disk.iterdir()] == ["a.mcap"]


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_recording_that_is_no_longer_there_is_an_alarm_and_fatal(tmp_path: Path, how: str) -> None:
    """A file without a name takes bytes as before, and all of them are gone when it is closed."""
    heard = Heard()
    path = tmp_path / "run" / "r.mcap"
    path.parent.mkdir()
    writer = started(path, heard)
    if how == "deleted":
        path.unlink()
    else:
        path.parent.rename(tmp_path / "elsewhere")
    writer.write("pump", "rx", 2, b"second")
    heard.wait_for(1)
    assert heard.alarms[0].alarm == "sync-failed"
    with pytest.raises(RecordingError, match=r"is no longer there; was it deleted, or its folder moved\?"):
        writer.write("pump", "tx", 3, b"third")
    with pytest.raises(RecordingError):
        writer.close()
