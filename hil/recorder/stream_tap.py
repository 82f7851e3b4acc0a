"""A link whose bytes are recorded as they come, whoever reads them and in whatever pieces."""

from hil.clock import Clock
from hil.errors import LinkError
from hil.links.link import BufferedLink
from hil.links.port_link import PortLink
from hil.recording.tap import WireSink

__all__ = ["StreamTap"]


class StreamTap(BufferedLink):
    """``link``, recorded below its buffer: for listening, where nobody says when an answer is complete.

    A run's tap records each answer as one; this one records each arrival, and no timeouts.
    """

    def __init__(self, link: BufferedLink | PortLink, wire: str, sink: WireSink, clock: Clock) -> None:
        """Record ``link`` as ``wire``."""
        super().__init__(link.resource)
        self._link = link
        self._wire = wire
        self._sink = sink
        self._clock = clock
        self._is_closed = False
        self._first_loss: LinkError | None = None

    def monotonic_ms(self) -> int:
        """The link's own time."""
        return self._link.monotonic_ms()

    def _send(self, data: bytes) -> None:
        self._sink.write(self._wire, "tx", self._clock.now_ms(), data)
        try:
            self._link.write(data)
        except LinkError as error:
            raise self._lost(error) from error

    def _receive(self, timeout_ms: int) -> bytes:
        try:
            data = self._link.read_some(timeout_ms)
        except LinkError as error:
            raise self._lost(error) from error
        if data:
            self._sink.write(self._wire, "rx", self._clock.now_ms(), data)
        return data

    def _lost(self, error: LinkError) -> LinkError:
        """What was said when the port was lost; recorded once."""
        if self._first_loss is None:
            self._first_loss = error
            now_ms = self._clock.now_ms()
            self._sink.write(self._wire, "lost", now_ms, b"")
            self._sink.note(now_ms, f"{self._wire}: {error}")
        return self._first_loss

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._sink.counted(self._wire, self._clock.now_ms(), self._link.sent_bytes, self._link.received_bytes)
        finally:
            self._link.close()
