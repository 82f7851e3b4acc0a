"""The chain over a log: whoever read it once can tell later whether what came before is still what it was."""

import hashlib

from protocols.messages import CHAIN_BYTES

__all__ = ["link"]


def link(chain: bytes, record: bytes) -> bytes:
    """The chain's value after one more record, as it stands in its message: the first bytes of a SHA-256."""
    return hashlib.sha256(chain + record).digest()[:CHAIN_BYTES]
