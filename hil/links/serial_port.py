"""A link through pyserial: a serial device by its path or ``usb:`` name, a pseudo-terminal, a socket, RFC 2217."""

import errno
import os
import socket
import threading
import time

import serial

from hil.errors import LinkError
from hil.links.link import BufferedLink
from hil.links.port_bytes import receive_from_port
from hil.links.port_name import ports_here, resolve_port
from hil.links.serial_settings import SerialSettings
from hil.links.socket_bytes import receive_from

__all__ = ["SerialLink"]

_SLICE_S = 0.05
"""How long one read of the port waits. It stays as it is: a new timeout makes pyserial set up the port anew."""

_WRITE_TIMEOUT_S = 5.0
"""A device that holds us off by flow control for longer than this is lost."""

_CLOSING_S = 0.1
"""A port is closed by then. Behind a socket pyserial waits 0.3 s more: too long for a bench that must be safe."""


class SerialLink(BufferedLink):
    """One pyserial port, opened for us alone where the system can do that."""

    def __init__(self, resource: str, settings: SerialSettings) -> None:
        """Open ``resource``. Raises LinkError naming it and what to do."""
        super().__init__(resource)
        port = resolve_port(resource)
        settings = settings.of(port)
        try:
            self._port = serial.serial_for_url(port, do_not_open=True)
            self._port.baudrate = settings.baud
            self._port.bytesize = settings.bits
            self._port.parity = settings.parity
            self._port.stopbits = settings.stop_bits
            self._port.rtscts = settings.flow == "rts-cts"
            self._port.xonxoff = settings.flow == "xon-xoff"
            self._port.timeout = _SLICE_S
            if "://" not in resource:  # pyserial's URL handlers have neither
                self._port.exclusive = True
                self._port.write_timeout = _WRITE_TIMEOUT_S
            self._port.open()
        except Exception as error:  # SerialException is an OSError, but termios.error is none of those pyserial names
            raise LinkError(f"{resource}: cannot be opened: {_reason(error)}; {_advice(resource)}") from error
        # of a socket pyserial tells only whether something came, not how much
        is_socket = resource.lower().startswith("socket:")
        self._socket: socket.socket | None = getattr(self._port, "_socket", None) if is_socket else None

    def monotonic_ms(self) -> int:
        """Real time."""
        return time.monotonic_ns() // 1_000_000

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)  # no flush(): it waits without an end for a device that holds us off
        except OSError as error:
            raise self._loss("sending", _reason(error)) from error

    def _receive(self, timeout_ms: int) -> bytes:
        try:
            if self._socket is not None:
                return receive_from(self._socket, timeout_ms)
            return receive_from_port(self._port, timeout_ms)
        except (OSError, TypeError, ValueError) as error:  # of a port that was closed meanwhile: None, or no descriptor
            raise self._loss("reading", f"{_reason(error)}; is it still connected?") from error

    def _close(self) -> None:
        below = getattr(self._port, "_socket", None)  # pyserial leaves it open if the other end has hung up before
        closing = threading.Thread(target=self._port.close)
        closing.start()
        closing.join(_CLOSING_S)
        if below is not None:
            below.close()


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None) or next((each for each in error.args[:1] if isinstance(each, int)), None)
    if number in (errno.EAGAIN, errno.EBUSY):  # how an exclusive port refuses the second one who opens it
        return "another program holds it"
    return os.strerror(number) if number else str(error) or type(error).__name__


def _advice(resource: str) -> str:
    if "://" in resource:
        return "check host and port, and that the serial server is running"
    return f"serial ports on this machine: {ports_here()}"
