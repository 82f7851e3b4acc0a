"""The bare cells: they hold what was written, and fail the way they were told to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.errors import ModelError
from firmware_model.memory.nvram import Nvram, PowerLost
from tests.firmware_model.memory.plain import torn

_SIZE = 24
_images = st.binary(min_size=_SIZE, max_size=_SIZE)
_writes = st.integers(0, _SIZE).flatmap(
    lambda address: st.tuples(st.just(address), st.binary(max_size=_SIZE - address))
)


def test_new_memory_is_erased() -> None:
    """What was never written reads FF."""
    nvram = Nvram(3)
    assert nvram.image == b"\xff\xff\xff"
    assert len(nvram) == 3


@given(_images, st.lists(_writes, max_size=6))
def test_memory_holds_what_was_written(image: bytes, writes: list[tuple[int, bytes]]) -> None:
    """Any writes leave what a plain array would hold, and are counted; an image goes on where it was taken."""
    nvram, plain = Nvram(_SIZE, image), bytearray(image)
    for address, data in writes:
        nvram.write(address, data)
        plain[address : address + len(data)] = data
        assert nvram.read(address, len(data)) == data
    assert nvram.image == bytes(plain) == Nvram(_SIZE, nvram.image).image
    assert nvram.writes == len(writes)
    assert nvram.bytes_written == sum(len(data) for _, data in writes)


@pytest.mark.parametrize(("address", "size"), [(-1, 1), (0, _SIZE + 1), (_SIZE, 1), (_SIZE + 1, 0), (1, _SIZE)])
def test_nothing_is_outside(address: int, size: int) -> None:
    """Reading or writing beyond either end is the caller's mistake, and changes nothing."""
    nvram = Nvram(_SIZE)
    with pytest.raises(ValueError, match="a memory of 24 bytes does not hold"):
        nvram.read(address, size)
    with pytest.raises(ValueError, match="a memory of 24 bytes does not hold"):
        nvram.write(address, bytes(size))
    assert nvram.image == b"\xff" * _SIZE
    assert nvram.writes == 0


def test_size_is_not_negative() -> None:
    """Reading a negative number of bytes is refused, not taken from the end; a memory may have none, but no less."""
    with pytest.raises(ValueError, match="does not hold -1"):
        Nvram(_SIZE).read(4, -1)
    assert Nvram(0).image == b""
    with pytest.raises(ValueError, match="a memory of -1 bytes has no image of 0"):
        Nvram(-1)


@pytest.mark.parametrize("size", [-1, 2, 4])
def test_an_image_fits_or_is_refused(size: int) -> None:
    """An image of another size is not cut or padded."""
    with pytest.raises(ValueError, match="has no image of 3"):
        Nvram(size, b"abc")


@pytest.mark.parametrize("byte_count", range(11))
def test_power_fails_at_the_byte_that_was_said(byte_count: int) -> None:
    """Across writes, so many bytes are whole, the next is neither old nor new, and the rest is as before."""
    nvram = Nvram(_SIZE, bytes(range(_SIZE)))
    nvram.lose_power_after(byte_count)
    left = byte_count
    for address, data in [(2, b"abcd"), (10, b""), (7, b"efghij")]:
        before = nvram.image
        expected = (
            before[:address] + torn(before[address : address + len(data)], data, left) + before[address + len(data) :]
        )
        if left >= len(data):
            nvram.write(address, data)
            assert nvram.image == expected
            left -= len(data)
            continue
        with pytest.raises(PowerLost) as caught:
            nvram.write(address, data)
        assert caught.value.address == address + left
        assert nvram.image == expected
        assert nvram.image[address + left] not in {before[address + left], data[left]}
        break
    assert nvram.bytes_written == byte_count
    assert nvram.will_lose_power == (byte_count == 10)


def test_memory_works_again_after_a_power_cut() -> None:
    """Only one write is torn: the next one is after the reboot."""
    nvram = Nvram(_SIZE)
    nvram.lose_power_after(0)
    with pytest.raises(ModelError, match="the power failed while the byte at 3 was written"):
        nvram.write(3, b"a")
    nvram.write(3, b"a")
    assert nvram.read(3, 1) == b"a"
    assert (nvram.writes, nvram.bytes_written) == (2, 1)


def test_a_power_cut_can_be_called_off() -> None:
    """With None, no write is torn; a time before now is refused."""
    nvram = Nvram(_SIZE)
    nvram.lose_power_after(0)
    nvram.lose_power_after(None)
    nvram.write(0, b"a")
    with pytest.raises(ValueError, match="fail 1 bytes ago"):
        nvram.lose_power_after(-1)


@given(_images, st.integers(0, 8 * _SIZE - 1))
def test_a_flipped_bit_is_one_bit(image: bytes, bit: int) -> None:
    """Bit n of the memory read as one little-endian number turns over, and back."""
    nvram = Nvram(_SIZE, image)
    nvram.flip_bit(bit)
    assert int.from_bytes(nvram.image, "little") == int.from_bytes(image, "little") ^ 1 << bit
    nvram.flip_bit(bit)
    assert nvram.image == image


@pytest.mark.parametrize("bit", [-1, 8 * _SIZE])
def test_there_are_so_many_bits(bit: int) -> None:
    """A bit outside is refused."""
    with pytest.raises(ValueError, match=f"has no bit {bit}"):
        Nvram(_SIZE).flip_bit(bit)


def test_a_blank_memory_is_one_that_nothing_happened_to() -> None:
    """A new one is; one with an image is not, nor is one after a write, a held one, or a bit that turned over."""
    assert not Nvram(1, b"\xff").is_blank
    for change in (
        lambda nvram: nvram.write(0, b""),
        lambda nvram: (nvram.hold(), nvram.write(0, b"a")),
        lambda nvram: nvram.flip_bit(0),
    ):
        nvram = Nvram(_SIZE)
        assert nvram.is_blank
        change(nvram)
        assert not nvram.is_blank


def test_held_writes_are_seen_but_not_done() -> None:
    """Who reads sees them; released, they are told in order, and the cells are as before; then writes are writes."""
    nvram = Nvram(4, b"abcd")
    nvram.hold()
    nvram.write(1, b"XY")
    nvram.write(2, b"Z")
    assert (nvram.read(0, 4), nvram.writes, nvram.bytes_written) == (b"aXZd", 0, 0)
    assert nvram.release() == [(1, b"XY"), (2, b"Z")]
    assert nvram.image == b"abcd"
    nvram.write(0, b"q")
    assert (nvram.image, nvram.writes) == (b"qbcd", 1)
    assert nvram.release() == []
