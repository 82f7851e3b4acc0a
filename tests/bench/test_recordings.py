"""How fast a recording becomes Parquet, beside decoding its frames one by one; and how fast a time is found.

``PUMPRIG_BENCH_FRAMES`` says how many frames the recording has, if not ten million, which take 1.1 GB meanwhile.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from hil.export.export import Part, export
from hil.export.selection import Selection
from hil.export.telemetry import Telemetry
from hil.recording.stream import RecordingStream
from protocols.framing import FrameDecoder
from protocols.messages import MESSAGES
from protocols.messages.codec import body_codec
from tests.bench.many_frames import write_frames

_FRAMES: Final = int(os.environ.get("PUMPRIG_BENCH_FRAMES", "10000000"))
_FEW: Final = 20_000
_RATE_WANTED, _RATIO_WANTED, _BYTES_WANTED, _SEEK_WANTED_S = 1_000_000, 30, 500_000_000, 0.2


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording of many frames."""
    path = tmp_path_factory.mktemp("recordings") / "run.mcap"
    write_frames(path, _FRAMES)
    return path


def _one_by_one(path: Path, frames: int) -> float:
    """Frames per second of CPU time: message by message, deframed, parsed with construct's interpreter."""
    interpreted = {opcode: body_codec(message).interpreted for opcode, message in MESSAGES.items()}
    decoder, found = FrameDecoder(), 0
    start = time.process_time()
    with RecordingStream.open(path) as stream:
        for message in stream.messages(topics=["/wire/pump/rx"]):
            for frame in decoder.feed(message.data):
                if isinstance(frame, bytes):
                    interpreted[frame[4]].parse(frame[5:])
                found += 1
            if found >= frames:
                break
    return found / (time.process_time() - start)


@pytest.mark.timeout(3600)
def test_file_to_parquet(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A process of its own exports all of it; this one decodes a few of the same frames one by one."""
    slow = max(_one_by_one(recording, _FEW) for _ in range(2))
    command = [sys.executable, "-m", "tests.bench.test_recordings", str(recording), str(tmp_path / "tables")]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    fast = done["frames"] / done["cpu_s"]
    with capsys.disabled():
        size = recording.stat().st_size
        print(f"\n{done['frames']:,} frames in {size / 1e9:.2f} GB, one core{'':8}{'frames/s':>14}{'goal':>12}")
        print(f"{'one by one, construct':44}{slow:14,.0f}")
        print(f"{'file to Parquet':44}{fast:14,.0f}{_RATE_WANTED:12,}")
        print(f"{'ratio':44}{fast / slow:14.0f}{_RATIO_WANTED:12}")
        print(f"{'peak memory, MB':44}{done['peak_bytes'] / 1e6:14.0f}{_BYTES_WANTED / 1e6:12.0f}")
    assert done["frames"] == _FRAMES + done["asked"]
    assert fast / slow >= _RATIO_WANTED
    assert done["peak_bytes"] < _BYTES_WANTED
    assert fast >= _RATE_WANTED


@pytest.mark.timeout(3600)
def test_a_time_is_found(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Opened anew each time, decoded from there on: the first table behind ten times."""
    with Telemetry.open(recording) as telemetry:  # compiled code is loaded before anything is measured
        next(telemetry.tables(Selection(0, 0)))
    spent = []
    for tenth in range(10):
        from_ms = _FRAMES * 1000 * tenth // 10
        start = time.perf_counter()
        with Telemetry.open(recording) as telemetry:
            tables = next(each for each in telemetry.tables(Selection(from_ms, from_ms + 60_000)) if each)
        spent.append(time.perf_counter() - start)
        assert min(table.rows.column("time_ms")[0].as_py() for table in tables) == from_ms
    with capsys.disabled():
        size = recording.stat().st_size
        print(f"\n{f'decoded from a time in {size / 1e9:.2f} GB, slowest of 10':52}{max(spent):10.3f} s, goal < 0.2 s")
    assert max(spent) < _SEEK_WANTED_S


def _measure(path: Path, out: Path) -> None:
    with Telemetry.open(path) as telemetry:  # compiled code is loaded before anything is measured
        export([Part(telemetry, Selection(0, 300_000))], "parquet", out / "first")
    start = time.process_time()
    with Telemetry.open(path) as telemetry:
        rows = export([Part(telemetry, Selection())], "parquet", out / "all").rows
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"frames": rows.total(), "asked": rows["read_status"], "cpu_s": spent, "peak_bytes": peak}
    print(json.dumps(found))


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), Path(sys.argv[2]))
