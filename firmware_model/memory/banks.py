"""A value that is kept twice: whatever happens to the supply during a commit, the value is the old or the new one."""

from dataclasses import dataclass

from firmware_model.memory.nvram import Nvram
from firmware_model.memory.record import is_erased, number_of, payload_of, record_size, seal

__all__ = ["Bank", "BankPair"]

_BANKS = 2


@dataclass(frozen=True)
class Bank:
    """One valid copy; the one with the higher generation is the newer."""

    generation: int
    payload: bytes


class BankPair:
    """Two banks that are written in turn. Nothing is kept but in the memory: a bit that turns over is seen at once."""

    @staticmethod
    def size(payload_size: int) -> int:
        """Bytes of memory that a pair takes. Raises ValueError unless there is a payload."""
        return _BANKS * record_size(payload_size)

    def __init__(self, nvram: Nvram, address: int, payload_size: int) -> None:
        """Use the memory from ``address`` on. Raises ValueError if it does not hold a pair there."""
        nvram.check(address, self.size(payload_size))
        self._nvram = nvram
        self._address = address
        self._payload_size = payload_size

    def commit(self, payload: bytes) -> int:
        """Keep ``payload`` instead of what was committed before; gives its generation, 1 for the first.

        Written is the first bank that holds nothing valid, or else the older one (the first, if they are equal after a
        repair): never the only copy. Raises ValueError unless the payload has the right size, PowerLost, and
        OverflowError after 2**32 - 1 commits.
        """
        generations = [bank.generation if bank else 0 for bank in self._banks()]
        generation = max(generations) + 1
        self._write(generations.index(min(generations)), Bank(generation, payload))
        return generation

    def load(self) -> Bank | None:
        """What was committed last; what was before, if that copy is damaged; None if there is neither."""
        return max((bank for bank in self._banks() if bank), key=lambda bank: bank.generation, default=None)

    def damaged(self) -> tuple[int, ...]:
        """Numbers of the banks that were written and are not valid."""
        return tuple(
            number for number, bank in enumerate(self._banks()) if not bank and not is_erased(self._stored(number))
        )

    def repair(self) -> int:
        """Write the valid bank over a damaged one, under the same generation; says how many banks were repaired.

        None are if none is valid: there is nothing to restore from. Raises PowerLost; the repair can be done again.
        """
        newest = self.load()
        if newest is None:
            return 0
        damaged = self.damaged()
        for number in damaged:
            self._write(number, newest)
        return len(damaged)

    def _banks(self) -> list[Bank | None]:
        stored = [self._stored(number) for number in range(_BANKS)]
        generations = [number_of(record) for record in stored]
        return [
            None if generation is None else Bank(generation, payload_of(record))
            for generation, record in zip(generations, stored, strict=True)
        ]

    def _stored(self, number: int) -> bytes:
        size = record_size(self._payload_size)
        return self._nvram.read(self._address + number * size, size)

    def _write(self, number: int, bank: Bank) -> None:
        record = seal(bank.generation, bank.payload, self._payload_size)
        self._nvram.write(self._address + number * len(record), record)
