"""Streaming agrees with mcap's own reader, whatever the form, the times and the topics."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader

import hil.recording.stream
from hil.recording.blocks import blocks
from hil.recording.layout import MAGIC
from hil.recording.stream import RecordingStream
from tests.depth import tries
from tests.hil.recording.chunked import MESSAGES, START_UTC_MS, write_chunked

TOPICS = ["/wire/pump/tx", "/wire/bath/tx", "/pump/read_status", "/notes", "/wire/pump/rejected", "/pump/status"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same recording in chunks, as it was written, and cut."""
    folder = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as monkeypatch:
        write_chunked(folder / "chunked.mcap", monkeypatch)
        monkeypatch.setattr("hil.recording.writer.rewrite", lambda path: path)
        live = write_chunked(folder / "live.mcap", monkeypatch)
    (folder / "cut.mcap").write_bytes(live[: live.rindex(b"note")])
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("form", ["chunked", "live"])
@settings(max_examples=tries(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    topics=st.none() | st.sets(st.sampled_from(TOPICS)),
    times=st.tuples(st.none() | st.integers(-100, 31_000), st.none() | st.integers(-100, 31_000)),
)
def test_any_range_and_topics_agree_with_mcaps_reader(
    files: dict[str, Path], form: str, topics: set[str] | None, times: tuple[int | None, int | None]
) -> None:
    """Mcap's reader, told the same, gives the same messages in the same order."""
    from_ms, to_ms = times
    with RecordingStream.open(files[form]) as stream:
        found = [
            (message.topic, message.time_ms, message.wall_utc_ns, message.sequence, message.data)
            for message in stream.messages(topics, from_ms=from_ms, to_ms=to_ms)
        ]
    reader = make_reader(BytesIO(files[form].read_bytes()), validate_crcs=True)
    expected = [
        (channel.topic, message.log_time // 10**6 - START_UTC_MS, message.publish_time, message.sequence, message.data)
        for _, channel, message in reader.iter_messages(log_time_order=False)
        if topics is None or channel.topic in topics
    ]
    lowest, highest = (-(10**9) if from_ms is None else from_ms), (10**9 if to_ms is None else to_ms)
    assert found == [each for each in expected if lowest <= each[1] <= highest]


def test_forms_hold_the_same(files: dict[str, Path]) -> None:
    """Rewriting changes no message, no attachment and no metadata; a cut file has the first of them."""
    found = {}
    for form, path in files.items():
        with RecordingStream.open(path) as stream:
            messages = [message._replace(at=0) for message in stream.messages()]
            found[form] = (messages, stream.attachments(), stream.metadata, stream.start_utc_ms)
            assert stream.chunks == (stream.chunks if form == "chunked" else 0)
            assert stream.closed_properly == (form != "cut")
            assert (stream.truncated_at is None) == (form != "cut")
    assert found["chunked"] == found["live"]
    assert found["cut"][0] == found["live"][0][: len(found["cut"][0])]
    assert found["cut"][1:] == found["live"][1:]
    assert len(found["live"][0]) > MESSAGES


def test_seeking_expands_few_chunks(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten milliseconds from the middle need the chunks that hold them, not those before."""
    expanded = []

    def counted(file: object, at: int, size: int) -> object:
        for block in blocks(file, at, size):  # type: ignore[arg-type]
            if block.is_chunk:
                expanded.append(block.at)
            yield block

    with RecordingStream.open(files["chunked"]) as stream:
        assert stream.chunks > 10
        monkeypatch.setattr(hil.recording.stream, "blocks", counted)
        found = list(stream.messages(from_ms=15_000, to_ms=15_100))
    assert found
    assert len(expanded) <= 2


def test_two_readers_of_one_stream_do_not_disturb_each_other(files: dict[str, Path]) -> None:
    """Looking at attachments while messages are read loses none."""
    with RecordingStream.open(files["chunked"]) as stream:
        first = [message for message in stream.messages() if stream.attachments()]
        assert first == list(stream.messages())


def test_blocks_are_bounded_and_whole(files: dict[str, Path]) -> None:
    """All blocks together are the file, and each ends with a record."""
    path = files["live"]
    data = path.read_bytes()
    with path.open("rb") as file:
        assert b"".join(block.data for block in blocks(file, len(MAGIC), len(data))) == data[len(MAGIC) : -len(MAGIC)]
