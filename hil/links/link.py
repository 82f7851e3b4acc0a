"""A link carries bytes to a device and back. Three kinds stand behind this one interface."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from hil.errors import LinkError, LinkTimeout

__all__ = ["MAX_UNTERMINATED_BYTES", "BufferedLink", "Link"]

MAX_UNTERMINATED_BYTES = 65_536
"""A device that sends this much without a terminator is talking garbage; waiting longer would only eat memory."""


class Link(ABC):
    """A byte transport with reads that end at a terminator."""

    resource: str
    """As the user wrote it: every error repeats it."""
    sent_bytes: int = 0
    """Counted here, so that a recording can be held against it."""
    received_bytes: int = 0
    """Everything that has arrived, read by somebody or not."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises LinkError if the port is lost."""

    @abstractmethod
    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """Bytes up to and including ``terminator``.

        Raises LinkTimeout with the partial bytes, which are consumed: they belong to a conversation that
        failed and must never become part of a later answer. Raises LinkError if the port is lost or the
        device sends MAX_UNTERMINATED_BYTES without a terminator.
        """

    @abstractmethod
    def drain(self) -> bytes:
        """Everything that has arrived and was not read, without waiting."""

    def discard(self) -> bytes:
        """What has come and nobody asked for, thrown away before the next command; usually nothing, and then free.

        A line that doubles an answer, or delivers one late, would else have it taken for the next one. To a recording
        this is no event unless something came.
        """
        return self.drain()

    @abstractmethod
    def close(self) -> None:
        """Give the port back. Closing twice is harmless."""

    @abstractmethod
    def monotonic_ms(self) -> int:
        """The time in which this link's timeouts count, in ms from an arbitrary start."""

    def take_remarks(self) -> list[str]:
        """What happened to the wire itself since the last time that somebody asked, such as a port that came back."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class BufferedLink(Link):
    """A link over something that gives bytes as they come.

    A subclass moves bytes (``_send``, ``_receive``, ``_close``) and says in which time its timeouts
    count (``monotonic_ms``: virtual for a simulated device in this process, real for a port). Bytes that
    arrive behind the terminator wait for the next read; a timeout loses none of them.
    """

    def __init__(self, resource: str) -> None:
        """Name the ``resource`` as the user wrote it."""
        self.resource = resource
        self.lost = False
        """Whether the port has gone: what this link says from then on is an error."""
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises LinkError if the port is lost."""
        self._send(data)
        self.sent_bytes += len(data)

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """As in Link."""
        deadline_ms = self.monotonic_ms() + timeout_ms
        searched, waited = 0, False
        while (found := self._pending.find(terminator, max(0, searched - len(terminator)))) < 0:
            searched = len(self._pending)
            if searched > MAX_UNTERMINATED_BYTES:
                raise LinkError(
                    f"{self.resource}: {searched} bytes came without {terminator!r}; is this the right port?"
                )
            remaining_ms = deadline_ms - self.monotonic_ms()
            if waited and remaining_ms <= 0:  # also when bytes keep coming: garbage must not hold us for ever
                partial = bytes(self._pending)
                self._pending.clear()
                raise LinkTimeout(self.resource, timeout_ms, partial)
            self._pending += self._take_in(max(0, remaining_ms))
            waited = True
        end = found + len(terminator)
        whole = bytes(self._pending[:end])
        del self._pending[:end]
        return whole

    def read_some(self, timeout_ms: int) -> bytes:
        """Whatever arrives, as soon as any does; nothing if none came within ``timeout_ms``. Raises LinkError."""
        if not self._pending:
            self._pending += self._take_in(timeout_ms)
        return self.drain() if self._pending else b""

    def drain(self) -> bytes:
        """Everything that has arrived and was not read, without waiting."""
        try:
            while len(self._pending) <= MAX_UNTERMINATED_BYTES and (arrived := self._take_in(0)):
                self._pending += arrived
        except LinkError:
            if not self._pending:  # what did come before the port was lost is evidence
                raise
        return self.unread()

    def unread(self) -> bytes:
        """What has arrived, as far as this link has it already; it is not asked of the port, which may be gone."""
        unread = bytes(self._pending)
        self._pending.clear()
        return unread

    def close(self) -> None:
        """Give the port back. Closing twice is harmless."""
        self._close()

    def _loss(self, while_doing: str, because: str) -> LinkError:
        """The error that says that the port has gone."""
        self.lost = True
        return LinkError(f"{self.resource}: lost while {while_doing}: {because}")

    def _take_in(self, timeout_ms: int) -> bytes:
        data = self._receive(timeout_ms)
        self.received_bytes += len(data)
        return data

    @abstractmethod
    def _send(self, data: bytes) -> None: ...

    @abstractmethod
    def _receive(self, timeout_ms: int) -> bytes:
        """At least one byte, as soon as any is there; nothing if none came within ``timeout_ms``."""

    @abstractmethod
    def _close(self) -> None: ...
