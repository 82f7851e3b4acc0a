"""The other ends of real wires: a pseudo-terminal, a socket, an RFC 2217 server, and a device in this process."""

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import serial.rfc2217

from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.links.virtual import VirtualLink

__all__ = ["TRANSPORTS", "FarEnd"]


class FarEnd(Protocol):
    """What a device does at its end of the wire."""

    def send(self, data: bytes) -> None:
        """Put ``data`` on the wire."""

    def receive(self, count: int) -> bytes:
        """Take exactly ``count`` bytes off the wire."""

    def unplug(self) -> None:
        """Leave for good."""


class _Descriptor:
    """A file descriptor of the far end."""

    def __init__(self, descriptor: int, unplug: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self.unplug = unplug

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            assert select.select([self._descriptor], [], [], 5)[0], f"only {len(data)} of {count} bytes came"
            data += os.read(self._descriptor, count - len(data))
        return data


@contextlib.contextmanager
def _pty(name: str) -> Iterator[tuple[Link, FarEnd]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    closed = False

    def unplug() -> None:
        nonlocal closed
        if not closed:
            closed = True
            os.close(slave)
            os.close(master)

    with open_link(name.format(os.ttyname(slave)), SerialSettings(baud=115_200)) as link:
        yield link, _Descriptor(master, unplug)
    unplug()


@contextlib.contextmanager
def _tcp(name: str) -> Iterator[tuple[Link, FarEnd]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        open_link(name.format(server.getsockname()[1]), SerialSettings()) as link,
    ):
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield link, _Descriptor(connection.fileno(), connection.close)
        connection.close()


class _PtyPort(serial.Serial):
    """A serial port without modem lines, which a pseudo-terminal does not have."""

    cts = dsr = ri = cd = False

    def _update_dtr_state(self) -> None: ...

    def _update_rts_state(self) -> None: ...


@contextlib.contextmanager
def _rfc2217() -> Iterator[tuple[Link, FarEnd]]:
    """The RFC 2217 port manager of pyserial between a socket and a pseudo-terminal, as its example server has it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port = _PtyPort(os.ttyname(slave), timeout=0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()
        thread = threading.Thread(target=_serve_rfc2217, args=(server, port, stop), daemon=True)
        thread.start()
        try:
            with open_link(f"rfc2217://127.0.0.1:{server.getsockname()[1]}", SerialSettings()) as link:
                yield link, _Descriptor(master, stop.set)
        finally:
            stop.set()
            thread.join(timeout=5)
            port.close()
            os.close(master)
            os.close(slave)


def _serve_rfc2217(server: socket.socket, port: serial.Serial, stop: threading.Event) -> None:
    connection, _ = server.accept()

    class Writer:
        def write(self, data: bytes) -> None:
            connection.sendall(data)

    shared: Any = port  # typeshed asks for a client's port, pyserial's own example passes this
    writer: Any = Writer()
    manager = serial.rfc2217.PortManager(shared, writer)
    with connection, contextlib.suppress(OSError):  # the client has hung up
        while not stop.is_set():
            ready = select.select([connection.fileno(), port.fileno()], [], [], 0.05)[0]
            if connection.fileno() in ready:
                data = connection.recv(4096)
                if not data:
                    return
                port.write(b"".join(manager.filter(data)))
            if port.fileno() in ready:
                connection.sendall(b"".join(manager.escape(port.read(4096))))


class _VirtualDevice:
    """A device in this process, and its world's time."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._heard = bytearray()
        self._says = bytearray()

    def advance_to(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def receive(self, now_ms: int, data: bytes) -> bytes:
        self._heard += data
        return self.emit(now_ms)

    def next_emit_ms(self) -> int | None:
        return self.now_ms if self._says else None

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        said = bytes(self._says)
        self._says.clear()
        return said


class _VirtualFarEnd:
    def __init__(self, device: _VirtualDevice) -> None:
        self._device = device

    def send(self, data: bytes) -> None:
        self._device._says += data

    def receive(self, count: int) -> bytes:
        heard = bytes(self._device._heard[:count])
        del self._device._heard[:count]
        assert len(heard) == count
        return heard

    def unplug(self) -> None:
        raise NotImplementedError("a wire inside one process cannot be unplugged")


@contextlib.contextmanager
def _virtual() -> Iterator[tuple[Link, FarEnd]]:
    device = _VirtualDevice()
    with VirtualLink("sim:device", device, lambda: device.now_ms, device.advance_to) as link:
        yield link, _VirtualFarEnd(device)


TRANSPORTS: dict[str, Callable[[], contextlib.AbstractContextManager[tuple[Link, FarEnd]]]] = {
    "virtual": _virtual,
    "serial-pty": lambda: _pty("{}"),
    "serial-socket": lambda: _tcp("socket://127.0.0.1:{}"),
    "serial-rfc2217": _rfc2217,
    "visa-asrl": lambda: _pty("ASRL{}::INSTR"),
    "visa-socket": lambda: _tcp("TCPIP::127.0.0.1::{}::SOCKET"),
}
