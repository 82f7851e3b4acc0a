"""How fast frames are decoded: columns beside construct, one by one, on the same bytes in the same process."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from protocols.channel import OpenChannel
from protocols.columns import ColumnDecoder, decode_columns
from protocols.framing import FrameDecoder, encode_frame
from protocols.messages import MESSAGES, History, ReadStatus, Sampled, Status, encode_message
from protocols.messages.codec import body_codec
from protocols.vectors import examples
from tests.fuzz.ends import ENDS, seeds

_FRAMES_WANTED, _RATIO_WANTED, _BYTES_WANTED = 2_000_000, 40, 500_000_000
_FRAMES = 10_000_000
_SECONDS_PER_INPUT_WANTED = 0.01


def mixed_recording(frames: int) -> bytes:
    """Notices mostly, some requests and replies, a history now and then, and one frame in a thousand damaged."""
    sampled, status, ask, history = (examples(kind) for kind in (Sampled, Status, ReadStatus, History))
    wires = []
    for number in range(frames):
        message = sampled[number % 3]
        if number % 10 == 7:
            message = ask[0]
        elif number % 10 == 8:
            message = status[number // 10 % 3]
        elif number % 1000 == 9:
            message = history[1]
        wire = encode_frame(OpenChannel().seal(encode_message(number % 65536, message)))
        wires.append(wire if number % 1000 != 500 else wire[:9] + b"\1" + wire[10:])
    return b"".join(wires)


def _construct_loop(data: bytes) -> int:
    """Deframe, check, and parse each body with construct's interpreter, as its documentation has it."""
    interpreted = {opcode: body_codec(message).interpreted for opcode, message in MESSAGES.items()}
    found = 0
    for frame in FrameDecoder().feed(data):
        if isinstance(frame, bytes):
            interpreted[frame[4]].parse(frame[5:])
            found += 1
    return found


def _compiled_loop(data: bytes) -> int:
    compiled = {opcode: body_codec(message).compiled for opcode, message in MESSAGES.items()}
    found = 0
    for frame in FrameDecoder().feed(data):
        if isinstance(frame, bytes):
            compiled[frame[4]].parse(frame[5:])
            found += 1
    return found


def _rate(decode: Callable[[], object], frames: int, rounds: int) -> float:
    decode()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        decode()
        spent.append(time.process_time() - start)
    return frames / min(spent)


def test_columns_beside_construct(capsys: pytest.CaptureFixture[str]) -> None:
    """Frames per second of a mixed recording, three ways."""
    few, many = mixed_recording(5_000), mixed_recording(200_000)
    slow = _rate(lambda: _construct_loop(few), 5_000, 3)
    compiled = _rate(lambda: _compiled_loop(few), 5_000, 3)
    fast = _rate(lambda: decode_columns(many), 200_000, 5)
    with capsys.disabled():
        print(f"\n{'':24}{'frames/s':>14}{'goal':>12}")
        print(f"{'construct parse':24}{slow:14,.0f}")
        print(f"{'construct compiled':24}{compiled:14,.0f}")
        print(f"{'columns':24}{fast:14,.0f}{_FRAMES_WANTED:12,}")
        print(f"{'ratio':24}{fast / slow:14.0f}{_RATIO_WANTED:12}")
    assert fast / slow >= _RATIO_WANTED
    assert fast >= _FRAMES_WANTED


def test_ten_million_frames_within_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Another process decodes ten million frames, piece by piece, and says what it took."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.test_decoding"], capture_output=True, text=True, check=True
    )
    frames, seconds, peak = done.stdout.split()
    with capsys.disabled():
        print(f"\n{int(frames):,} frames in {float(seconds):.1f} s, peak {int(peak) / 1e6:.0f} MB, goal < 500 MB")
    assert int(frames) == _FRAMES
    assert int(peak) < _BYTES_WANTED


def test_no_input_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    """Hostile inputs of up to 1 KiB, through each end of the protocol by itself: the slowest, best of three."""
    chance, given = random.Random(1), seeds()  # noqa: S311 - noise
    inputs = [*given, *(b"".join(chance.choice(given) for _ in range(12))[:1024] for _ in range(300))]
    inputs += [chance.randbytes(1024) for _ in range(100)] + [b"\0" * 1024, b"\7" * 1024, b"\1\0" * 512]
    slowest: dict[str, float] = {}
    for name, end in ENDS.items():
        for data in inputs:
            spent = []
            for _ in range(3):
                start = time.process_time()
                end([data])
                spent.append(time.process_time() - start)
            slowest[name] = max(slowest.get(name, 0.0), min(spent))
    with capsys.disabled():
        print(f"\nslowest of {len(inputs)} hostile inputs; goal < 10 ms")
        for name, seconds in slowest.items():
            print(f"{name:24}{seconds * 1e3:8.1f} ms")
    assert max(slowest.values()) < _SECONDS_PER_INPUT_WANTED


def _decode_many() -> None:
    piece = mixed_recording(100_000)
    decoder, frames = ColumnDecoder(), 0
    start = time.process_time()
    for decoded in decoder.feed_all(piece for _ in range(_FRAMES // 100_000)):
        frames += decoded.frames
    spent = time.process_time() - start
    print(frames, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    _decode_many()
