"""The bare cells: bytes that keep their value without power, and the ways in which they do not."""

from firmware_model.errors import ModelError

__all__ = ["ERASED", "Nvram", "PowerLost"]

ERASED = 0xFF
"""What a cell reads before it was ever written."""

_GARBAGE = 0x5A


class PowerLost(ModelError):
    """The supply failed in the middle of a write: whoever wrote must start anew, from what the memory holds now."""

    def __init__(self, address: int) -> None:
        """Say at which ``address`` the byte lies that was under way."""
        super().__init__(f"the power failed while the byte at {address} was written")
        self.address = address


class Nvram:
    """Cells that are written byte by byte, in rising order. Nothing here knows what they mean."""

    def __init__(self, size: int, image: bytes | None = None) -> None:
        """Hold what is in ``image``; without one, ``size`` erased bytes. Raises ValueError if they do not agree."""
        if size < 0 or (image is not None and len(image) != size):
            raise ValueError(f"a memory of {size} bytes has no image of {0 if image is None else len(image)}")
        self._cells = bytearray([ERASED]) * size if image is None else bytearray(image)
        self.is_blank = image is None
        """Whether nothing was ever written."""
        self._bytes_left: int | None = None
        self._held: list[tuple[int, bytes, bytes]] | None = None
        """Writes that are held back: address, data, and what was there before."""
        self.writes = 0
        """Writes that began."""
        self.bytes_written = 0
        """Bytes that were written whole."""

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def image(self) -> bytes:
        """All of it, as it is now."""
        return bytes(self._cells)

    @property
    def will_lose_power(self) -> bool:
        """Whether some write to come will be torn."""
        return self._bytes_left is not None

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address`` on. Raises ValueError if they are not all in the memory."""
        self.check(address, size)
        return bytes(self._cells[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        """Write ``data`` from ``address`` on.

        Raises ValueError if it does not fit, with nothing written; PowerLost if the supply fails meanwhile. Then the
        bytes before are written, those after are as before, and the one under way is neither.
        """
        self.check(address, len(data))
        if self._held is not None:
            self._held.append((address, data, self.read(address, len(data))))
            self.is_blank = False
            self._cells[address : address + len(data)] = data
            return
        self.writes += 1
        self.is_blank = False
        whole = len(data) if self._bytes_left is None else min(len(data), self._bytes_left)
        self._cells[address : address + whole] = data[:whole]
        self.bytes_written += whole
        if self._bytes_left is not None:
            self._bytes_left -= whole
        if whole < len(data):
            self._cells[address + whole] ^= data[whole] ^ _GARBAGE
            self._bytes_left = None
            raise PowerLost(address + whole)

    def hold(self) -> None:
        """Hold back writes from now on: they are seen by whoever reads, but nothing is written yet."""
        self._held = []

    def release(self) -> list[tuple[int, bytes]]:
        """The writes that were held back, in order; the cells are as they were before them."""
        held, self._held = self._held or [], None
        for address, _, before in reversed(held):
            self._cells[address : address + len(before)] = before
        return [(address, data) for address, data, _ in held]

    def flip_bit(self, bit_number: int) -> None:
        """Turn one bit over, counted from the lowest of byte 0. Raises ValueError if there is no such bit."""
        if not 0 <= bit_number < 8 * len(self):
            raise ValueError(f"a memory of {len(self)} bytes has no bit {bit_number}")
        self.is_blank = False
        self._cells[bit_number // 8] ^= 1 << bit_number % 8

    def lose_power_after(self, byte_count: int | None) -> None:
        """Tear the write that goes beyond ``byte_count`` further bytes, once; with None, none. Raises ValueError."""
        if byte_count is not None and byte_count < 0:
            raise ValueError(f"power cannot fail {-byte_count} bytes ago")
        self._bytes_left = byte_count

    def check(self, address: int, size: int) -> None:
        """Raises ValueError unless ``size`` bytes from ``address`` on are in the memory."""
        if address < 0 or size < 0 or address + size > len(self._cells):
            raise ValueError(f"a memory of {len(self)} bytes does not hold {size} at {address}")
