"""A recording of millions of frames, as a subscription of a second leaves it: the bytes of each, and its JSON behind.

Made by mcap's own writer in the form of a finished recording. One frame in ten thousand is damaged; once in a hundred
seconds the status is asked for.
"""

import json
import random
from pathlib import Path
from typing import Any, Final

from mcap.writer import CompressionType, Writer

from hil.recording.layout import (
    CHUNK_BYTES,
    JSON_ENCODING,
    LAYOUT,
    LAYOUT_KEY,
    LIBRARY,
    MESSAGE_ENCODING,
    METADATA_NAME,
    PROFILE,
    SCHEMA_ENCODING,
    START_KEY,
    event_topic,
    message_topic,
    topic_of,
)
from hil.recording.schemas import SCHEMA_NAMES, message_schema, schema_of
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.json_form import json_of, topic_name
from protocols.messages import Message, Mode, ReadStatus, Sampled, Status, encode_message
from protocols.messages.status import Alarms
from protocols.vectors import examples

__all__ = ["START_UTC_MS", "write_frames"]

START_UTC_MS: Final = 1_767_225_600_000
_POOL: Final = 1 << 16
_ASKED, _DAMAGED = 100, 10_000


def write_frames(path: Path, frames: int) -> None:
    """A finished recording of ``frames`` frames from the pump, damaged ones included, one a second or more."""
    pool = _pool()
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD, enable_data_crcs=True)
        writer.start(profile=PROFILE, library=LIBRARY)
        writer.add_metadata(METADATA_NAME, {START_KEY: str(START_UTC_MS), LAYOUT_KEY: LAYOUT})
        _Frames(writer).write(pool, frames)
        writer.finish()  # type: ignore[no-untyped-call] # mcap leaves it untyped


class _Frames:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._channels: dict[str, int] = {}
        self._sequences: dict[str, int] = {}
        self._offsets = {"tx": 0, "rx": 0}

    def write(self, pool: list[tuple[bytes, str]], frames: int) -> None:
        ask, status = _encoded(0, ReadStatus()), _encoded(0, examples(Status)[1])
        for number in range(frames):
            time_ms = number * 1000
            if number % _ASKED == _ASKED - 1:
                self._frame(time_ms, "tx", ReadStatus, 0, *ask)
                self._frame(time_ms, "rx", Status, 0, *status)
            elif number % _DAMAGED == _DAMAGED // 2:
                self._damaged(time_ms, pool[number % _POOL][0])
            else:
                self._frame(time_ms, "rx", Sampled, 1, *pool[number % _POOL])

    def _frame(self, time_ms: int, direction: Any, message: type[Message], seq: int, wire: bytes, body: str) -> None:
        self._message(topic_of("pump", direction), "pump", "", time_ms, wire)
        content = (
            f'{body[:-1]},"frame":{self._place(time_ms, direction, wire)},"seq":{seq},"session":null,"counter":null}}}}'
        )
        name = topic_name(message)
        self._message(message_topic("pump", name), name, message_schema(message.__name__), time_ms, content.encode())

    def _damaged(self, time_ms: int, wire: bytes) -> None:
        wire = wire[:9] + bytes([wire[9] ^ 1 or 3]) + wire[10:]
        self._message(topic_of("pump", "rx"), "pump", "", time_ms, wire)
        content = (
            f'{self._place(time_ms, "rx", wire)},"reason":"CrcMismatch","detail":"?","bytes":"{wire[:64].hex()}"}}'
        )
        self._message(event_topic("pump", "rejected"), "rejected", SCHEMA_NAMES["rejected"], time_ms, content.encode())

    def _place(self, time_ms: int, direction: str, wire: bytes) -> str:
        offset, self._offsets[direction] = self._offsets[direction], self._offsets[direction] + len(wire)
        return f'{{"time_ms":{time_ms},"direction":"{direction}","offset":{offset},"length":{len(wire) - 1}'

    def _message(self, topic: str, counter: str, schema: str, time_ms: int, data: bytes) -> None:
        channel = self._channels.get(topic)
        if channel is None:
            number = self._writer.register_schema(schema, SCHEMA_ENCODING, schema_of(schema)) if schema else 0
            encoding = JSON_ENCODING if schema else MESSAGE_ENCODING
            channel = self._channels[topic] = self._writer.register_channel(topic, encoding, number)
        sequence = self._sequences[counter] = self._sequences.get(counter, -1) + 1
        time_ns = (START_UTC_MS + time_ms) * 1_000_000
        self._writer.add_message(channel, time_ns, data, time_ns, sequence)


def _pool() -> list[tuple[bytes, str]]:
    """Notices of a patient whose temperature and pressures wander, and who takes the pump through one alarm."""
    chance = random.Random(1)  # noqa: S311 - noise
    found, temperature, volume = [], 36_900, 30_000_000
    for number in range(_POOL):
        temperature += chance.randint(-3, 3)
        volume -= chance.randint(0, 24)
        alarms = Alarms.OCCLUSION if 20_000 < number < 30_000 else Alarms(0)
        found.append(
            _encoded(
                1,
                Sampled(
                    number=number,
                    mode=Mode.MONITORING,
                    alarms=alarms,
                    sample_count=number,
                    uptime_ms=number * 1000,
                    temperature_mc=temperature,
                    reservoir_pa=chance.randint(170_000, 170_400),
                    outlet_pa=chance.randint(12_300, 12_500),
                    ambient_pa=chance.randint(101_200, 101_400),
                    bellows_nl=volume,
                    battery_mv=chance.randint(2790, 2800),
                ),
            )
        )
    return found


def _encoded(seq: int, message: Message) -> tuple[bytes, str]:
    wire = encode_frame(OpenChannel().seal(encode_message(seq, message)))
    return wire, json.dumps(json_of(message), separators=(",", ":"))
