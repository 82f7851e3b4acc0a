"""Recordings: valid MCAP for tools that are not ours, readable when cut at any byte, equal for equal runs."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader

from hil.errors import RecordingError
from hil.recording.info import describe
from hil.recording.reader import Record, Recording
from hil.recording.tap import Direction
from hil.recording.writer import RecordingWriter
from tests.depth import tries

START_UTC_MS = 1_767_225_600_000
RECORDS = [
    Record("pump", "tx", 0, b"\x01\x02\x00"),
    Record("pump", "rx", 0, b"\x03\x00"),
    Record("balance", "tx", 250, b"SI\r\n"),
    Record("balance", "timeout", 3250, b"S S  "),
    Record("pump", "tx", 3250, b""),
    Record("pump", "rx", 90_000_000, bytes(range(256))),
]


def write(path: Path, records: list[Record] = RECORDS, *, close: bool = True, compact: bool = True) -> Path:
    """A recording of ``records`` at ``path``."""
    writer = RecordingWriter(
        path,
        start_utc_ms=START_UTC_MS,
        metadata={"seed": "1"},
        attachments={"bench.json": b'{"name": "x"}'},
        compact=compact,
    )
    for record in records:
        writer.write(record.wire, record.direction, record.time_ms, record.data)
    if close:
        writer.close()
        writer.close()
    return path


def test_recording_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Wires, directions, times, bytes, metadata and attachments survive."""
    recording = Recording.open(write(tmp_path / "a.mcap"))
    assert recording.complete
    assert list(recording.records) == RECORDS
    assert recording.metadata == {"seed": "1"}
    assert recording.attachments == {"bench.json": b'{"name": "x"}'}
    assert recording.start_utc_ms == START_UTC_MS


def test_mcaps_own_reader_agrees(tmp_path: Path) -> None:
    """Mcap's reader, checking every CRC, finds the same messages, summary, attachments and metadata."""
    with write(tmp_path / "a.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        header = reader.get_header()
        assert (header.profile, header.library) == ("pumprig", "pumprig recording 2")
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.message_count == len(RECORDS)
        assert summary.statistics.message_start_time == START_UTC_MS * 1_000_000
        assert summary.statistics.message_end_time == (START_UTC_MS + 90_000_000) * 1_000_000
        assert sum(summary.statistics.channel_message_counts.values()) == len(RECORDS)
        found = [
            (channel.topic, message.log_time // 1_000_000 - START_UTC_MS, message.data)
            for _, channel, message in reader.iter_messages(log_time_order=False)
        ]
        assert found == [(f"/wire/{each.wire}/{each.direction}", each.time_ms, each.data) for each in RECORDS]
        assert [(each.name, each.data) for each in reader.iter_attachments()] == [("bench.json", b'{"name": "x"}')]
        assert [each.metadata["seed"] for each in reader.iter_metadata()] == ["1"]


def test_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing of this machine, this process or this moment gets into a recording."""
    assert write(tmp_path / "a.mcap").read_bytes() == write(tmp_path / "b.mcap").read_bytes()


def test_unfinished_recording_is_readable_by_others(tmp_path: Path) -> None:
    """Without a footer, mcap's stream reader still gets every message that was written."""
    path = write(tmp_path / "a.mcap", close=False)
    messages = 0
    with path.open("rb") as stream, contextlib.suppress(EndOfFile):
        for record in StreamReader(stream).records:
            messages += isinstance(record, Message)
    assert messages == len(RECORDS)


def test_cut_at_any_byte_gives_the_whole_records_before_it(tmp_path: Path) -> None:
    """As it was written, a recording either reads up to its last whole record or is refused in one sentence."""
    data = write(tmp_path / "whole.mcap", compact=False).read_bytes()
    cut = tmp_path / "cut.mcap"
    most = 0
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        try:
            recording = Recording.open(cut)
        except RecordingError as error:
            assert str(cut) in str(error)
            assert length < 8
            continue
        assert not recording.complete
        assert recording.truncated_at is not None
        assert recording.truncated_at <= length
        assert list(recording.records) == RECORDS[: len(recording.records)]
        assert len(recording.records) >= most
        most = len(recording.records)
    assert most == len(RECORDS)


@settings(max_examples=tries(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 5000), flip=st.integers(1, 255))
def test_damaged_recording_is_read_or_refused(tmp_path: Path, at: int, flip: int) -> None:
    """One wrong byte anywhere never ends in another exception, and never passes for a whole recording."""
    path = tmp_path / "damaged.mcap"
    path.unlink(missing_ok=True)
    data = bytearray(write(path).read_bytes())
    data[at % len(data)] ^= flip
    path.write_bytes(data)
    try:
        recording = Recording.open(path)
    except RecordingError as error:
        assert str(path) in str(error)
    else:
        assert not recording.complete or list(recording.records) == RECORDS


@pytest.mark.parametrize("content", [b"", b"not a recording at all", b"\x89MCAP0\r\n" + b"\xff" * 100])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, some text, or noise behind the magic: one error, or nothing to be read."""
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    try:
        assert Recording.open(path).records == ()
    except RecordingError as error:
        assert "x.mcap" in str(error)


def test_missing_and_existing_files_are_not_touched(tmp_path: Path) -> None:
    """A recording that is not there is named; one that is there is never overwritten."""
    with pytest.raises(RecordingError, match=r"nowhere\.mcap: there is no such recording"):
        Recording.open(tmp_path / "nowhere.mcap")
    path = write(tmp_path / "a.mcap")
    with pytest.raises(RecordingError, match="cannot be made"):
        write(path)


KILLED = """
import os, sys
from pathlib import Path
from hil.recording.writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]), start_utc_ms=0, metadata={}, attachments={})
for number in range(10**9):
    writer.write("pump", "rx", number, number.to_bytes(8, "big"))
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.system
@pytest.mark.parametrize("after", [1, 17, 333, 2500])
def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path, after: int) -> None:
    """A process that is killed with SIGKILL leaves every record whose write had returned."""
    path = tmp_path / "killed.mcap"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(after):
        acknowledged = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    for line in process.communicate()[0].splitlines(keepends=True):
        acknowledged = int(line) if line.endswith(b"\n") else acknowledged
    records = Recording.open(path).records
    assert len(records) > acknowledged
    assert [int.from_bytes(record.data, "big") for record in records] == list(range(len(records)))


def test_info_counts_by_wire_and_direction(tmp_path: Path) -> None:
    """What a recording holds, at a glance."""
    info = describe(write(tmp_path / "a.mcap"))
    assert info.counts == {"balance/timeout": 1, "balance/tx": 1, "pump/rx": 2, "pump/tx": 2}
    assert info.duration_ms == 90_000_000
    assert "25.000 h" in str(info)


def test_directions_are_those_of_the_tap() -> None:
    """A direction that the reader would refuse cannot be written by mistake."""
    directions: list[Direction] = ["tx", "rx", "timeout"]
    assert {record.direction for record in RECORDS} == set(directions)
