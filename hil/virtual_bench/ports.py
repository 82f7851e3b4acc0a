"""The server's ends of the wires: an accepted socket or the master of a pseudo-terminal, both without blocking."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hil.errors import BenchFault

__all__ = ["MAX_BACKLOG_BYTES", "Port", "PtyPort", "SocketPort", "listen"]

MAX_BACKLOG_BYTES = 1 << 20
"""A client that does not read loses what comes behind this, which is counted: a stalled one must not stop the bench."""

_READ_BYTES = 65_536


class Port(Protocol):
    """One wire's end in the server."""

    device: str

    def fileno(self) -> int:
        """The file descriptor to select on."""

    def read(self) -> bytes | None:
        """What has arrived; None once the client has gone for good."""

    def write(self, data: bytes) -> None:
        """Send ``data`` as soon as the client takes it."""

    def flush(self) -> bool:
        """Send what the client takes now; whether some is left."""

    @property
    def cut_bytes(self) -> int:
        """How much the client has lost because it did not read."""

    def close(self) -> None:
        """Take the wire away."""


class _Backlog:
    """Bytes on their way to a client that takes them at its own speed."""

    def __init__(self, send: Callable[[bytes], int]) -> None:
        self._send = send
        self._waiting = bytearray()
        self.cut_bytes = 0

    def add(self, data: bytes) -> None:
        taken = data[: MAX_BACKLOG_BYTES - len(self._waiting)]
        self._waiting += taken
        self.cut_bytes += len(data) - len(taken)

    def flush(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: self._send(bytes(self._waiting))]
        return bool(self._waiting)


class SocketPort:
    """An accepted connection to one device."""

    def __init__(self, device: str, connection: socket.socket) -> None:
        """Take over ``connection``."""
        self.device = device
        self._socket = connection
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._backlog = _Backlog(self._socket.send)
        self.is_lost = False
        """Whether the connection failed; a client that only says nothing more still listens."""

    def fileno(self) -> int:
        """The file descriptor to select on."""
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """What has arrived; None once the client says nothing more, or has gone."""
        try:
            return self._socket.recv(_READ_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            self.is_lost = True
            return None

    def write(self, data: bytes) -> None:
        """Send ``data`` as soon as the client takes it."""
        self._backlog.add(data)
        self.flush()

    def flush(self) -> bool:
        """Send what the client takes now; whether some is left."""
        try:
            return self._backlog.flush()
        except OSError:
            self.is_lost = True  # the next read says so too
            return False

    @property
    def cut_bytes(self) -> int:
        """How much the client has lost because it did not read."""
        return self._backlog.cut_bytes

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class PtyPort:
    """A pseudo-terminal in raw mode, found under a symbolic link with a name that stays."""

    def __init__(self, device: str, link: Path) -> None:
        """Open the pseudo-terminal and link it at ``link``. Raises BenchFault where that cannot be."""
        self.device = device
        self.link = link
        if sys.platform == "win32":
            raise BenchFault(f"{device}: this system has no pseudo-terminals; leave `pty` out and use `tcp`")
        import tty  # noqa: PLC0415 - not on every system

        # The slave stays open here as well: a client may come and go without the master seeing an error.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._backlog = _Backlog(lambda data: os.write(self._master, data))
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.is_symlink():
                link.unlink()
            link.symlink_to(os.ttyname(self._slave))
        except OSError as error:
            self._close_descriptors()
            raise BenchFault(
                f"{device}: cannot link the pseudo-terminal at {link}: {error.strerror}; name another path"
            ) from error

    def fileno(self) -> int:
        """The file descriptor to select on."""
        return self._master

    def read(self) -> bytes | None:
        """What has arrived; a pseudo-terminal never hangs up."""
        try:
            return os.read(self._master, _READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send ``data`` as soon as the client takes it."""
        self._backlog.add(data)
        self.flush()

    def flush(self) -> bool:
        """Send what the client takes now; whether some is left."""
        return self._backlog.flush()

    @property
    def cut_bytes(self) -> int:
        """How much the client has lost because it did not read."""
        return self._backlog.cut_bytes

    def unread_bytes(self) -> int:
        """What the system still holds for whoever reads the pseudo-terminal."""
        import fcntl  # noqa: PLC0415 - not on every system
        import termios  # noqa: PLC0415

        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder)

    def close(self) -> None:
        """Take the pseudo-terminal and its link away."""
        with contextlib.suppress(OSError):
            if self.link.readlink() == Path(os.ttyname(self._slave)):
                self.link.unlink()
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        os.close(self._master)
        os.close(self._slave)


def listen(device: str, address: str) -> socket.socket:
    """A listening socket at ``address`` (HOST:PORT; port 0 takes a free one). Raises BenchFault if it is taken."""
    host, _, port = address.rpartition(":")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":  # there it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen()
    except OSError as error:
        listener.close()
        raise BenchFault(
            f"{device}: cannot listen on {address}: {error.strerror or error}; "
            "stop what uses this port (another `pumprig bench serve`?) or name another one in [serve]"
        ) from error
    listener.setblocking(False)
    return listener
