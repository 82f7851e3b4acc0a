"""Rings to try things on, and what is in them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_model.memory.nvram import Nvram
from firmware_model.memory.ring import Ring

RING_AT = 3
_AFTER = 2

shapes = st.tuples(st.integers(1, 6), st.integers(2, 6))
firsts = st.integers(0, 20) | st.integers(2**31 - 20, 2**31 + 20) | st.integers(2**32 - 1100, 2**32 - 1000)
seed_lists = st.lists(st.integers(0, 255), max_size=20)


def payload_of_seed(size: int, seed: int) -> bytes:
    """Payloads that differ a little, or not at all, in erased memory's neighbourhood."""
    return bytes([0xFF, 0x00][seed % 2] for _ in range(size - 1)) + bytes([seed])


def table(payloads: Sequence[bytes], size: int) -> NDArray[np.uint8]:
    """The payloads as rows."""
    return np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), size)


def open_ring(size: int, slots: int, image: bytes | None = None) -> tuple[Nvram, Ring]:
    """A ring in the middle of a memory, whose own bytes are ``image``; from one, what a reboot finds."""
    if image is not None:
        image = b"\xff" * RING_AT + image + b"\xff" * _AFTER
    nvram = Nvram(RING_AT + Ring.size(size, slots) + _AFTER, image)
    return nvram, Ring(nvram, RING_AT, size, slots)


def image_of(nvram: Nvram) -> bytes:
    """The ring's own bytes; the others are untouched."""
    image = nvram.image
    assert image[:RING_AT] == b"\xff" * RING_AT
    assert image[-_AFTER:] == b"\xff" * _AFTER
    return image[RING_AT:-_AFTER]


def held(ring: Ring) -> dict[int, bytes | None]:
    """What the ring says that it keeps, by sequence number."""
    return {seq: ring.read(seq) for seq in range(ring.first_seq, ring.next_seq)}
