"""A log in a ring of slots: the oldest record gives way to the newest, and a torn record to the next attempt."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from firmware_model.memory.nvram import ERASED, Nvram
from firmware_model.memory.record import MAX_NUMBER, is_erased, number_of, payload_of, record_size, seal

__all__ = ["Ring"]


class Ring:
    """Records under sequence numbers from 0 on, of which the last ``slots - 1`` are kept.

    Record ``seq`` lies in slot ``seq % slots``. The slot after the newest record is given up to the next write: while
    that is under way, and after it was torn, all that was kept before is still there.
    """

    @staticmethod
    def size(payload_size: int, slots: int) -> int:
        """Bytes of memory that a ring takes. Raises ValueError unless there is a payload and two slots."""
        if slots < 2:
            raise ValueError(f"a ring has at least two slots, not {slots}")
        return slots * record_size(payload_size)

    def __init__(self, nvram: Nvram, address: int, payload_size: int, slots: int) -> None:
        """Go on after the newest valid record from ``address`` on. Raises ValueError if no such ring can be there."""
        nvram.check(address, self.size(payload_size, slots))
        self._nvram = nvram
        self._address = address
        self._payload_size = payload_size
        self._record_size = record_size(payload_size)
        self._slots = slots
        numbers = [] if self._is_erased() else [number_of(stored) for stored in self._all_stored()]
        own = (seq for slot, seq in enumerate(numbers) if seq is not None and seq % slots == slot)
        self.next_seq = max(own, default=-1) + 1
        """Sequence number of the next record."""

    @property
    def first_seq(self) -> int:
        """Sequence number of the oldest record that is kept; ``next_seq`` if there is none yet."""
        return max(0, self.next_seq - (self._slots - 1))

    def append(self, payload: bytes) -> int:
        """Keep another record; gives its sequence number.

        Raises ValueError unless the payload has the right size, PowerLost, and OverflowError after 2**32 records.
        """
        seq = self.next_seq
        self._nvram.write(self._address_of(seq % self._slots), seal(seq, payload, self._payload_size))
        self.next_seq += 1
        return seq

    def extend(self, payloads: NDArray[np.uint8]) -> None:
        """Keep the rows of ``payloads``, shape (records, payload size): the memory is as if each had been appended.

        Also when the supply fails meanwhile. Rows that later ones would overwrite are not written. Raises ValueError
        for another shape or type, PowerLost, and OverflowError, before anything is written, beyond 2**32 records.
        """
        if payloads.dtype != np.uint8 or payloads.ndim != 2 or payloads.shape[1] != self._payload_size:
            raise ValueError(
                f"payloads are bytes in rows of {self._payload_size}, not {payloads.dtype} {payloads.shape}"
            )
        end = self.next_seq + len(payloads)
        if end > MAX_NUMBER + 1:
            raise OverflowError(f"sequence numbers end at {MAX_NUMBER}")
        if self._nvram.will_lose_power:
            for payload in payloads:
                self.append(payload.tobytes())
            return
        last = payloads[-self._slots :]
        first = end - len(last)
        data = self._sealed(first, last)
        before_wrap = self._record_size * (self._slots - first % self._slots)
        for address, piece in (
            (self._address_of(first % self._slots), data[:before_wrap]),
            (self._address, data[before_wrap:]),
        ):
            if piece:
                self._nvram.write(address, piece)
        self.next_seq = end

    def read(self, seq: int) -> bytes | None:
        """The payload of record ``seq``; None if it is damaged, no longer kept, or not there yet."""
        if not self.first_seq <= seq < self.next_seq:
            return None
        stored = self._nvram.read(self._address_of(seq % self._slots), self._record_size)
        return payload_of(stored) if number_of(stored) == seq else None

    def damaged(self) -> tuple[int, ...]:
        """Numbers of the slots that are neither erased nor hold the record that belongs there, in rising order.

        A torn record counts too: it cannot be told from one that was whole and lost a bit.
        """
        return tuple(
            slot
            for slot, stored in enumerate(self._all_stored())
            if not is_erased(stored) and number_of(stored) != self._newest_in(slot)
        )

    def erase(self, slot: int) -> None:
        """Forget what is in a slot. Raises ValueError if there is no such slot, and PowerLost."""
        if not 0 <= slot < self._slots:
            raise ValueError(f"a ring of {self._slots} slots has no slot {slot}")
        self._nvram.write(self._address_of(slot), bytes([ERASED]) * self._record_size)

    def _is_erased(self) -> bool:
        """Whether nothing was ever written: seen at once, without a look at every slot."""
        return self._nvram.is_blank or is_erased(self._nvram.read(self._address, self._slots * self._record_size))

    def _newest_in(self, slot: int) -> int:
        """The sequence number that ``slot`` got last; negative if it never got one."""
        return self.next_seq - 1 - (self.next_seq - 1 - slot) % self._slots

    def _address_of(self, slot: int) -> int:
        return self._address + slot * self._record_size

    def _all_stored(self) -> list[bytes]:
        data = self._nvram.read(self._address, self._slots * self._record_size)
        return [data[start : start + self._record_size] for start in range(0, len(data), self._record_size)]

    def _sealed(self, first_seq: int, payloads: NDArray[np.uint8]) -> bytes:
        """The records of ``payloads`` one after the other, as ``seal`` makes them."""
        body_size = self._record_size - 4
        records = np.empty((len(payloads), self._record_size), dtype=np.uint8)
        seqs = np.arange(first_seq, first_seq + len(payloads), dtype=np.int64)
        records[:, :4] = seqs.astype(">u4").view(np.uint8).reshape(-1, 4)
        records[:, 4:body_size] = payloads
        bodies = records[:, :body_size].tobytes()
        crcs = [google_crc32c.value(bodies[at : at + body_size]) for at in range(0, len(bodies), body_size)]
        records[:, body_size:] = np.array(crcs, dtype=">u4").view(np.uint8).reshape(-1, 4)
        return records.tobytes()
