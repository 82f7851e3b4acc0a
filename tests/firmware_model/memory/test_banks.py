"""A value kept twice: every cut of every write, and every bit."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_model.memory.banks import Bank, BankPair
from firmware_model.memory.nvram import Nvram, PowerLost
from tests.firmware_model.memory.plain import record

_AT = 5
_AFTER = 3

_sizes = st.integers(1, 12)


def _payloads(size: int) -> st.SearchStrategy[bytes]:
    """Random ones, and ones that are easily mistaken for each other or for erased memory."""
    near = st.tuples(st.sampled_from([0x00, 0x5A, 0xA5, 0xFF]), st.integers(0, 255))
    return st.binary(min_size=size, max_size=size) | near.map(lambda two: bytes([two[0]] * (size - 1) + [two[1]]))


_commits = _sizes.flatmap(lambda size: st.lists(_payloads(size), min_size=1, max_size=5))


def _pair(size: int, image: bytes | None = None) -> tuple[Nvram, BankPair]:
    """A pair in the middle of a memory; from an image, what a reboot finds."""
    nvram = Nvram(_AT + BankPair.size(size) + _AFTER, image)
    return nvram, BankPair(nvram, _AT, size)


def _kept(payloads: list[bytes]) -> tuple[Nvram, BankPair]:
    """A pair after some commits."""
    nvram, pair = _pair(len(payloads[0]))
    for payload in payloads:
        pair.commit(payload)
    return nvram, pair


def _cut(nvram: Nvram, size: int, payload: bytes | None, cut: int) -> tuple[Nvram, BankPair, bool]:
    """What a reboot finds after a commit (or with None a repair) that loses power; and whether that was completed."""
    nvram, pair = _pair(size, nvram.image)
    nvram.lose_power_after(cut)
    try:
        if payload is None:
            pair.repair()
        else:
            pair.commit(payload)
    except PowerLost:
        return *_pair(size, nvram.image), False
    return *_pair(size, nvram.image), True


def test_nothing_was_committed_yet() -> None:
    """An erased pair holds nothing, is not damaged, and cannot be repaired."""
    _, pair = _pair(4)
    assert pair.load() is None
    assert pair.damaged() == ()
    assert pair.repair() == 0


@given(_commits)
def test_banks_are_written_in_turn(payloads: list[bytes]) -> None:
    """After any commits the memory holds the last two, in the form that is written down, and nothing else changed."""
    nvram, pair = _pair(len(payloads[0]))
    plain = [b"\xff" * (8 + len(payloads[0]))] * 2
    for index, payload in enumerate(payloads):
        assert pair.commit(payload) == index + 1
        plain[index % 2] = record(index + 1, payload)
        assert nvram.image == b"\xff" * _AT + b"".join(plain) + b"\xff" * _AFTER
        assert pair.load() == Bank(index + 1, payload)
        assert pair.damaged() == ()


@given(_commits, st.data())
def test_every_cut_of_a_commit_leaves_the_old_or_the_new(payloads: list[bytes], data: st.DataObject) -> None:
    """At whichever byte the power fails, and fails again on the next attempt, the value is the old or the new one."""
    size = len(payloads[0])
    new, again = data.draw(_payloads(size)), data.draw(_payloads(size))
    nvram, _ = _kept(payloads)
    states = [Bank(len(payloads), payloads[-1])]
    for cut in range(BankPair.size(size) // 2 + 1):
        once, pair, completed = _cut(nvram, size, new, cut)
        loaded = pair.load()
        assert loaded in [Bank(len(payloads) + 1, new), *([] if completed else states)]
        assert loaded is not None
        assert len(pair.damaged()) <= (not completed)
        for second in range(BankPair.size(size) // 2 + 1):
            _, retried, completed_again = _cut(once, size, again, second)
            allowed = [Bank(loaded.generation + 1, again), *([] if completed_again else [loaded])]
            assert retried.load() in allowed


@given(_sizes.flatmap(_payloads))
def test_every_cut_of_the_first_commit_leaves_nothing_or_the_new(payload: bytes) -> None:
    """In an erased pair there is no old value: the first commit is there or it is not, and can be done again."""
    size = len(payload)
    for cut in range(BankPair.size(size) // 2 + 1):
        _, pair, completed = _cut(Nvram(_AT + BankPair.size(size) + _AFTER), size, payload, cut)
        assert pair.load() == (Bank(1, payload) if completed else None)
        pair.commit(payload)
        loaded = pair.load()
        assert loaded is not None
        assert loaded.payload == payload
        assert pair.damaged() == ()


@given(_commits)
@example([b"\x00\x00", b"\xff\xff"])
def test_every_flipped_bit_is_found_and_repaired(payloads: list[bytes]) -> None:
    """One bit anywhere makes its own bank invalid: what is loaded is the other bank, which repairs it."""
    size = len(payloads[0])
    whole, _ = _kept(payloads)
    newest = (len(payloads) - 1) % 2
    for bit in range(8 * _AT, 8 * (_AT + BankPair.size(size))):
        nvram, pair = _pair(size, whole.image)
        nvram.flip_bit(bit)
        hit = (bit - 8 * _AT) // (4 * BankPair.size(size))
        left = len(payloads) - (hit == newest)
        assert pair.damaged() == (hit,)
        expected = Bank(left, payloads[left - 1]) if left else None
        assert pair.load() == expected
        assert pair.repair() == (expected is not None)
        assert pair.load() == expected
        assert pair.damaged() == (() if expected else (hit,))


@given(_commits, st.integers(0, 1), st.integers(0))
def test_every_cut_of_a_repair_keeps_the_value(payloads: list[bytes], hit: int, bit: int) -> None:
    """At whichever byte the power fails, the same value is loaded, and the repair can be done again."""
    size = len(payloads[0])
    whole, _ = _kept([payloads[0], *payloads])
    bits = 4 * BankPair.size(size)
    whole.flip_bit(8 * _AT + hit * bits + bit % bits)
    _, pair = _pair(size, whole.image)
    value = pair.load()
    for cut in range(BankPair.size(size) // 2 + 1):
        _, pair, completed = _cut(whole, size, None, cut)
        assert pair.load() == value
        damaged = pair.damaged()
        assert damaged in [(), *([] if completed else [(hit,)])]
        assert pair.repair() == len(damaged)
        assert pair.load() == value
        assert pair.damaged() == ()


@given(_commits, st.data())
def test_a_commit_after_a_repair_is_power_cut_safe(payloads: list[bytes], data: st.DataObject) -> None:
    """Two equal banks under one generation: the commit takes one of them, and every cut leaves the other."""
    size = len(payloads[0])
    nvram, pair = _kept([payloads[0], *payloads])
    nvram.flip_bit(8 * _AT + data.draw(st.integers(0, 8 * BankPair.size(size) - 1)))
    pair.repair()
    old, new = pair.load(), data.draw(_payloads(size))
    assert old is not None
    for cut in range(BankPair.size(size) // 2 + 1):
        _, reopened, completed = _cut(nvram, size, new, cut)
        assert reopened.load() in [Bank(old.generation + 1, new), *([] if completed else [old])]


def test_both_banks_lost() -> None:
    """Two flipped bits, one in each bank, leave nothing to load or repair; a commit begins anew in the first bank."""
    nvram, pair = _kept([b"abcd", b"efgh"])
    nvram.flip_bit(8 * _AT)
    nvram.flip_bit(8 * (_AT + BankPair.size(4)) - 1)
    assert pair.damaged() == (0, 1)
    assert pair.load() is None
    before = nvram.image
    assert pair.repair() == 0
    assert nvram.image == before
    assert pair.commit(b"ijkl") == 1
    assert pair.load() == Bank(1, b"ijkl")
    assert pair.damaged() == (1,)
    assert pair.repair() == 1
    assert pair.damaged() == ()


def test_generations_end() -> None:
    """The last generation is committed; after it the pair refuses, and keeps what it has, rather than begin at 0."""
    image = b"\xff" * _AT + record(2**32 - 2, b"ab") + record(2**32 - 3, b"cd") + b"\xff" * _AFTER
    nvram, pair = _pair(2, image)
    assert pair.commit(b"ef") == 2**32 - 1
    image = nvram.image
    with pytest.raises(OverflowError):
        pair.commit(b"gh")
    assert nvram.image == image
    assert pair.load() == Bank(2**32 - 1, b"ef")


def test_a_pair_fits_or_is_refused() -> None:
    """A pair that reaches over the end of the memory, without a payload, or given another one, is a mistake."""
    nvram = Nvram(BankPair.size(4))
    BankPair(nvram, 0, 4)
    with pytest.raises(ValueError, match="does not hold 24 at 1"):
        BankPair(nvram, 1, 4)
    with pytest.raises(ValueError, match="at least one byte, not 0"):
        BankPair(nvram, 0, 0)
    with pytest.raises(ValueError, match="a payload has 4 bytes here, not 3"):
        BankPair(nvram, 0, 4).commit(b"abc")
    assert nvram.writes == 0
