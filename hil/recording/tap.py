"""A link with a recorder on the wire: nothing passes that is not written down first."""

from typing import Literal, Protocol, get_args

from hil.clock import Clock
from hil.errors import LinkTimeout
from hil.links.link import Link

__all__ = ["DIRECTIONS", "Direction", "TappedLink", "WireSink"]

Direction = Literal["tx", "rx", "timeout"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
"""tx goes to the device, rx comes from it; timeout holds what came of an answer that was given up."""


class WireSink(Protocol):
    """Where the bytes of every wire are kept."""

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep ``data``; when this returns, it survives the end of this process."""


class TappedLink(Link):
    """``link``, with every write, every completed read, every timeout and every drain recorded in bench time.

    One read is one record, made when the answer is complete and before anyone sees it. A timeout is a record of its
    own with the partial bytes: evidence, and what a replay needs to time out likewise.
    """

    def __init__(self, link: Link, wire: str, sink: WireSink, clock: Clock) -> None:
        """Record ``link`` as ``wire``."""
        self.resource = link.resource
        self._link = link
        self._wire = wire
        self._sink = sink
        self._clock = clock
        self.last_time_ms = 0
        """Bench time of the last record on this wire."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``; recorded first, so that what a device received is never missing."""
        self._record("tx", data)
        self._link.write(data)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """As ``Link.read_until``."""
        try:
            data = self._link.read_until(terminator, timeout_ms)
        except LinkTimeout as timeout:
            self._record("timeout", timeout.partial)
            raise
        self._record("rx", data)
        return data

    def drain(self) -> bytes:
        """As ``Link.drain``."""
        data = self._link.drain()
        if data:
            self._record("rx", data)
        return data

    def monotonic_ms(self) -> int:
        """The time in which the link's timeouts count."""
        return self._link.monotonic_ms()

    def close(self) -> None:
        """Give the port back."""
        self._link.close()

    def _record(self, direction: Direction, data: bytes) -> None:
        self.last_time_ms = self._clock.now_ms()
        self._sink.write(self._wire, direction, self.last_time_ms, data)
