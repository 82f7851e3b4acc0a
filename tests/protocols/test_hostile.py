"""Any bytes, in any pieces: messages or counted rejections, never another exception, never more memory than a frame."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.channel import OpenChannel
from protocols.framing import MAX_ENCODED_BYTES, FrameDecoder, encode_frame
from protocols.messages import MESSAGES, Message, encode_message
from protocols.vectors import examples
from tests.depth import tries
from tests.fuzz.ends import seeds, take

_SEEDS = seeds()


def _mutated(chance: random.Random) -> bytes:
    """A seed, or two, with a few accidents."""
    data = bytearray(chance.choice(_SEEDS))
    for _ in range(chance.randrange(5)):
        match chance.randrange(6):
            case 0 if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1 if data:
                del data[chance.randrange(len(data)) :]
            case 2 if data:
                del data[chance.randrange(len(data))]
            case 3:
                data.insert(chance.randint(0, len(data)), chance.choice([0, 1, 255, chance.randrange(256)]))
            case 4:
                data += chance.choice(_SEEDS)
            case _:
                data += chance.randbytes(chance.randrange(40))
    return bytes(data)


def test_there_are_seeds_enough() -> None:
    """At least two hundred, all different."""
    assert len(set(_SEEDS)) >= 200


@settings(max_examples=tries(250))
@given(st.integers(0, 2**64))
def test_mutated_inputs_are_survived(seed: int) -> None:
    """Messages, handshakes, noise; both ends, open and secure, one by one and in columns: 100,000 at full depth."""
    chance = random.Random(seed)  # noqa: S311 - noise
    take(b"".join(_mutated(chance) for _ in range(tries(400))), chance.randrange(1, 9))


@settings(max_examples=tries(500))
@given(st.binary(max_size=300), st.integers(1, 9))
def test_any_bytes_are_survived(data: bytes, pieces: int) -> None:
    """Bytes that nobody made with us in mind."""
    take(data, pieces)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.__name__)
def test_no_single_bit_can_be_turned(message: type[Message]) -> None:
    """Every bit of every message's wire, turned over: no frame is accepted, and none is answered."""
    for example in examples(message):
        wire = encode_frame(OpenChannel().seal(encode_message(7, example)))
        for bit in range(8 * len(wire)):
            turned = bytearray(wire)
            turned[bit // 8] ^= 1 << bit % 8
            decoder = FrameDecoder()
            decoder.feed(bytes(turned) + b"\0")
            assert decoder.accepted == 0, bit


def test_a_sender_without_end_fills_no_memory() -> None:
    """A hundred megabytes without a zero leave a frame's worth behind."""
    decoder = FrameDecoder()
    for _ in range(100):
        decoder.feed(b"\x07" * 1_000_000)
    assert len(decoder._segment) == MAX_ENCODED_BYTES
    assert decoder.pending == 100_000_000
