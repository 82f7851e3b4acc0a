"""The memory's forms written out anew, slowly: what the tests compare with. Shares no code with what it checks."""

import functools

CUT_FREE = 1_000_000
"""More bytes than any test writes."""


@functools.cache
def crc_32c(data: bytes) -> int:
    """CRC-32C bit by bit: polynomial 1EDC6F41, reflected."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def record(number: int, payload: bytes) -> bytes:
    """A record as it lies in the memory."""
    body = number.to_bytes(4, "big") + payload
    return body + crc_32c(body).to_bytes(4, "big")


def fits(stored: bytes) -> bool:
    """Whether the CRC at the end is that of what is before it."""
    return crc_32c(stored[:-4]) == int.from_bytes(stored[-4:], "big")


def torn(old: bytes, new: bytes, cut: int) -> bytes:
    """What is there when the power failed after ``cut`` bytes of writing ``new`` over ``old``."""
    if cut >= len(new):
        return new
    return new[:cut] + bytes([old[cut] ^ new[cut] ^ 0x5A]) + old[cut + 1 :]


class PlainRing:
    """A ring as a list of slots, each some bytes, written one record at a time."""

    def __init__(self, payload_size: int, slots: int, first: int = 0, payloads: tuple[bytes, ...] = ()) -> None:
        """Hold ``payloads`` as if they came after ``first`` others; what those left behind is erased."""
        self.stored = [b"\xff" * (8 + payload_size)] * slots
        self.next_seq = first
        for payload in payloads:
            self.append(payload)

    @property
    def image(self) -> bytes:
        """All slots."""
        return b"".join(self.stored)

    def append(self, payload: bytes, cut: int = CUT_FREE) -> None:
        """One record more, with the power failing after ``cut`` bytes of it."""
        slot = self.next_seq % len(self.stored)
        new = record(self.next_seq, payload)
        self.stored[slot] = torn(self.stored[slot], new, cut)
        self.next_seq += cut >= len(new)

    def reopen(self) -> None:
        """Find the next sequence number from the slots alone."""
        self.next_seq = max((seq for seq in self._numbers() if seq is not None), default=-1) + 1

    def promised(self) -> dict[int, bytes | None]:
        """What has to be readable: payloads by sequence number, None where a slot is damaged or erased."""
        slots = len(self.stored)
        numbers = self._numbers()
        return {
            seq: self.stored[seq % slots][4:-4] if numbers[seq % slots] == seq else None
            for seq in range(max(0, self.next_seq - slots + 1), self.next_seq)
        }

    def damaged(self) -> tuple[int, ...]:
        """Slots that hold something else than nothing or one of the last ``slots`` records."""
        window = range(self.next_seq - len(self.stored), self.next_seq)
        return tuple(
            slot
            for slot, (stored, seq) in enumerate(zip(self.stored, self._numbers(), strict=True))
            if set(stored) != {0xFF} and seq not in window
        )

    def _numbers(self) -> list[int | None]:
        """The number in each slot, None where it is no record or not at home."""
        slots = len(self.stored)
        return [
            number if fits(stored) and (number := int.from_bytes(stored[:4], "big")) % slots == slot else None
            for slot, stored in enumerate(self.stored)
        ]
