"""What a link has counted itself, against the bytes that were recorded."""

from collections.abc import Mapping

__all__ = ["fits_count", "received_in"]


def received_in(recorded: Mapping[str, int]) -> int:
    """Bytes from the device, of those recorded by direction; those that never occurred are missing."""
    return sum(recorded.get(direction, 0) for direction in ("rx", "timeout", "lost"))


def fits_count(recorded: Mapping[str, int], sent_bytes: int, received_bytes: int) -> bool:
    """Whether all was recorded. Where a port was lost, what was recorded as sent last may not have gone out."""
    sent = recorded.get("tx", 0)
    return received_in(recorded) == received_bytes and (
        sent == sent_bytes or ("lost" in recorded and sent > sent_bytes)
    )
