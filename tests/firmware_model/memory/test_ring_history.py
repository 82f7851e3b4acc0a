"""A ring and a plain one, through the same history."""

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmware_model.memory.nvram import PowerLost
from tests.firmware_model.memory.plain import PlainRing
from tests.firmware_model.memory.rings import RING_AT, firsts, held, image_of, open_ring, payload_of_seed, shapes, table


class RingBesidePlainRing(RuleBasedStateMachine):
    """Anything that can happen to a ring, in any order, happens to a plain one too."""

    @initialize(shape=shapes, first=firsts, begin=st.booleans())
    def start(self, shape: tuple[int, int], first: int, begin: bool) -> None:
        """Both are the same at first."""
        self.size, self.slots = shape
        self.plain = PlainRing(self.size, self.slots, first if begin else 0, (b"\x01" * self.size,) * begin)
        self.nvram, self.ring = open_ring(self.size, self.slots, self.plain.image)

    @rule(seed=st.integers(0, 255))
    def append(self, seed: int) -> None:
        """A record more."""
        self.ring.append(payload_of_seed(self.size, seed))
        self.plain.append(payload_of_seed(self.size, seed))

    @rule(seeds=st.lists(st.integers(0, 255), max_size=8))
    def extend(self, seeds: list[int]) -> None:
        """Some records more."""
        self.ring.extend(table([payload_of_seed(self.size, seed) for seed in seeds], self.size))
        for seed in seeds:
            self.plain.append(payload_of_seed(self.size, seed))

    @rule(seed=st.integers(0, 255), cut=st.integers(0, 13))
    def lose_power(self, seed: int, cut: int) -> None:
        """A record less, and a reboot."""
        assume(cut < self.size + 8)
        self.nvram.lose_power_after(cut)
        with pytest.raises(PowerLost):
            self.ring.append(payload_of_seed(self.size, seed))
        self.plain.append(payload_of_seed(self.size, seed), cut)
        self.reboot()

    @rule(slot=st.integers(0, 5), bit=st.integers(0, 8 * 14 - 1))
    def flip(self, slot: int, bit: int) -> None:
        """A bit turns over: in a record, in erased memory, or back."""
        assume(slot < self.slots and bit < 8 * (self.size + 8))
        self.nvram.flip_bit(8 * (RING_AT + slot * (self.size + 8)) + bit)
        cells = int.from_bytes(self.plain.stored[slot], "little") ^ 1 << bit
        self.plain.stored[slot] = cells.to_bytes(self.size + 8, "little")

    @rule()
    def repair(self) -> None:
        """What is damaged is erased."""
        for slot in self.ring.damaged():
            self.ring.erase(slot)
            self.plain.stored[slot] = b"\xff" * (self.size + 8)
        assert self.ring.damaged() == ()

    @rule()
    def reboot(self) -> None:
        """Only the memory remains."""
        self.nvram, self.ring = open_ring(self.size, self.slots, image_of(self.nvram))
        self.plain.reopen()

    @invariant()
    def agree(self) -> None:
        """Memory, numbers, records and damage are the plain ring's."""
        assert image_of(self.nvram) == self.plain.image
        assert self.ring.next_seq == self.plain.next_seq
        assert held(self.ring) == self.plain.promised()
        assert self.ring.damaged() == self.plain.damaged()


TestRingBesidePlainRing = RingBesidePlainRing.TestCase
