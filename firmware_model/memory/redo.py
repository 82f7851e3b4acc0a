"""Several writes as one: all of them survive a failing supply, or none."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

import google_crc32c

from firmware_model.memory.nvram import ERASED, Nvram

__all__ = ["RedoArea"]

_HEAD = struct.Struct(">HI")
"""Bytes of the writes that follow, and the CRC-32C of them."""
_WRITE = struct.Struct(">IH")


class RedoArea:
    """A place in the memory where writes are put down together, before they are done one by one.

    Until the last byte of that is written nothing has happened; from then on the writes are done again at the next
    start if the supply fails meanwhile. Doing them twice is doing them once.
    """

    def __init__(self, nvram: Nvram, address: int, size: int) -> None:
        """Use ``size`` bytes from ``address`` on."""
        self._nvram = nvram
        self._address = address
        self._size = size

    def recover(self) -> None:
        """Finish what the supply interrupted. Raises PowerLost; then it can be done again."""
        size, crc = _HEAD.unpack(self._nvram.read(self._address, _HEAD.size))
        if size > self._size - _HEAD.size:
            return
        stored = self._nvram.read(self._address + _HEAD.size, size)
        if google_crc32c.value(stored) == crc:
            self._finish(stored)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold back all writes until the end of the block, and do them together; none if it raises.

        Raises PowerLost, and ValueError for more writes than there is room for.
        """
        self._nvram.hold()
        try:
            yield
        except BaseException:
            self._nvram.release()
            raise
        writes = self._nvram.release()
        if not writes:
            return
        stored = b"".join(_WRITE.pack(address, len(data)) + data for address, data in writes)
        if len(stored) > self._size - _HEAD.size:
            raise ValueError(f"{len(stored)} bytes of writes do not fit a redo area of {self._size}")
        self._nvram.write(self._address + _HEAD.size, stored)
        self._nvram.write(self._address, _HEAD.pack(len(stored), google_crc32c.value(stored)))
        self._finish(stored)

    def _finish(self, stored: bytes) -> None:
        place = 0
        while place < len(stored):
            address, size = _WRITE.unpack_from(stored, place)
            place += _WRITE.size
            self._nvram.write(address, stored[place : place + size])
            place += size
        self._nvram.write(self._address, bytes([ERASED]) * _HEAD.size)
