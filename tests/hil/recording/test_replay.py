"""A replay answers as the wire did, times out where it did, and refuses to answer anything else."""

from pathlib import Path

import pytest

from hil.errors import LinkTimeout, RecordingError
from hil.recording.reader import Record, Recording
from hil.recording.replay import ReplayClock, ReplayLink
from hil.recording.tap import TappedLink
from hil.recording.writer import RecordingWriter


def recording_of(*records: Record) -> Recording:
    """A recording in memory."""
    return Recording(Path("r.mcap"), 1000, {}, {}, records, None)


def test_replay_gives_answers_and_times(tmp_path: Path) -> None:
    """Answers come back with the bench time at which they came; sleeping takes no real time."""
    del tmp_path
    recording = recording_of(Record("b", "tx", 10, b"SI\r\n"), Record("b", "rx", 60, b"S S 1 g\r\n"))
    clock = ReplayClock(recording)
    link = ReplayLink(recording, "b", clock)
    link.write(b"SI\r\n")
    assert link.read_until(b"\r\n", 1000) == b"S S 1 g\r\n"
    assert clock.now_ms() == 60
    clock.sleep_ms(86_400_000)
    assert clock.now_ms() == 86_400_060
    assert clock.start_utc_ms == 1000


def test_replay_times_out_where_the_wire_did() -> None:
    """A recorded timeout is one again, with the same partial bytes."""
    recording = recording_of(Record("b", "tx", 0, b"SI\r\n"), Record("b", "timeout", 3000, b"S S"))
    link = ReplayLink(recording, "b", ReplayClock(recording))
    link.write(b"SI\r\n")
    with pytest.raises(LinkTimeout) as caught:
        link.read_until(b"\r\n", 3000)
    assert caught.value.partial == b"S S"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ((), "has ended"),
        ((Record("b", "tx", 7, b"S\r\n"),), r"b: diverges at 7 ms of bench time: .*b'SI.*b'S\\r"),
        ((Record("b", "rx", 7, b"S\r\n"),), "goes on with rx"),
    ],
)
def test_first_divergence_is_named(records: tuple[Record, ...], said: str) -> None:
    """Another command than the recorded one is refused: which wire, when, what was sent then and now."""
    recording = recording_of(*records)
    link = ReplayLink(recording, "b", ReplayClock(recording))
    with pytest.raises(RecordingError, match=said):
        link.write(b"SI\r\n")


def test_a_divergence_names_the_first_other_byte() -> None:
    """Wire, time, both byte strings, and where in them they part; at the end of the shorter one if they do not."""
    recording = recording_of(Record("b", "tx", 7, b"out_sp_00 37.0\r"))
    for sent, at in ((b"out_sp_00 38.0\r", 11), (b"out_sp_00", 9)):
        link = ReplayLink(recording, "b", ReplayClock(recording))
        with pytest.raises(RecordingError) as caught:
            link.write(sent)
        said = str(caught.value)
        assert "r.mcap:b: diverges at 7 ms" in said
        assert repr(sent) in said
        assert repr(b"out_sp_00 37.0\r") in said
        assert f"byte {at} is the first to differ" in said


def test_recording_a_replay_gives_the_recording(tmp_path: Path) -> None:
    """A tapped replay writes what it plays: drains, timeouts and all, byte for byte."""
    records = (
        Record("b", "rx", 0, b"late\r\n"),
        Record("b", "tx", 0, b"@\r\n"),
        Record("b", "rx", 5, b'I4 A "1"\r\n'),
        Record("b", "tx", 9, b"SI\r\n"),
        Record("b", "timeout", 99, b"S"),
    )
    recording = recording_of(*records)
    clock = ReplayClock(recording)
    writer = RecordingWriter(tmp_path / "again.mcap", start_utc_ms=1000, metadata={}, attachments={})
    link = TappedLink(ReplayLink(recording, "b", clock), "b", writer, clock)
    assert link.drain() == b"late\r\n"
    link.write(b"@\r\n")
    assert link.drain() == b'I4 A "1"\r\n'
    link.write(b"SI\r\n")
    with pytest.raises(LinkTimeout):
        link.read_until(b"\r\n", 90)
    writer.close()
    assert [(r.direction, r.data) for r in Recording.open(tmp_path / "again.mcap").records] == [
        (r.direction, r.data) for r in records
    ]
