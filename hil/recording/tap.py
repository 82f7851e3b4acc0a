"""A link with a recorder on the wire: nothing passes that is not written down first."""

from contextlib import suppress
from typing import Protocol

from hil.clock import Clock
from hil.errors import LinkError, LinkTimeout
from hil.links.link import Link
from hil.recording.layout import DIRECTIONS, Direction
from protocols.session.keys import SessionKey
from protocols.session.noise import SessionKeys

__all__ = ["DIRECTIONS", "Direction", "TappedLink", "WireSink"]


class WireSink(Protocol):
    """Where the bytes of every wire are kept. Who keeps bytes and notes only inherits the rest."""

    def write(self, wire: str, direction: Direction, time_ms: int, data: bytes) -> None:
        """Keep ``data``; when this returns, it survives the end of this process."""

    def note(self, time_ms: int, text: str) -> None:
        """Keep a remark for people."""

    def counted(self, wire: str, time_ms: int, sent_bytes: int, received_bytes: int) -> None:  # noqa: ARG002
        """``wire`` was closed, and so many bytes have passed by the count of its link."""
        return

    def session(self, wire: str, keys: SessionKeys, key: SessionKey, *, insecure: bool) -> None:  # noqa: ARG002
        """A session has begun on ``wire``; an ``insecure`` key is a test key, which is no secret."""
        return


class TappedLink(Link):
    """``link``, with everything that happens on it recorded in bench time, one record for each thing that happens.

    =======================  =============================================================================
    write                    ``tx``, before it is sent; nothing for no bytes
    read                     ``rx``, once, when the answer is complete and before anyone sees it
    read that times out      ``timeout`` with the partial bytes: evidence, and what a replay needs
    discard                  ``rx``, if it found anything
    drain                    ``rx``, also if it found nothing: or else a replay could not tell it from a read
    a port that fails        ``lost`` with what had come and was not read, and a note with the error
    a port that comes back   a note, behind the ``tx`` that had it opened again
    close                    ``rx`` with what nobody has read, if there is anything
    =======================  =============================================================================

    How long a read was willing to wait is not recorded: a replay is asked for the same wait by the same procedure, and
    what is left of a deadline on a real port would differ from run to run.
    """

    def __init__(self, link: Link, wire: str, sink: WireSink, clock: Clock) -> None:
        """Record ``link`` as ``wire``."""
        self.resource = link.resource
        self._link = link
        self._wire = wire
        self._sink = sink
        self._clock = clock
        self._closed = False
        self.last_time_ms = 0
        """Bench time of the last thing that the device said, or did not say in time.

        What is sent does not count: a replay learns the time of a command only when it has been sent.
        """
        self.remarks: list[tuple[int, str]] = []
        """What happened to the wire itself, and when in bench time: such as a port that came back."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``; recorded first, so that what a device received is never missing."""
        if not data:
            return
        self._sink.write(self._wire, "tx", self._clock.now_ms(), data)
        try:
            self._link.write(data)
        except LinkError as error:
            self._note_remarks()
            self._record_loss(error)
            raise
        self._note_remarks()

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """As ``Link.read_until``."""
        try:
            data = self._link.read_until(terminator, timeout_ms)
        except LinkTimeout as timeout:
            self._heard("timeout", timeout.partial)
            raise
        except LinkError as error:
            self._record_loss(error)
            raise
        self._heard("rx", data)
        return data

    def drain(self) -> bytes:
        """As ``Link.drain``."""
        try:
            data = self._link.drain()
        except LinkError as error:
            self._record_loss(error)
            raise
        self._heard("rx", data)
        return data

    def discard(self) -> bytes:
        """As ``Link.discard``."""
        try:
            data = self._link.discard()
        except LinkError as error:
            self._record_loss(error)
            raise
        if data:  # a replay knows it from a read, because it stands where a command was about to be sent
            self._heard("rx", data)
        return data

    def monotonic_ms(self) -> int:
        """The time in which the link's timeouts count."""
        return self._link.monotonic_ms()

    def close(self) -> None:
        """Keep what nobody has read, and give the port back."""
        if self._closed:
            return
        self._closed = True
        try:
            unread = self._unread()
            if unread:
                self._heard("rx", unread)
            self._sink.counted(self._wire, self._clock.now_ms(), self._link.sent_bytes, self._link.received_bytes)
        finally:
            self._link.close()

    def _note_remarks(self) -> None:
        for remark in self._link.take_remarks():
            time_ms = self._clock.now_ms()
            self._sink.note(time_ms, f"{self._wire}: {remark}")
            self.remarks.append((time_ms, f"{self._wire}: {remark}"))

    def _heard(self, direction: Direction, data: bytes) -> None:
        time_ms = self._clock.now_ms()
        self._sink.write(self._wire, direction, time_ms, data)
        self.last_time_ms = time_ms

    def _record_loss(self, error: LinkError) -> None:
        self._heard("lost", self._unread())
        self._sink.note(self.last_time_ms, f"{self._wire}: {error}")

    def _unread(self) -> bytes:
        with suppress(LinkError):  # the port may be gone: then there is nothing more to keep
            return self._link.drain()
        return b""
