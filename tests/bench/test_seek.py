"""Finding a time in a recording of 1 GB, beside mcap's own reader doing the same, in one process."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from hil.recording.layout import (
    CHUNK_BYTES,
    LAYOUT,
    LAYOUT_KEY,
    LIBRARY,
    MESSAGE_ENCODING,
    METADATA_NAME,
    PROFILE,
    START_KEY,
)
from hil.recording.stream import RecordingStream

_MESSAGES, _DATA_BYTES, _WANTED_S = 2_125_000, 450, 0.2


def _write(path: Path) -> None:
    """Messages a millisecond apart that do not compress, in chunks as a finished recording has them."""
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD, enable_data_crcs=True)
        writer.start(profile=PROFILE, library=LIBRARY)
        writer.add_metadata(METADATA_NAME, {START_KEY: "0", LAYOUT_KEY: LAYOUT})
        channel = writer.register_channel("/wire/pump/rx", MESSAGE_ENCODING, 0)
        for number in range(_MESSAGES):
            time_ns = number * 1_000_000
            writer.add_message(channel, time_ns, os.urandom(_DATA_BYTES), time_ns, number)
        writer.finish()  # type: ignore[no-untyped-call] # mcap leaves it untyped


def _ours(path: Path, time_ms: int) -> int:
    with RecordingStream.open(path) as recording:
        return next(recording.messages(from_ms=time_ms, to_ms=_MESSAGES)).time_ms


def _theirs(path: Path, time_ms: int) -> int:
    with path.open("rb") as file:
        _, _, message = next(make_reader(file).iter_messages(starting_at=time_ms * 1_000_000))
        return message.log_time // 1_000_000


def _slowest_s(path: Path, seek: Callable[[Path, int], int]) -> float:
    spent = []
    for tenth in range(10):
        time_ms = _MESSAGES * tenth // 10 + 12_345
        start = time.perf_counter()
        assert seek(path, time_ms) == time_ms
        spent.append(time.perf_counter() - start)
    return max(spent)


@pytest.mark.timeout(600)
def test_seek_in_a_gigabyte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Opened anew each time, and the first message at or behind a time is given."""
    path = tmp_path / "big.mcap"
    _write(path)
    ours, theirs = _slowest_s(path, _ours), _slowest_s(path, _theirs)
    with capsys.disabled():
        print(f"\n{f'seek in {path.stat().st_size / 1e9:.2f} GB, slowest of 10':36}{'s':>10}{'goal':>10}")
        print(f"{'mcap own reader':36}{theirs:10.3f}")
        print(f"{'RecordingStream':36}{ours:10.3f}{_WANTED_S:10.1f}")
    path.unlink()
    assert ours < _WANTED_S
