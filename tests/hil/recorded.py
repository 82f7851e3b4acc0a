"""Small recordings of simulated benches and pumps, made in this process; and copies in which something was changed."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mcap.reader import make_reader
from mcap.records import Channel, Message, Schema

from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import load_profile
from firmware_model.pump import Pump
from hil.bench import Bench, open_bench
from hil.benches.bench_file import LoadedBench, load_bench
from hil.benches.wiring import SimulatedWiring, Wiring
from hil.pump.pump_session import test_keys as keys_of
from hil.recording.layout import LAYOUT_KEY, METADATA_NAME, START_KEY
from hil.recording.live_file import LiveFile
from hil.recording.writer import RecordingWriter
from hil.runs.run_plan import BENCH_ATTACHMENT
from hil.shipped import shipped
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import Message as PumpMessage
from protocols.messages import encode_message
from protocols.session.keys import simulated_uid

__all__ = [
    "START_UTC_MS",
    "bench_with_key_file",
    "doctored",
    "record_bench",
    "record_messages",
    "record_pump",
    "simulated_bench",
]

START_UTC_MS = 1_767_225_600_000


def simulated_bench(name: str = "simulated") -> LoadedBench:
    """A bench file that comes with pumprig."""
    return load_bench(shipped(f"benches/{name}.toml"))


def bench_with_key_file(folder: Path) -> LoadedBench:
    """The secure simulated bench, with its key in a file as a provisioned pump's would be."""
    key = keys_of(1)[0]
    (folder / "pump.key").write_text(
        f'uid = "{simulated_uid(1).hex()}"\nkid = {key.kid}\nrole = "programmer"\npsk = "{bytes(key.psk).hex()}"\n'
    )
    text = shipped("benches/simulated-secure.toml").read_text(encoding="utf-8")
    text = text.replace('session = "insecure-test-key"', 'session = "key-file"\nkey_file = "pump.key"')
    path = folder / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return load_bench(path)


def record_bench(
    path: Path,
    loaded: LoadedBench,
    script: Callable[[Bench], object],
    wiring: Wiring | None = None,
    inject: tuple[str, ...] = (),
) -> Any:
    """Record what ``script`` does with a bench; gives what it gives."""
    wiring = wiring or SimulatedWiring(loaded, 1, inject)
    with ExitStack() as cleanup:
        writer = RecordingWriter(
            path,
            start_utc_ms=wiring.clock.start_utc_ms,
            metadata={"seed": "1", "inject": json.dumps(inject), "procedures": "[]", "session": "as the bench says"},
            attachments={BENCH_ATTACHMENT: loaded.model_dump_json().encode()},
            pump_wires=("pump",),
        )
        cleanup.callback(writer.close)
        return script(open_bench(loaded, wiring, writer, cleanup, seed=1))


def record_messages(path: Path, said: list[tuple[int, str, PumpMessage]], *, bench: bool = True) -> Path:
    """A recording of a wire in the open on which these messages passed: time, direction and message."""
    loaded = simulated_bench()
    writer = RecordingWriter(
        path,
        start_utc_ms=START_UTC_MS,
        metadata={"session": "open"},
        attachments={BENCH_ATTACHMENT: loaded.model_dump_json().encode()} if bench else {},
        pump_wires=("pump",),
    )
    for number, (time_ms, direction, message) in enumerate(said):
        frame = encode_frame(OpenChannel().seal(encode_message(number // 2 & 0xFFFF, message)))
        writer.write("pump", direction, time_ms, frame)  # type: ignore[arg-type]
    writer.close()
    return path


def record_pump(path: Path, asked: list[tuple[int, PumpMessage, Callable[[Pump, int], None] | None]]) -> Path:
    """A pump alone at 37 C, without bench file: what it is asked when, and what is done to it just before."""
    pump = Pump(
        load_profile(shipped("pumps/generic-30ml.toml")),
        seed=1,
        serial_number="ALONE",
        start_utc_ms=START_UTC_MS,
        surroundings=Surroundings(37.0, 101.325, 12.4),
        volume_ml=10.0,
    )
    writer = RecordingWriter(
        path, start_utc_ms=START_UTC_MS, metadata={"seed": "1", "session": "open"}, attachments={}, pump_wires=("pump",)
    )
    for number, (time_ms, message, before) in enumerate(asked):
        if before is not None:
            pump.wake(time_ms)
            before(pump, time_ms)
        frame = encode_frame(OpenChannel().seal(encode_message(number, message)))
        writer.write("pump", "tx", time_ms, frame)
        writer.write("pump", "rx", time_ms, pump.receive(time_ms, frame))
    writer.close()
    return path


Change = Callable[[str, int, Any], Any]
"""Topic, number of the message on it, and its bytes or object; gives what stands there instead, or None to drop it."""


def doctored(source: Path, target: Path, change: Change, **said: str) -> Path:
    """A copy of a recording, every checksum right, with messages changed by ``change`` and metadata by ``said``."""
    with source.open("rb") as file:
        reader = make_reader(file)
        metadata = next(each.metadata for each in reader.iter_metadata() if each.name == METADATA_NAME)
        attachments = list(reader.iter_attachments())
        messages: list[tuple[Schema | None, Channel, Message]] = list(reader.iter_messages(log_time_order=False))
    assert {START_KEY, LAYOUT_KEY} <= set(metadata)
    live = LiveFile(target, {**metadata, **said}, lambda _: None)
    for each in attachments:
        live.attach(each.name, each.data, each.log_time)
    numbers: dict[str, int] = {}
    for schema, channel, message in messages:
        number = numbers[channel.topic] = numbers.get(channel.topic, -1) + 1
        is_json = schema is not None
        content = change(channel.topic, number, json.loads(message.data) if is_json else message.data)
        if content is None:
            continue
        if schema is not None and not live.knows(schema.name):
            live.declare(schema.name, schema.data)
        data = json.dumps(content).encode() if is_json else content
        live.message(channel.topic, message.log_time, message.publish_time, data, schema.name if schema else "")
    live.seal()
    live.close()
    return target
