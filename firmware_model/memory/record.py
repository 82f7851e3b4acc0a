"""A record as it lies in the memory: ``number u32 | payload | CRC-32C u32``, big-endian.

The CRC comes last, so that a record is valid only when all of it was written: a torn one is a mixture of new and old,
which the CRC tells from either. It finds every single bit that turned over; an erased record is never valid.
"""

import google_crc32c

from firmware_model.memory.nvram import ERASED

__all__ = ["MAX_NUMBER", "is_erased", "number_of", "payload_of", "record_size", "seal"]

MAX_NUMBER = 2**32 - 1

_NUMBER_BYTES = 4
_CRC_BYTES = 4


def record_size(payload_size: int) -> int:
    """Bytes of a record. Raises ValueError unless it has a payload: the CRC of an erased number alone would fit."""
    if payload_size < 1:
        raise ValueError(f"a record has a payload of at least one byte, not {payload_size}")
    return _NUMBER_BYTES + payload_size + _CRC_BYTES


def seal(number: int, payload: bytes, payload_size: int) -> bytes:
    """The record. Raises ValueError for a payload of another size, OverflowError for a number beyond 32 bits."""
    if len(payload) != payload_size:
        raise ValueError(f"a payload has {payload_size} bytes here, not {len(payload)}")
    body = number.to_bytes(_NUMBER_BYTES, "big") + payload
    crc: int = google_crc32c.value(body)
    return body + crc.to_bytes(_CRC_BYTES, "big")


def is_erased(stored: bytes) -> bool:
    """Whether nothing was ever written there."""
    return stored.count(ERASED) == len(stored)


def number_of(stored: bytes) -> int | None:
    """The record's number; None if what is stored is no record."""
    if google_crc32c.value(stored[:-_CRC_BYTES]) != int.from_bytes(stored[-_CRC_BYTES:], "big"):
        return None
    return int.from_bytes(stored[:_NUMBER_BYTES], "big")


def payload_of(stored: bytes) -> bytes:
    """The payload of a record that ``number_of`` found valid."""
    return stored[_NUMBER_BYTES:-_CRC_BYTES]
