"""Damage is found and its byte named; a file that was only cut is read up to there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.data_stream import RecordBuilder
from mcap.records import Channel, Chunk, Header, McapRecord, Message, Metadata

from hil.errors import RecordingError
from hil.recording.info import describe
from hil.recording.layout import MAGIC
from hil.recording.ledger import encode
from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter


def write(path: Path, *, close: bool = True, compact: bool = True) -> bytes:
    """A small recording with something of every kind."""
    writer = RecordingWriter(
        path, start_utc_ms=1000, metadata={"seed": "1"}, attachments={"a.json": b'{"a": 1}'}, compact=compact
    )
    writer.write("pump", "tx", 1, b"ask")
    writer.write("pump", "rx", 2, MAGIC)
    writer.note(3, "seen")
    if close:
        writer.close()
    return path.read_bytes()


@pytest.mark.parametrize("close", [True, False])
def test_recording_cut_at_every_byte_is_read_up_to_there(tmp_path: Path, close: bool) -> None:
    """As it was written, with notes, and with the magic of a file's end among its bytes: all whole records are read."""
    data = write(tmp_path / "a.mcap", close=close, compact=False)
    path = tmp_path / "cut.mcap"
    ends = [len(MAGIC)]
    while ends[-1] < len(data) - len(MAGIC):
        ends.append(ends[-1] + 9 + int.from_bytes(data[ends[-1] + 1 : ends[-1] + 9], "little"))
    counts = []
    for length in range(len(MAGIC), len(data)):
        path.write_bytes(data[:length])
        recording = Recording.open(path)
        assert not recording.complete
        assert recording.truncated_at == max(end for end in ends if end <= length)
        counts.append(len(recording.records) + len(recording.notes))
    assert counts == sorted(counts)
    assert counts[-1] == (3 if close else 2)


def test_a_finished_recording_that_was_cut_is_damaged(tmp_path: Path) -> None:
    """Its messages stand in one chunk: cut in that, nothing can be read, and it had been closed, says `info`."""
    data = write(tmp_path / "a.mcap")
    path = tmp_path / "cut.mcap"
    path.write_bytes(data[: data.index(b"zstd") + 20])
    info = describe(path)
    assert (info.form, info.closed, info.counts.total()) == ("chunked", True, 0)
    assert (
        f"damaged at byte {info.truncated_at}: the file was closed, but is cut or damaged from here on" in info.problem
    )
    assert "it was closed, but its index is lost" in str(info)
    assert "never closed" not in str(info)


@pytest.mark.parametrize("change", [lambda data: data[:-3], lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]])
def test_a_damaged_end_leaves_all_messages(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Cut, or one bit flipped, in the last bytes: everything is read, and the end is said to be damaged."""
    data = write(tmp_path / "a.mcap")
    path = tmp_path / "end.mcap"
    path.write_bytes(change(data))
    info = describe(path)
    assert info.counts.total() + len(info.notes) == 3
    assert "all messages are there, but the end of the file behind them" in info.problem
    assert "never closed" not in str(info)


@pytest.mark.deep(quick=1)
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_wrong_byte_of_a_closed_recording_is_found(tmp_path: Path, flip: int) -> None:
    """Whichever byte is wrong, a recording that was closed is refused with the file and a byte."""
    data = write(tmp_path / "a.mcap")
    path = tmp_path / "wrong.mcap"
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
        with pytest.raises(RecordingError, match=r"wrong\.mcap: .*\bbyte"):
            Recording.open(path)


def test_every_wrong_byte_of_a_cut_recording_is_survived(tmp_path: Path) -> None:
    """Without checksums over messages damage may go unseen, but never ends in another exception."""
    data = write(tmp_path / "a.mcap", close=False)
    path = tmp_path / "wrong.mcap"
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            assert not Recording.open(path).complete
        except RecordingError as error:
            assert "wrong.mcap" in str(error)


def test_attachment_has_a_checksum_of_its_own(tmp_path: Path) -> None:
    """The bench that a cut recording was made on is known to be right, or refused."""
    data = write(tmp_path / "a.mcap", close=False)
    path = tmp_path / "wrong.mcap"
    path.write_bytes(data.replace(b'{"a": 1}', b'{"a": 2}'))
    with pytest.raises(RecordingError, match=r"damaged at byte \d+: the checksum of attachment 'a\.json'"):
        Recording.open(path)


def test_zeros_of_a_power_cut_are_where_the_recording_ends(tmp_path: Path) -> None:
    """A disk that lost power may pad a file with zeros: they are no records, and hide none."""
    data = write(tmp_path / "a.mcap", close=False)
    path = tmp_path / "padded.mcap"
    path.write_bytes(data + bytes(4096))
    recording = Recording.open(path)
    assert recording.truncated_at == len(data)
    assert len(recording.records) == 2
    path.write_bytes(data + bytes(4096) + b"more")
    with pytest.raises(RecordingError, match=f"damaged at byte {len(data)}: a record of kind 0"):
        Recording.open(path)


def test_bytes_behind_the_end_are_refused(tmp_path: Path) -> None:
    """A closed recording to which something was added is not what was recorded."""
    data = write(tmp_path / "a.mcap")
    path = tmp_path / "longer.mcap"
    for added in (b"x", MAGIC, data):
        path.write_bytes(data + added)
        with pytest.raises(RecordingError, match=f"damaged at byte {len(data) - len(MAGIC)}: something else follows"):
            Recording.open(path)


def other_profile() -> bytes:
    """Another program's MCAP file."""
    return encode(Header(profile="ros2", library="rosbag2"))


def unannounced() -> bytes:
    """A message whose channel is missing."""
    return encode(started(), Message(channel_id=1, log_time=0, publish_time=0, sequence=0, data=b""))


def gap() -> bytes:
    """A message is missing between two others."""
    messages = [Message(channel_id=1, log_time=0, publish_time=0, sequence=number, data=b"") for number in (0, 2)]
    return encode(started(), channel("/wire/pump/tx"), *messages)


def two_topics() -> bytes:
    """One channel is two topics."""
    return encode(started(), channel("/wire/pump/tx"), channel("/wire/pump/rx"))


def foreign_topic() -> bytes:
    """A topic that no recording has."""
    return encode(started(), channel("/tf"))


def chunked() -> bytes:
    """A chunk that another tool has compressed."""
    builder = RecordBuilder()
    chunk = Chunk(
        compression="lz4", data=b"", message_end_time=0, message_start_time=0, uncompressed_crc=0, uncompressed_size=0
    )
    chunk.write(builder)
    return encode(started()) + bytes(builder.end())  # type: ignore[no-untyped-call] # mcap leaves it untyped


def no_start() -> bytes:
    """Metadata without the time at which bench time began."""
    return encode(Metadata(name="pumprig", metadata={}))


def odd_note() -> bytes:
    """A note that is no JSON object."""
    message = Message(channel_id=1, log_time=0, publish_time=0, sequence=0, data=b"[]")
    return encode(started(), channel("/notes"), message)


def started() -> McapRecord:
    """What a recording says first of its run."""
    return Metadata(name="pumprig", metadata={"start_utc_ms": "0"})


def channel(topic: str) -> McapRecord:
    """Channel 1 as ``topic``."""
    return Channel(id=1, topic=topic, message_encoding="x", metadata={}, schema_id=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (other_profile, "is MCAP of profile 'ros2' .byte 8., not a pumprig recording"),
        (unannounced, r"damaged at byte \d+: a message on channel 1, which was not announced"),
        (gap, r"damaged at byte \d+: message 2 of pump stands where message 1 belongs"),
        (two_topics, r"damaged at byte \d+: channel 1 is announced twice"),
        (foreign_topic, r"damaged at byte \d+: '/tf' is no topic of a recording"),
        (chunked, r"damaged at byte \d+: a chunk compressed by 'lz4', which no recording holds"),
        (no_start, r"damaged at byte 8: 'start_utc_ms'"),
        (odd_note, r"damaged at byte \d+: list indices"),
    ],
)
def test_what_no_writer_of_ours_wrote_is_refused(tmp_path: Path, content: Callable[[], bytes], said: str) -> None:
    """Valid MCAP is not enough: what does not fit a recording is named with its byte."""
    path = tmp_path / "x.mcap"
    path.write_bytes(MAGIC + content())
    with pytest.raises(RecordingError, match=said):
        Recording.open(path)
