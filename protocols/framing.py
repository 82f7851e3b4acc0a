"""Frames on a wire: ``COBS(frame || CRC-32C) 00``.

COBS takes every zero out of the frame, so that a zero can only mean its end: a reader that begins in mid-stream, or
lost a byte, is in step again at the next zero. The CRC finds what the wire damaged; it does not prove who sent it.
"""

from dataclasses import dataclass

import google_crc32c
from cobs import cobs

from protocols.errors import FrameError

__all__ = [
    "DELIMITER",
    "MAX_ENCODED_BYTES",
    "MAX_FRAME_BYTES",
    "CobsInvalid",
    "CrcMismatch",
    "FrameDecoder",
    "FrameTooLong",
    "FrameTooShort",
    "Rejected",
    "decode_frame",
    "encode_frame",
]

DELIMITER = b"\x00"
MAX_FRAME_BYTES = 512
"""Before the CRC. Up to this length CRC-32C finds every error of up to four bits."""

_CRC_BYTES = 4
MAX_ENCODED_BYTES = cobs.max_encoded_length(MAX_FRAME_BYTES + _CRC_BYTES)
"""Without the delimiter."""


class CobsInvalid(FrameError):
    """A count points past the end: a byte was lost, or reading began in mid-frame."""


class CrcMismatch(FrameError):
    """The bytes are not those that were sent."""

    def __init__(self, wire: int, computed: int) -> None:
        """Keep the CRC on the ``wire`` and the one ``computed`` from what came with it."""
        super().__init__(f"CRC-32C is {wire:#010x} on the wire, but {computed:#010x} for what came with it")
        self.wire = wire
        self.computed = computed


class FrameTooShort(FrameError):
    """Not even one byte and a CRC."""


class FrameTooLong(FrameError):
    """More bytes than any frame has."""

    def __init__(self, length: int, most: int) -> None:
        """Say how many bytes came, and the ``most`` that there can be."""
        super().__init__(f"{length} bytes, where a frame has at most {most}")


def encode_frame(frame: bytes) -> bytes:
    """What goes on the wire for ``frame``, delimiter included. Raises ValueError if it is empty or too long."""
    if not 0 < len(frame) <= MAX_FRAME_BYTES:
        raise ValueError(f"a frame has 1 to {MAX_FRAME_BYTES} bytes, not {len(frame)}")
    crc: int = google_crc32c.value(frame)
    return bytes(cobs.encode(frame + crc.to_bytes(_CRC_BYTES, "big"))) + DELIMITER


def decode_frame(encoded: bytes) -> bytes:
    """The frame in the ``encoded`` bytes between two delimiters. Raises FrameError."""
    if len(encoded) > MAX_ENCODED_BYTES:
        raise FrameTooLong(len(encoded), MAX_ENCODED_BYTES)
    try:
        decoded = bytes(cobs.decode(encoded))
    except cobs.DecodeError as error:
        raise CobsInvalid(f"no COBS: {error}") from error
    frame, crc = decoded[:-_CRC_BYTES], decoded[-_CRC_BYTES:]
    if not frame:
        raise FrameTooShort(f"{len(decoded)} bytes are too few for a frame and its CRC")
    if len(frame) > MAX_FRAME_BYTES:
        raise FrameTooLong(len(frame), MAX_FRAME_BYTES)
    wire, computed = int.from_bytes(crc, "big"), google_crc32c.value(frame)
    if wire != computed:
        raise CrcMismatch(wire, computed)
    return frame


@dataclass(frozen=True)
class Rejected:
    """Bytes between two delimiters that are no frame: where they began in the stream, how many, and why."""

    offset: int
    length: int
    reason: FrameError


class FrameDecoder:
    """Bytes in, in any pieces; frames and what was rejected out, in order.

    Takes time in proportion to the bytes, and never keeps more of them than a frame can have. Zeros that follow each
    other are no error: a sender may begin with one to end whatever noise came before.
    """

    def __init__(self) -> None:
        """Begin at offset 0, between two frames."""
        self.accepted = 0
        self.rejected = 0
        self._offset = 0
        self._length = 0
        self._segment = bytearray()

    @property
    def pending(self) -> int:
        """Bytes since the last delimiter: what a sender that fell silent, or never ends a frame, has left behind."""
        return self._length

    def feed(self, data: bytes) -> list[bytes | Rejected]:
        """What ``data`` completes: frames, and Rejected for what is none. Raises nothing, whatever the bytes."""
        results: list[bytes | Rejected] = []
        start = 0
        while (end := data.find(DELIMITER, start)) >= 0:
            self._keep(data[start:end])
            if self._length:
                results.append(self._close())
            self._offset += self._length + 1
            self._forget()
            start = end + 1
        self._keep(data[start:])
        return results

    def abandon(self) -> int:
        """Drop the bytes since the last delimiter, and say how many: what comes next is not their continuation."""
        dropped = self._length
        self._offset += dropped
        self._forget()
        return dropped

    def _keep(self, piece: bytes) -> None:
        self._length += len(piece)
        room = MAX_ENCODED_BYTES - len(self._segment)
        self._segment += piece[:room]

    def _forget(self) -> None:
        self._length = 0
        self._segment.clear()

    def _close(self) -> bytes | Rejected:
        try:
            if self._length > MAX_ENCODED_BYTES:
                raise FrameTooLong(self._length, MAX_ENCODED_BYTES)
            frame = decode_frame(bytes(self._segment))
        except FrameError as reason:
            self.rejected += 1
            return Rejected(self._offset, self._length, reason)
        self.accepted += 1
        return frame
