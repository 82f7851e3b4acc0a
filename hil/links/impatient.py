"""A link whose answers are not waited for longer than somebody who looks on would."""

from hil.links.link import Link

__all__ = ["ImpatientLink"]

_AT_MOST_MS = 3000


class ImpatientLink(Link):
    """``link``, but for long waits: a person has half an hour in a run, and three seconds in a check."""

    def __init__(self, link: Link, at_most_ms: int = _AT_MOST_MS) -> None:
        """Wait ``at_most_ms`` for any answer on ``link``."""
        self.resource = link.resource
        self._link = link
        self._at_most_ms = at_most_ms

    def write(self, data: bytes) -> None:
        """As ``Link.write``."""
        self._link.write(data)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """As ``Link.read_until``, but sooner."""
        return self._link.read_until(terminator, min(timeout_ms, self._at_most_ms))

    def drain(self) -> bytes:
        """As ``Link.drain``."""
        return self._link.drain()

    def discard(self) -> bytes:
        """As ``Link.discard``."""
        return self._link.discard()

    def monotonic_ms(self) -> int:
        """As ``Link.monotonic_ms``."""
        return self._link.monotonic_ms()

    def take_remarks(self) -> list[str]:
        """As ``Link.take_remarks``."""
        return self._link.take_remarks()

    def close(self) -> None:
        """Give the port back."""
        self._link.close()
