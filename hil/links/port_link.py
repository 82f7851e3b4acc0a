"""A link to a real port: locked for us while it is open, and opened again by its name when it was lost."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack

from hil.errors import LinkError
from hil.links.link import BufferedLink, Link
from hil.links.lock import ResourceLock
from hil.links.port_name import resolve_port
from hil.links.resource_key import used_key

__all__ = ["REOPEN_FOR_S", "PortLink"]

REOPEN_FOR_S = 10.0
"""How long a command waits for a port that was lost: a hub restarts in about this time."""
_REOPEN_EVERY_S = 0.1
_OPENINGS = 3
"""A name leads elsewhere while a port is being opened only as an adapter comes or goes: hardly twice."""


class PortLink(Link):
    """One port, whatever library opens it.

    =============  =================================================================================
    open           reads and writes go to the port
    lost           the exchange that met the loss has failed with LinkError. What came before it can
                   still be drained; reads fail at once; the next write opens the port again by its
                   name, which may mean another device by then, or fails after ten seconds
    closed         the port and its lock are given back
    =============  =================================================================================
    """

    def __init__(
        self, resource: str, open_port: Callable[[], BufferedLink], reopen_for_s: float = REOPEN_FOR_S
    ) -> None:
        """Lock ``resource`` and open it by ``open_port``. Raises LinkError: who holds it, or what is wrong."""
        self.resource = resource
        self.slept_ms: Callable[[], int] = lambda: 0
        """What the device has lived through beyond real time: on a bench in lock step, whenever somebody slept."""
        self._open_port = open_port
        self._reopen_for_s = reopen_for_s
        self._lock: ResourceLock | None = None
        self._link: BufferedLink | None = None
        self._sent_before = self._received_before = 0
        self._left = b""
        self._remarks: list[str] = []
        self._closed = False
        self._open()

    def write(self, data: bytes) -> None:
        """Send all of ``data``, to the port opened anew if it was lost. Raises LinkError if it is or stays lost."""
        link = self._link if self._link is not None else self._reopened()
        try:
            link.write(data)
        except LinkError:
            self._close_if_lost()
            raise

    def read_until(self, terminator: bytes, timeout_ms: int) -> bytes:
        """As ``Link.read_until``."""
        if self._link is None:
            raise self._not_open()
        try:
            return self._link.read_until(terminator, timeout_ms)
        except LinkError:
            self._close_if_lost()
            raise

    @property
    def sent_bytes(self) -> int:  # type: ignore[override] # a sum over all openings of the port
        """As ``Link.sent_bytes``."""
        return self._sent_before + (0 if self._link is None else self._link.sent_bytes)

    @property
    def received_bytes(self) -> int:  # type: ignore[override]
        """As ``Link.received_bytes``."""
        return self._received_before + (0 if self._link is None else self._link.received_bytes)

    def read_some(self, timeout_ms: int) -> bytes:
        """As ``BufferedLink.read_some``."""
        if self._link is None:
            raise self._not_open()
        try:
            return self._link.read_some(timeout_ms)
        except LinkError:
            self._close_if_lost()
            raise

    def drain(self) -> bytes:
        """As ``Link.drain``; of a lost port what had come from it."""
        left, self._left = self._left, b""
        if self._link is None:
            return left
        try:
            return left + self._link.drain()
        except LinkError:
            self._close_if_lost()
            raise

    def discard(self) -> bytes:
        """As ``Link.discard``; of a lost port what had come from it."""
        left, self._left = self._left, b""
        if self._link is None:
            return left
        try:
            return left + self._link.discard()
        except LinkError:
            self._close_if_lost()
            raise

    def close(self) -> None:
        """Give the port and its lock back. Closing twice is harmless."""
        self._closed = True
        self._close_port()
        if self._lock is not None:
            self._lock.release()

    def monotonic_ms(self) -> int:
        """Real time, and what was slept beyond it: a session that is over on the device is over here."""
        return time.monotonic_ns() // 1_000_000 + self.slept_ms()

    def take_remarks(self) -> list[str]:
        """That the port was opened again, and as which device."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def _open(self) -> None:
        """Open the port under the lock of the device that it is."""
        for _ in range(_OPENINGS):
            if self._opened():
                return
        raise LinkError(f"{self.resource}: leads to another device each time it is opened; is it being plugged in?")

    def _opened(self) -> bool:
        """Whether it was opened; not if the name led to another device once it was open than when it was locked."""
        key = used_key(self.resource)
        before = self._lock
        with ExitStack() as undo:
            lock = before
            if lock is None or lock.key != key or not lock.is_ours():
                lock = ResourceLock(key, self.resource)
                undo.callback(lock.release)
            link = self._open_port()
            undo.callback(link.close)
            if used_key(self.resource) != key:
                return False
            undo.pop_all()
        if before is not None and lock is not before:
            before.release()
        self._lock, self._link = lock, link
        return True

    def _reopened(self) -> BufferedLink:
        """The port, as soon as it is back."""
        if self._closed:
            raise self._not_open()
        began = time.monotonic()
        while self._link is None:
            try:
                self._open()
            except LinkError as error:
                if time.monotonic() - began > self._reopen_for_s:
                    raise LinkError(
                        f"{self.resource}: lost, and not back within {self._reopen_for_s:g} s: {error}"
                    ) from error
                time.sleep(_REOPEN_EVERY_S)
        self._left = b""  # it belongs to a conversation that failed
        device = os.path.realpath(resolve_port(self.resource)) if _is_path(self.resource) else self.resource
        self._remarks.append(f"{self.resource}: reopened as {device}")
        return self._link

    def _close_if_lost(self) -> None:
        """What had come is kept for who drains."""
        if self._link is not None and self._link.lost:
            self._left = self._link.unread()
            self._close_port()

    def _close_port(self) -> None:
        if self._link is None:
            return
        self._sent_before += self._link.sent_bytes
        self._received_before += self._link.received_bytes
        self._link.close()
        self._link = None

    def _not_open(self) -> LinkError:
        state = "closed" if self._closed else "lost; the next command opens it again if it is back"
        return LinkError(f"{self.resource}: the port is {state}")


def _is_path(resource: str) -> bool:
    return "::" not in resource and "://" not in resource
