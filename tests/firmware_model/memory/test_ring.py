"""A log in a ring: every cut of every append, and every bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.memory.nvram import Nvram, PowerLost
from firmware_model.memory.ring import Ring
from tests.firmware_model.memory.plain import PlainRing, record
from tests.firmware_model.memory.rings import (
    RING_AT,
    firsts,
    held,
    image_of,
    open_ring,
    payload_of_seed,
    seed_lists,
    shapes,
    table,
)


def _cut(image: bytes, shape: tuple[int, int], payload: bytes, cut: int) -> tuple[bytes, dict[int, bytes | None]]:
    """What the memory holds, and what a reboot finds in it, after an append that loses power."""
    nvram, ring = open_ring(*shape, image)
    nvram.lose_power_after(cut)
    with pytest.raises(PowerLost):
        ring.append(payload)
    assert held(ring).keys() == held(open_ring(*shape, image)[1]).keys()
    return image_of(nvram), held(open_ring(*shape, image_of(nvram))[1])


def _old_and_new(
    old: dict[int, bytes | None], slots: int, seq: int, payload: bytes
) -> tuple[dict[int, bytes | None], dict[int, bytes | None]]:
    """What may be kept after an append was cut: all of the old, or the last of the old and all of the new."""
    new = {**old, seq: payload}
    return old, {seq: new[seq] for seq in sorted(new)[-(slots - 1) :]}


def test_an_erased_ring_is_empty() -> None:
    """Nothing is kept, nothing is damaged, and the first record will be 0."""
    _, ring = open_ring(4, 3)
    assert (ring.first_seq, ring.next_seq, ring.damaged()) == (0, 0, ())
    assert ring.read(0) is None


@given(shapes, firsts, seed_lists)
def test_records_are_kept_through_wraparound(shape: tuple[int, int], first: int, seeds: list[int]) -> None:
    """After any appends, at any sequence numbers, a reopened ring holds the last ``slots - 1``, as a plain one does."""
    size, slots = shape
    plain = PlainRing(size, slots, first, (b"\x01" * size,))
    nvram, ring = open_ring(size, slots, plain.image)
    for seed in seeds:
        assert ring.append(payload_of_seed(size, seed)) == plain.next_seq
        plain.append(payload_of_seed(size, seed))
    assert image_of(nvram) == plain.image
    for opened in (ring, open_ring(size, slots, plain.image)[1]):
        assert opened.next_seq == plain.next_seq == first + 1 + len(seeds)
        assert opened.first_seq == max(0, first + 1 + len(seeds) - (slots - 1))
        assert held(opened) == plain.promised()
        assert opened.damaged() == ()
        assert opened.read(opened.first_seq - 1) is opened.read(opened.next_seq) is None


@given(shapes, firsts, seed_lists, st.integers(0, 255))
def test_every_cut_of_an_append_keeps_what_was_kept(
    shape: tuple[int, int], first: int, seeds: list[int], seed: int
) -> None:
    """At whichever byte the power fails, and fails again next time, all that was promised before is still readable."""
    size, slots = shape
    plain = PlainRing(size, slots, first, tuple(payload_of_seed(size, each) for each in seeds))
    plain.reopen()
    for cut in range(size + 8):
        once, kept = _cut(plain.image, shape, payload_of_seed(size, seed), cut)
        assert kept in _old_and_new(plain.promised(), slots, plain.next_seq, payload_of_seed(size, seed))
        for second in range(size + 8):
            _, ring = open_ring(size, slots, once)
            twice, kept_twice = _cut(once, shape, b"\x5a" * size, second)
            assert kept_twice in _old_and_new(kept, slots, ring.next_seq, b"\x5a" * size)
        _, ring = open_ring(size, slots, twice)
        ring.append(b"\x77" * size)
        assert ring.read(ring.next_seq - 1) == b"\x77" * size
        assert ring.damaged() == ()


@given(shapes, firsts, seed_lists.filter(bool))
def test_every_flipped_bit_is_found(shape: tuple[int, int], first: int, seeds: list[int]) -> None:
    """One bit anywhere makes its own slot damaged, its record a gap, and changes no other; erasing ends the damage."""
    size, slots = shape
    plain = PlainRing(size, slots, first, tuple(payload_of_seed(size, each) for each in seeds))
    for bit in range(8 * len(plain.image)):
        nvram, ring = open_ring(size, slots, plain.image)
        nvram.flip_bit(8 * RING_AT + bit)
        hit = bit // (8 * (size + 8))
        expected = {seq: None if seq % slots == hit else payload for seq, payload in plain.promised().items()}
        assert ring.damaged() == (hit,)
        assert held(ring) == expected
        _, reopened = open_ring(size, slots, image_of(nvram))
        found = held(reopened)
        newest_was_hit = (plain.next_seq - 1) % slots == hit
        if newest_was_hit and len(seeds) == 1:
            assert reopened.next_seq == 0
        else:
            assert reopened.next_seq == plain.next_seq - newest_was_hit
        assert {seq: found[seq] for seq in expected if seq in found} == {
            seq: payload for seq, payload in expected.items() if seq in found
        }
        assert reopened.damaged() == (hit,)
        ring.erase(hit)
        assert ring.damaged() == ()
        assert held(ring) == expected


@given(shapes, firsts, st.lists(seed_lists, max_size=3))
def test_extending_is_appending(shape: tuple[int, int], first: int, chunks: list[list[int]]) -> None:
    """Whole arrays, longer than the ring or empty, leave the same memory and the same ring as one record at a time."""
    size, slots = shape
    plain = PlainRing(size, slots, first, (b"\x01" * size,))
    nvram, ring = open_ring(size, slots, plain.image)
    for chunk in chunks:
        payloads = [payload_of_seed(size, seed) for seed in chunk]
        ring.extend(table(payloads, size))
        for payload in payloads:
            plain.append(payload)
        assert image_of(nvram) == plain.image
        assert ring.next_seq == plain.next_seq
        assert held(ring) == plain.promised()


@given(shapes, firsts, seed_lists.filter(bool), st.integers(0))
def test_a_torn_extend_is_a_torn_append(shape: tuple[int, int], first: int, seeds: list[int], cut: int) -> None:
    """When the power fails, the memory is what the same appends leave, even where later rows hide earlier ones."""
    size, slots = shape
    payloads = [payload_of_seed(size, seed) for seed in seeds]
    cut %= len(payloads) * (size + 8)
    plain = PlainRing(size, slots, first, (b"\x01" * size,))
    nvram, ring = open_ring(size, slots, plain.image)
    nvram.lose_power_after(cut)
    with pytest.raises(PowerLost):
        ring.extend(table(payloads, size))
    for index in range(cut // (size + 8) + 1):
        plain.append(payloads[index], cut - index * (size + 8))
    assert image_of(nvram) == plain.image
    assert ring.next_seq == plain.next_seq


def test_extending_takes_rows_as_they_come() -> None:
    """Rows that are not next to each other in memory are the same rows."""
    rows = np.arange(48, dtype=np.uint8).reshape(8, 6)[::2, 1::2]
    one, ring = open_ring(3, 5)
    ring.extend(rows)
    assert one.writes == 1
    other, ring = open_ring(3, 5)
    for row in rows:
        ring.append(bytes(row.tolist()))
    assert one.image == other.image


@pytest.mark.parametrize("how_many", [1023, 1024, 1025, 1026, 3000])
def test_a_ring_of_the_size_that_is_used(how_many: int) -> None:
    """Six weeks of hours and one slot more: the last 1024 are there after a reboot, the one before them is not."""
    rows = np.random.default_rng(1).integers(0, 256, (how_many, 41), dtype=np.uint8)
    nvram, ring = open_ring(41, 1025)
    ring.extend(rows)
    _, ring = open_ring(41, 1025, image_of(nvram))
    assert ring.next_seq == how_many
    assert ring.first_seq == max(0, how_many - 1024)
    assert [ring.read(seq) for seq in range(ring.first_seq, how_many)] == [row.tobytes() for row in rows[-1024:]]
    assert ring.damaged() == ()


def test_a_record_in_the_wrong_slot_is_damage() -> None:
    """A whole record under a number that is not its slot's is not read, and does not count at a reboot."""
    good, stray = record(7, b"abcd"), record(4_000_000_000, b"evil")
    _, ring = open_ring(4, 3, record(6, b"efgh") + good + stray)
    assert ring.next_seq == 8
    assert ring.damaged() == (2,)
    assert held(ring) == {6: b"efgh", 7: b"abcd"}


def test_a_record_from_an_earlier_round_is_damage() -> None:
    """A whole record that later ones should have replaced is not read as theirs."""
    _, ring = open_ring(4, 3, record(6, b"efgh") + record(1, b"old!") + record(8, b"abcd"))
    assert ring.next_seq == 9
    assert ring.damaged() == (1,)
    assert held(ring) == {7: None, 8: b"abcd"}


@pytest.mark.parametrize("at_once", [False, True])
def test_sequence_numbers_end(at_once: bool) -> None:
    """The last number is given; after it the ring refuses, and changes nothing, rather than begin at 0."""
    seq = 2**32 - 2
    stored = [b"\xff" * 12] * 3
    stored[seq % 3] = record(seq, b"last")
    nvram, ring = open_ring(4, 3, b"".join(stored))
    ring.append(b"more")
    assert ring.read(2**32 - 1) == b"more"
    image = nvram.image
    with pytest.raises(OverflowError):
        ring.extend(table([b"none"], 4)) if at_once else ring.append(b"none")
    assert nvram.image == image
    assert ring.next_seq == 2**32
    assert open_ring(4, 3, image_of(nvram))[1].next_seq == 2**32


def test_a_ring_fits_or_is_refused() -> None:
    """Whatever cannot be a ring, a row or a slot is the caller's mistake, and writes nothing."""
    nvram = Nvram(Ring.size(4, 3))
    ring = Ring(nvram, 0, 4, 3)
    for address, size, slots in [(1, 4, 3), (0, 4, 1), (0, 0, 3), (-1, 4, 3)]:
        with pytest.raises(ValueError, match=r"does not hold|at least"):
            Ring(nvram, address, size, slots)
    for rows in (np.zeros((2, 3), np.uint8), np.zeros(4, np.uint8), np.zeros((1, 4), np.int64)):
        with pytest.raises(ValueError, match="payloads are bytes in rows of 4"):
            ring.extend(rows)  # type: ignore[arg-type]  # what a caller without types may pass
    with pytest.raises(ValueError, match="a payload has 4 bytes here, not 5"):
        ring.append(b"abcde")
    for slot in (-1, 3):
        with pytest.raises(ValueError, match=f"no slot {slot}"):
            ring.erase(slot)
    assert (nvram.writes, ring.next_seq) == (0, 0)
