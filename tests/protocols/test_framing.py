"""Frames: published vectors, any bytes in any pieces, and the wire's usual accidents."""

import google_crc32c
import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError
from protocols.framing import (
    DELIMITER,
    MAX_ENCODED_BYTES,
    MAX_FRAME_BYTES,
    CobsInvalid,
    CrcMismatch,
    FrameDecoder,
    FrameTooLong,
    FrameTooShort,
    Rejected,
    decode_frame,
    encode_frame,
)

frames = st.binary(min_size=1, max_size=MAX_FRAME_BYTES)
noise = st.binary(max_size=2 * MAX_ENCODED_BYTES)
streams = st.lists(frames.map(encode_frame) | noise | st.just(DELIMITER), max_size=8).map(b"".join)

CRC_32C = [  # the catalogue's check value, then RFC 3720, B.4
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]

COBS = [  # Wikipedia, "Consistent Overhead Byte Stuffing", encoding examples
    ("00", "01 01"),
    ("00 00", "01 01 01"),
    ("00 11 00", "01 02 11 01"),
    ("11 22 00 33", "03 11 22 02 33"),
    ("11 22 33 44", "05 11 22 33 44"),
    ("11 00 00 00", "02 11 01 01 01"),
    (bytes(range(0x01, 0xFF)).hex(), "ff" + bytes(range(0x01, 0xFF)).hex()),
    (bytes(range(0xFF)).hex(), "01 ff" + bytes(range(0x01, 0xFF)).hex()),
    (bytes(range(0x01, 0x100)).hex(), "ff" + bytes(range(0x01, 0xFF)).hex() + "02 ff"),
    (bytes(range(0x02, 0x100)).hex() + "00", "ff" + bytes(range(0x02, 0x100)).hex() + "01 01"),
    (bytes(range(0x03, 0x100)).hex() + "00 01", "fe" + bytes(range(0x03, 0x100)).hex() + "02 01"),
]


def outcome(results: list[bytes | Rejected]) -> list[object]:
    """Results in a form that compares: an exception equals only itself."""
    return [
        (item.offset, item.length, type(item.reason), str(item.reason)) if isinstance(item, Rejected) else item
        for item in results
    ]


def fed(pieces: list[bytes]) -> tuple[list[object], FrameDecoder]:
    """What a new decoder makes of ``pieces``, and the decoder."""
    decoder = FrameDecoder()
    return outcome([result for piece in pieces for result in decoder.feed(piece)]), decoder


@pytest.mark.parametrize(("data", "crc"), CRC_32C, ids=["check", "zeros", "ones", "rising", "falling"])
def test_crc_is_crc_32c_as_published(data: bytes, crc: int) -> None:
    """The CRC at the end of a frame is CRC-32C, big-endian, by its published vectors."""
    assert google_crc32c.value(data) == crc
    assert cobs.decode(encode_frame(data)[:-1]) == data + crc.to_bytes(4, "big")


@pytest.mark.parametrize(("plain", "encoded"), COBS)
def test_stuffing_is_cobs_as_published(plain: str, encoded: str) -> None:
    """The cobs package stuffs as the published examples do."""
    assert cobs.encode(bytes.fromhex(plain)) == bytes.fromhex(encoded)
    assert cobs.decode(bytes.fromhex(encoded)) == bytes.fromhex(plain)


@given(frames)
def test_a_frame_survives_the_wire(frame: bytes) -> None:
    """What is encoded decodes to itself, has no zero but its delimiter, and is no longer than announced."""
    encoded = encode_frame(frame)
    assert encoded.endswith(DELIMITER)
    assert DELIMITER not in encoded[:-1]
    assert len(encoded) <= MAX_ENCODED_BYTES + 1
    assert decode_frame(encoded[:-1]) == frame


@pytest.mark.parametrize("length", [1, MAX_FRAME_BYTES])
def test_the_smallest_and_the_largest_frame_survive_the_wire(length: int) -> None:
    """The limits are themselves allowed."""
    assert decode_frame(encode_frame(bytes(length))[:-1]) == bytes(length)


def test_as_many_bytes_as_can_be_announced_are_a_frame() -> None:
    """The largest frame without any zero is as long on the wire as a frame can be, and is taken from a stream."""
    longest = max((encode_frame(bytes([fill]) * MAX_FRAME_BYTES) for fill in range(1, 256)), key=len)
    assert len(longest) == MAX_ENCODED_BYTES + len(DELIMITER)
    assert FrameDecoder().feed(longest) == [decode_frame(longest[:-1])]


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1])
def test_a_frame_of_impossible_length_is_not_encoded(length: int) -> None:
    """An empty frame, or one beyond the limit, is the caller's mistake."""
    with pytest.raises(ValueError, match=f"not {length}"):
        encode_frame(bytes(length))


@pytest.mark.parametrize(
    ("encoded", "error"),
    [
        (b"\x05ab", CobsInvalid),
        (b"\x02a\x00", CobsInvalid),
        (cobs.encode(b"abcd"), FrameTooShort),
        (b"", FrameTooShort),
        (cobs.encode(b"abcdefgh"), CrcMismatch),
        (b"\x01" * (MAX_ENCODED_BYTES + 1), FrameTooLong),
        (b"\x01" * (MAX_FRAME_BYTES + 6), FrameTooLong),
        (b"\x07" * 600, FrameTooLong),
    ],
)
def test_what_is_no_frame_says_why(encoded: bytes, error: type[FrameError]) -> None:
    """Each way of being no frame has an error of its own."""
    with pytest.raises(error):
        decode_frame(encoded)


def test_a_frame_beyond_the_limit_says_both_lengths() -> None:
    """How much came, and how much a frame may have."""
    data = bytes(MAX_FRAME_BYTES + 1)
    encoded = cobs.encode(data + google_crc32c.value(data).to_bytes(4, "big"))
    with pytest.raises(
        FrameTooLong, match=f"^{MAX_FRAME_BYTES + 1} bytes, where a frame has at most {MAX_FRAME_BYTES}$"
    ):
        decode_frame(encoded)


def test_a_crc_mismatch_carries_both_values() -> None:
    """The error says which CRC came and which would have been right."""
    with pytest.raises(CrcMismatch, match="0x00000001 on the wire, but 0xe3069283") as caught:
        decode_frame(cobs.encode(b"123456789\x00\x00\x00\x01"))
    assert (caught.value.wire, caught.value.computed) == (1, 0xE3069283)


def test_the_original_encoders_last_group_is_taken() -> None:
    """Cheshire's encoder ends a full last group with an empty one; that frame is accepted too."""
    frame = b"\x01" * 250
    encoded = encode_frame(frame)[:-1]
    assert (encoded[0], len(encoded)) == (0xFF, 255)
    assert decode_frame(encoded + b"\x01") == frame


@given(streams, st.data())
def test_pieces_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    """Any bytes, cut anywhere, give the same frames and rejections as whole or byte by byte, and never raise."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole, decoder = fed([stream])
    assert fed(pieces)[0] == whole
    assert fed([stream[i : i + 1] for i in range(len(stream))])[0] == whole
    assert decoder.accepted + decoder.rejected == len(whole)


@given(streams)
def test_every_byte_is_accounted_for(stream: bytes) -> None:
    """Each non-empty segment gives one frame or one rejection, with its place; the rest is pending."""
    *segments, rest = stream.split(DELIMITER)
    results, decoder = fed([stream])
    assert len(results) == sum(1 for segment in segments if segment)
    for result in results:
        if isinstance(result, tuple):
            offset, length = result[:2]
            assert stream[offset - 1 : offset] in {b"", DELIMITER}
            assert DELIMITER not in stream[offset : offset + length]
            assert stream[offset + length : offset + length + 1] == DELIMITER
    assert decoder.pending == len(rest)


@given(frames, noise)
def test_a_reader_in_mid_stream_is_in_step_at_the_next_zero(frame: bytes, before: bytes) -> None:
    """Whatever came before a delimiter, the frame behind it is read."""
    results, _ = fed([before + DELIMITER + encode_frame(frame)])
    assert results[-1] == frame


@given(frames, st.data())
def test_up_to_four_flipped_bits_are_found(frame: bytes, data: st.DataObject) -> None:
    """Damage that CRC-32C is sure to find never passes as a frame."""
    coded = bytearray(frame + google_crc32c.value(frame).to_bytes(4, "big"))
    for bit in data.draw(st.sets(st.integers(0, 8 * len(coded) - 1), min_size=1, max_size=4)):
        coded[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CrcMismatch):
        decode_frame(cobs.encode(bytes(coded)))


def test_endless_noise_takes_bounded_memory() -> None:
    """A device that sends four megabytes without a zero costs one frame of memory, one rejection, and no frame."""
    decoder = FrameDecoder()
    for _ in range(4096):
        assert decoder.feed(b"\x55" * 1024) == []
    assert decoder.pending == 4 << 20
    assert len(decoder._segment) == MAX_ENCODED_BYTES
    (rejected, frame) = decoder.feed(DELIMITER + encode_frame(b"on"))
    assert isinstance(rejected, Rejected)
    assert isinstance(rejected.reason, FrameTooLong)
    assert (rejected.offset, rejected.length) == (0, 4 << 20)
    assert frame == b"on"
    assert (decoder.accepted, decoder.rejected) == (1, 1)


def test_abandoned_bytes_do_not_spoil_the_next_frame() -> None:
    """What came before a caller gave up is not the beginning of what comes next, but counts where that begins."""
    decoder = FrameDecoder()
    decoder.feed(b"\x0bhalf a fra")
    assert decoder.abandon() == 11
    wire = encode_frame(b"whole")
    whole, rejected = decoder.feed(wire + b"\x09x\x00")
    assert whole == b"whole"
    assert isinstance(rejected, Rejected)
    assert (rejected.offset, rejected.length) == (11 + len(wire), 2)
    assert decoder.rejected == 1
