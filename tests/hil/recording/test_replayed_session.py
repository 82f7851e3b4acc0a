"""A recording over an encrypted session replays without the pump; of a provisioned pump, without its key as well."""

from pathlib import Path

import pytest

from hil.bench import Bench
from hil.benches.bench_file import LoadedBench
from hil.benches.wiring import ReplayWiring
from hil.errors import RecordingError
from hil.recording.reader import Recording
from protocols.messages import Message, Query, ReadStatus, decode_message
from tests.hil.recorded import bench_with_key_file, record_bench, simulated_bench

UNKNOWN = bytes.fromhex("43210c")
"""A seq, and an opcode that no message has."""


def script(bench: Bench) -> list[Message]:
    """Reads and commands in two sessions, for the first is over after a minute of silence; damaged frames, a fence."""
    said: list[Message] = [bench.pump.read_status(), bench.pump.set_clock(1_767_300_000_000)]
    frame = bench.pump.unsent(ReadStatus())
    for each in (b"\x05" + frame, frame[:-2] + b"\0", b"\0" + frame):  # the first two are none
        bench.pump_link.write(each)
        bench.pump_link.drain()
    fenced = bench.pump.memory.begin(bench.pump.read_diagnostics().state_seq)
    said.append(bench.pump.exchange(Query(fenced.cmd_id, fenced.if_state)))
    bench.pump.memory.done()
    bench.sleep(minutes=10)
    said += [bench.pump.begin_refill(), bench.pump.cancel_refill(), bench.pump.read_configuration()]
    said += [decode_message(each)[1] for each in bench.pump.answers_to(UNKNOWN, wait_ms=1000)]
    bench.pump.read_events()
    return said


def replay(path: Path, loaded: LoadedBench, play: object) -> tuple[list[Message], int]:
    """What a script hears from the recording, and how much of it is left."""
    wiring = ReplayWiring(Recording.open(path))
    said = record_bench(path.with_name(f"{path.stem}-again.mcap"), loaded, play, wiring)  # type: ignore[arg-type]
    return said, wiring._clock.tape.unplayed


@pytest.fixture
def provisioned(tmp_path: Path) -> tuple[Path, LoadedBench, list[Message]]:
    """A recording of a pump whose key is in a file; the file is gone."""
    loaded = bench_with_key_file(tmp_path)
    said = record_bench(tmp_path / "r.mcap", loaded, script)
    (tmp_path / "pump.key").unlink()
    (tmp_path / "pump.memory.json").unlink()
    return tmp_path / "r.mcap", loaded, said


def test_a_provisioned_pumps_recording_replays_without_its_key(
    provisioned: tuple[Path, LoadedBench, list[Message]],
) -> None:
    """The same answers, to the end; and no key, no memory and no session keys were there to help."""
    path, loaded, said = provisioned
    assert not any(name.startswith("session-keys/") for name in Recording.open(path).attachments)
    again, left = replay(path, loaded, script)
    assert (again, left) == (said, 0)
    assert not path.with_name("pump.memory.json").exists()


def test_another_request_in_a_sealed_session_is_a_divergence(
    provisioned: tuple[Path, LoadedBench, list[Message]],
) -> None:
    """It names the wire, the time, what is asked and what was meant then."""
    path, loaded, _ = provisioned

    def other(bench: Bench) -> None:
        bench.pump.read_status()
        bench.pump.set_clock(1_767_300_000_001)

    with pytest.raises(RecordingError, match=r"r\.mcap:pump: diverges at \d+ ms .*Stage.*which says stage"):
        replay(path, loaded, other)


def test_a_recording_without_decoded_messages_says_why_it_cannot(
    provisioned: tuple[Path, LoadedBench, list[Message]],
) -> None:
    """A replay's own recording has sealed bytes only: it is no source for another."""
    path, loaded, _ = provisioned
    replay(path, loaded, script)
    with pytest.raises(RecordingError, match="provisioned key, and it holds no decoded messages"):
        replay(path.with_name("r-again.mcap"), loaded, script)


def test_a_session_under_a_test_key_replays_from_its_seed(tmp_path: Path) -> None:
    """Byte for byte, handshakes and all: an insecure test key and its random numbers follow from the seed."""
    loaded = simulated_bench("simulated-secure")
    said = record_bench(tmp_path / "r.mcap", loaded, script)
    assert replay(tmp_path / "r.mcap", loaded, script) == (said, 0)
