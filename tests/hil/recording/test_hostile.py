"""Hostile files: a typed error with its byte, everything before it readable, bounded memory and time."""

import random
import resource
import struct
import time
import zlib
from contextlib import nullcontext
from pathlib import Path

import pytest
import zstandard
from mcap.opcode import Opcode
from mcap.records import Channel, Header, Message, Metadata

from hil.errors import RecordingError
from hil.recording.blocks import HEAD
from hil.recording.layout import MAGIC, MAX_CHUNK_BYTES, PROFILE
from hil.recording.ledger import encode
from hil.recording.stream import RecordingStream
from tests.hil.recording.chunked import write_chunked

MOST_KIB = 120 * 1024
"""By which a hostile file may make this process grow."""


def read(path: Path) -> tuple[int, str]:
    """How many messages came, and what was said then."""
    count = 0
    try:
        with RecordingStream.open(path) as stream:
            for _ in stream.messages():
                count += 1
    except RecordingError as error:
        return count, str(error)
    return count, ""


def boundaries(data: bytes) -> list[int]:
    """Where the records of a file begin and end."""
    places = [len(MAGIC)]
    while places[-1] < len(data) - len(MAGIC):
        places.append(places[-1] + HEAD.size + HEAD.unpack_from(data, places[-1])[1])
    return places


@pytest.fixture
def chunked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A recording of many chunks."""
    return write_chunked(tmp_path / "whole.mcap", monkeypatch)


@pytest.mark.deep
def test_truncated_at_every_boundary_and_at_random_bytes(tmp_path: Path, chunked: bytes) -> None:
    """Cut anywhere: what the chunks before it hold is read; then it is damaged there, for it had been closed."""
    path = tmp_path / "cut.mcap"
    chance = random.Random(1)  # noqa: S311
    ends = boundaries(chunked)
    cuts = sorted({*ends, *(chance.randrange(len(MAGIC), len(chunked)) for _ in range(1000))})
    counts = []
    first_chunk = next(at for at in ends if chunked[at] == Opcode.CHUNK)
    for cut in cuts:
        if cut == len(chunked):
            continue
        path.write_bytes(chunked[:cut])
        with RecordingStream.open(path) as stream:
            counts.append(0)
            at = max(end for end in ends if end <= cut)
            damage = f"damaged at byte {at}: .* is cut or damaged" if stream.closed_properly else None
            with pytest.raises(RecordingError, match=damage) if damage else nullcontext():
                for _ in stream.messages():
                    counts[-1] += 1
            assert stream.truncated_at == at
            assert stream.closed_properly == (cut > first_chunk)
    assert counts == sorted(counts)
    path.write_bytes(chunked)
    assert (counts[-1], "") == read(path)


def test_flipped_bit_in_a_chunk_leaves_all_before_it(tmp_path: Path, chunked: bytes) -> None:
    """Damage in one chunk is said with the chunk's byte, behind every message of the chunks before."""
    path = tmp_path / "flipped.mcap"
    chunks = [at for at in boundaries(chunked)[:-1] if chunked[at] == Opcode.CHUNK]
    before = []
    for at in chunks:
        middle = at + HEAD.size + 60
        path.write_bytes(chunked[:middle] + bytes([chunked[middle] ^ 0x10]) + chunked[middle + 1 :])
        count, said = read(path)
        assert f"damaged at byte {at}: " in said
        before.append(count)
    assert before[0] == 0
    assert before == sorted(set(before)), "each chunk holds something"


@pytest.mark.parametrize("bits", [1, 8])
def test_any_flipped_bits_are_found(tmp_path: Path, chunked: bytes, bits: int) -> None:
    """A whole file with any damage is refused, always by the same error, with a byte."""
    path = tmp_path / "flipped.mcap"
    chance = random.Random(bits)  # noqa: S311
    for _ in range(400):
        data = bytearray(chunked)
        for _ in range(bits):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if bytes(data) == chunked:
            continue
        path.write_bytes(data)
        _, said = read(path)
        assert "byte" in said, said


def preface() -> bytes:
    """What every recording begins with."""
    return MAGIC + encode(Header(profile=PROFILE, library=""), Metadata(name="pumprig", metadata={"start_utc_ms": "0"}))


def first_message() -> bytes:
    """A message that can be read before anything hostile comes."""
    channel = Channel(id=1, topic="/wire/pump/tx", message_encoding="x", metadata={}, schema_id=0)
    return encode(channel, Message(channel_id=1, log_time=0, publish_time=0, sequence=0, data=b"fine"))


def chunk(packed: bytes, size: int, crc: int = 0, compression: bytes = b"zstd", length: int | None = None) -> bytes:
    """A chunk that says of itself what it is told to."""
    head = struct.pack("<QQQII", 0, 0, size, crc, len(compression)) + compression
    content = head + struct.pack("<Q", len(packed) if length is None else length) + packed
    return HEAD.pack(Opcode.CHUNK, len(content)) + content


def bomb(size: int) -> bytes:
    """Zeros, a thousand times smaller than they are, in pieces: making them needs little memory, too."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    piece = bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


ZEROS = bytes(1000)


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (lambda: chunk(bomb(1 << 30), 1000), "expands to more than 1000 bytes"),
        (lambda: chunk(bomb(1 << 30), 1 << 30), f"none has over {MAX_CHUNK_BYTES}"),
        (lambda: chunk(zstandard.compress(ZEROS), 1 << 62), f"none has over {MAX_CHUNK_BYTES}"),
        (lambda: chunk(zstandard.compress(ZEROS), 999, zlib.crc32(ZEROS[:999])), "expands to more than 999 bytes"),
        (lambda: chunk(zstandard.compress(ZEROS), 1000, 1), "the checksum of the chunk is wrong"),
        (lambda: chunk(zstandard.compress(ZEROS), 1000, zlib.crc32(ZEROS)), "a record of kind 0x00"),
        (lambda: chunk(b"not zstd", 1000), "cannot be expanded"),
        (
            lambda: chunk(ZEROS, 1000, zlib.crc32(ZEROS), b"", length=1 << 60),
            "the chunk holds 1000 bytes where it says",
        ),
        (lambda: chunk(b"", 0, 0, b"lz4"), "compressed by 'lz4'"),
        (lambda: HEAD.pack(Opcode.CHUNK, 5) + b"short", "the chunk ends too early"),
        (lambda: HEAD.pack(0x7E, 4) + b"what", "a record of kind 0x7e"),
    ],
)
def test_hostile_chunk_is_refused_with_its_byte(tmp_path: Path, hostile: object, said: str) -> None:
    """A bomb, a lie about its size, or no chunk at all: what stands before it is read, and little memory is used."""
    assert callable(hostile)
    path = tmp_path / "hostile.mcap"
    before = preface() + first_message()
    path.write_bytes(before + hostile())
    grown, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    count, error = read(path)
    assert count == 1
    assert f"hostile.mcap: damaged at byte {len(before)}: " in error
    assert said in error
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < MOST_KIB
    assert time.process_time() - began < 2


@pytest.mark.parametrize("length", [1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_huge_length_is_where_the_recording_ends(tmp_path: Path, length: int) -> None:
    """A length that leads past the end of the file is taken for a cut, not for an order of memory."""
    path = tmp_path / "huge.mcap"
    before = preface() + first_message()
    path.write_bytes(before + HEAD.pack(Opcode.MESSAGE, length) + bytes(100))
    with RecordingStream.open(path) as stream:
        assert len(list(stream.messages())) == 1
        assert stream.truncated_at == len(before)


def test_huge_record_in_a_huge_file_is_refused(tmp_path: Path) -> None:
    """The file may be as large as it says: no record is."""
    path = tmp_path / "huge.mcap"
    before = preface() + first_message()
    with path.open("wb") as file:
        file.write(before + HEAD.pack(Opcode.ATTACHMENT, 1 << 33))
        file.truncate(1 << 34)  # takes no room on the disk
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count, said = read(path)
    assert count == 1
    assert f"damaged at byte {len(before)}: a record of {(1 << 33) + HEAD.size} bytes" in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < MOST_KIB


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"is no MCAP recording \(byte 0\)"),
        (b"PK\x03\x04" + bytes(100), r"is no MCAP recording \(byte 0\)"),
        (b"\x89MCAP1\r\n", r"is no MCAP recording \(byte 0\)"),
        (MAGIC[:5], "cut short at byte 5, before anything was recorded"),
        (MAGIC + encode(Header(profile="ros2", library="rosbag2")), r"is MCAP of profile 'ros2' \(byte 8\)"),
    ],
)
def test_what_is_no_recording_of_ours_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    """Another kind of file, or another project's recording."""
    path = tmp_path / "other.mcap"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=said):
        RecordingStream.open(path)


def test_index_that_points_elsewhere_is_refused(tmp_path: Path, chunked: bytes) -> None:
    """An index is believed only as far as a chunk stands where it says."""
    path = tmp_path / "moved.mcap"
    first = next(at for at in boundaries(chunked) if chunked[at] == Opcode.CHUNK)
    place = chunked.rindex(struct.pack("<Q", first))
    summary_at = struct.unpack_from("<Q", chunked, len(chunked) - 8 - 20)[0]
    data = bytearray(chunked)
    data[place : place + 8] = struct.pack("<Q", first + 3)
    crc = zlib.crc32(data[summary_at : len(data) - 8 - 4])
    data[-12:-8] = struct.pack("<I", crc)
    path.write_bytes(data)
    with RecordingStream.open(path) as stream, pytest.raises(RecordingError, match=f"damaged at byte {first + 3}: "):
        list(stream.messages(from_ms=0, to_ms=1000))
