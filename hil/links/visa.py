"""A link through VISA: ``ASRL...::INSTR`` and ``TCPIP::...::SOCKET`` by pyvisa with pyvisa-py.

pyvisa throws away what came before a timeout. So this link lets pyvisa open and set up the resource, and then reads the
socket or the port that pyvisa-py keeps below it: whatever is there is taken at once, and kept, whatever happens after
it. Behind any other kind of resource it asks the library for one byte after the other, which is as safe, and slow.
"""

import os
import socket
import time
from contextlib import suppress
from functools import cache
from typing import Any

import pyvisa
import serial
from pyvisa import constants
from pyvisa.resources import MessageBasedResource

from hil.errors import LinkError
from hil.links.link import BufferedLink
from hil.links.port_bytes import receive_from_port
from hil.links.serial_settings import SerialSettings
from hil.links.socket_bytes import receive_from

__all__ = ["VisaLink"]

_PARITY = {"N": constants.Parity.none, "E": constants.Parity.even, "O": constants.Parity.odd}
_STOP_BITS = {1: constants.StopBits.one, 2: constants.StopBits.two}
_FLOW = {
    "none": constants.ControlFlow.none,
    "rts-cts": constants.ControlFlow.rts_cts,
    "xon-xoff": constants.ControlFlow.xon_xoff,
}

_OPEN_TIMEOUT_MS = 5000
_SEND_TIMEOUT_S = 5.0
"""A device that takes nothing for longer than this is lost."""
_SLICE_S = 0.05
"""How long one read of a serial port waits; a new timeout would make pyserial set up the port anew."""


class VisaLink(BufferedLink):
    """One VISA resource."""

    def __init__(self, resource: str, settings: SerialSettings) -> None:
        """Open ``resource``; ``settings`` count for ASRL resources only. Raises LinkError naming it and what to do."""
        super().__init__(resource)
        opened: Any = None
        try:
            opened = _manager().open_resource(resource, open_timeout=_OPEN_TIMEOUT_MS)
            self._resource: MessageBasedResource = opened
            self._below: Any = self._interface()
            if resource.upper().startswith("ASRL"):
                self._set_line(settings)
            elif isinstance(self._below, socket.socket):
                _check_connected(self._below)
        except Exception as error:
            if opened is not None:
                opened.close()
            # pyvisa-py raises bare Exceptions for hosts and ports that it does not like
            advice = "check the resource's name, the cable, and that no other program holds it"
            raise LinkError(f"{resource}: cannot be opened: {_reason(error)}; {advice}") from error
        self._timeout_ms = -1

    def monotonic_ms(self) -> int:
        """Real time."""
        return time.monotonic_ns() // 1_000_000

    def _set_line(self, settings: SerialSettings) -> None:
        below = self._below if isinstance(self._below, serial.Serial) else None
        if below is not None:
            below.close()  # all settings at once
            settings = settings.of(str(below.port))
        line: Any = self._resource
        line.baud_rate = settings.baud
        line.data_bits = settings.bits
        line.parity = _PARITY[settings.parity]
        line.stop_bits = _STOP_BITS[settings.stop_bits]
        line.flow_control = _FLOW[settings.flow]
        line.end_input = constants.SerialTermination.none
        if below is not None:
            below.timeout = _SLICE_S
            below.open()

    def _interface(self) -> Any:
        """What pyvisa-py keeps below a resource: a socket, a serial port, something else, or nothing."""
        sessions: Any = getattr(self._resource.visalib, "sessions", {})
        return getattr(sessions.get(self._resource.session), "interface", None)

    def _send(self, data: bytes) -> None:
        try:
            if isinstance(self._below, socket.socket):
                self._below.sendall(data)
            else:
                self._resource.write_raw(data)
        except (pyvisa.Error, OSError) as error:
            raise self._loss("sending", _reason(error)) from error

    def _receive(self, timeout_ms: int) -> bytes:
        try:
            if isinstance(self._below, socket.socket):
                return receive_from(self._below, timeout_ms)
            if isinstance(self._below, serial.Serial):
                return receive_from_port(self._below, timeout_ms)
            return self._receive_by_library(timeout_ms)
        except (pyvisa.Error, OSError, ValueError, TypeError) as error:  # a closed port is read as None, or is no file
            raise self._loss("reading", f"{_reason(error)}; is it still connected?") from error

    def _receive_by_library(self, timeout_ms: int) -> bytes:
        if timeout_ms != self._timeout_ms:
            self._resource.timeout = self._timeout_ms = timeout_ms
        try:
            data, _ = self._resource.visalib.read(self._resource.session, 1)
        except pyvisa.VisaIOError as error:
            if error.error_code == constants.StatusCode.error_timeout:
                return b""
            raise
        return bytes(data)

    def _close(self) -> None:
        with suppress(pyvisa.Error, OSError):  # a port that has gone is as closed as it can be
            self._resource.close()


def _check_connected(interface: socket.socket) -> None:
    """Raise OSError if nobody listens: pyvisa-py opens a refused connection without a word."""
    error = interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
    interface.getpeername()
    interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    interface.settimeout(_SEND_TIMEOUT_S)


@cache
def _manager() -> pyvisa.ResourceManager:
    manager = pyvisa.ResourceManager("@py")
    # One byte asked for and one byte read is what we want, not something to be warned of.
    manager.visalib.issue_warning_on.discard(constants.StatusCode.success_max_count_read)
    return manager


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
