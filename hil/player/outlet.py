"""Where the bytes go: a pseudo-terminal, a port that others connect to, or a link of ours."""

import select
import socket
import tempfile
from pathlib import Path
from typing import Protocol

from hil.errors import UsageError
from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.virtual_bench.ports import PtyPort, SocketPort, listen

__all__ = ["Outlet", "open_outlet"]


class Outlet(Protocol):
    """One far end or many, none of which holds up the playing."""

    where: str
    """For people: what to connect to."""

    def has_listener(self) -> bool:
        """Whether somebody is there to hear; asked before the playing begins."""

    def send(self, data: bytes) -> None:
        """Have ``data`` on its way. Raises LinkError if a port of ours is lost."""

    def idle(self) -> None:
        """Take in whoever has come, and throw away what they say: a recording does not listen."""

    def is_behind(self) -> bool:
        """Whether bytes wait for somebody to take them."""

    def cut_bytes(self) -> int:
        """How much was left out for somebody who did not read; of several, all of theirs."""

    def close(self) -> None:
        """Take it away."""


class _PtyOutlet:
    """A pseudo-terminal; whether anybody reads it cannot be told."""

    def __init__(self, link: Path | None) -> None:
        self._folder = None if link else Path(tempfile.mkdtemp(prefix="pumprig-"))
        self._port = PtyPort("replay", link or Path(self._folder or "") / "replay")
        self.where = f"pty {self._port.link}"

    def has_listener(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self._port.write(data)

    def idle(self) -> None:
        self._port.read()
        self._port.flush()

    def is_behind(self) -> bool:
        return self._port.flush() or self._port.unread_bytes() > 0

    def cut_bytes(self) -> int:
        return self._port.cut_bytes

    def close(self) -> None:
        self._port.close()
        if self._folder is not None:
            self._folder.rmdir()


class _TcpOutlet:
    """A listening socket; everyone who connects hears the same."""

    def __init__(self, address: str) -> None:
        self._listener = listen("replay", address)
        host, port = self._listener.getsockname()[:2]
        self.where = f"tcp {host}:{port} (socket://{host}:{port})"
        self._ports: list[SocketPort] = []
        self._cut_bytes = 0
        """Of those who have gone."""

    def has_listener(self) -> bool:
        return bool(self._ports)

    def send(self, data: bytes) -> None:
        for port in self._ports:
            if not port.is_lost:
                port.write(data)

    def idle(self) -> None:
        while select.select([self._listener], [], [], 0)[0]:
            try:
                connection: socket.socket = self._listener.accept()[0]
            except OSError:  # gone already
                break
            self._ports.append(SocketPort("replay", connection))
        for port in list(self._ports):
            port.read()  # the end of what it says is no leave: it may still listen
            port.flush()
            if port.is_lost:
                self._cut_bytes += port.cut_bytes
                port.close()
                self._ports.remove(port)

    def is_behind(self) -> bool:
        return sum(port.flush() for port in self._ports) > 0

    def cut_bytes(self) -> int:
        return self._cut_bytes + sum(port.cut_bytes for port in self._ports)

    def close(self) -> None:
        for port in self._ports:
            port.close()
        self._listener.close()


class _LinkOutlet:
    """A serial port, or whatever a bench file may name."""

    def __init__(self, resource: str, baud: int) -> None:
        self._link: Link = open_link(resource, SerialSettings(baud=baud))
        self.where = resource

    def has_listener(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self._link.write(data)

    def idle(self) -> None:
        self._link.drain()

    def is_behind(self) -> bool:
        return False  # its driver takes all, or says that it is lost

    def cut_bytes(self) -> int:
        return 0

    def close(self) -> None:
        self._link.close()


def open_outlet(to: str, baud: int) -> Outlet:
    """``pty`` or ``pty:PATH``, ``tcp`` or ``tcp:HOST:PORT``, ``serial:PORT``, or a link such as ``socket://HOST:PORT``.

    Raises UsageError for anything else, LinkError or BenchFault for a port that cannot be had.
    """
    kind, _, rest = to.partition(":")
    if kind == "pty":
        return _PtyOutlet(Path(rest) if rest else None)
    if kind == "tcp":
        return _TcpOutlet(_address(to, rest))
    if kind == "serial" and rest:
        return _LinkOutlet(rest, baud)
    if "://" in to or "::" in to or to.startswith("/"):
        return _LinkOutlet(to, baud)
    raise UsageError(
        f"--to {to}: write pty, pty:PATH, tcp, tcp:HOST:PORT, serial:PORT, or a link such as socket://HOST:PORT"
    )


def _address(to: str, rest: str) -> str:
    address = rest or "127.0.0.1:0"
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise UsageError(f"--to {to}: a port is written tcp:HOST:PORT, such as tcp:127.0.0.1:4700")
    return address
