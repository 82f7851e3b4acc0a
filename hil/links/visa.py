"""A link through VISA: ``ASRL...::INSTR`` and ``TCPIP::...::SOCKET`` by pyvisa with pyvisa-py.

pyvisa throws away what came before a timeout, so this link asks the library for one byte after the other, below
pyvisa's own buffering: a byte that has come is kept, whatever happens after it.
"""

import os
import select
import socket
import time
from contextlib import suppress
from functools import cache
from typing import Any

import pyvisa
from pyvisa import constants
from pyvisa.resources import MessageBasedResource

from hil.errors import LinkError
from hil.links.link import BufferedLink
from hil.links.serial_settings import SerialSettings

__all__ = ["VisaLink"]

_PARITY = {"N": constants.Parity.none, "E": constants.Parity.even, "O": constants.Parity.odd}
_STOP_BITS = {1: constants.StopBits.one, 2: constants.StopBits.two}
_FLOW = {
    "none": constants.ControlFlow.none,
    "rts-cts": constants.ControlFlow.rts_cts,
    "xon-xoff": constants.ControlFlow.xon_xoff,
}

_OPEN_TIMEOUT_MS = 5000


class VisaLink(BufferedLink):
    """One VISA resource."""

    def __init__(self, resource: str, settings: SerialSettings) -> None:
        """Open ``resource``; ``settings`` count for ASRL resources only. Raises LinkError naming it and what to do."""
        super().__init__(resource)
        opened: Any = None
        try:
            opened = _manager().open_resource(resource, open_timeout=_OPEN_TIMEOUT_MS)
            self._resource: MessageBasedResource = opened
            if resource.upper().startswith("ASRL"):
                self._set_line(settings)
            else:
                self._check_connected()
        except Exception as error:
            if opened is not None:
                opened.close()
            # pyvisa-py raises bare Exceptions for hosts and ports that it does not like
            advice = "check the resource's name, the cable, and that no other program holds it"
            raise LinkError(f"{resource}: cannot be opened: {_reason(error)}; {advice}") from error
        self._timeout_ms = -1

    def discard(self) -> bytes:
        """As ``Link.discard``, without a read that would have to time out first."""
        return self.drain() if self._pending or self._may_have_more() else b""

    def _may_have_more(self) -> bool:
        """Whether something is there to be read, or has ended; true where only a read can tell."""
        below = self._below()
        if below is None or not hasattr(below, "fileno"):
            return True
        sessions: Any = getattr(self._resource.visalib, "sessions", {})
        kept = getattr(sessions[self._resource.session], "_pending_buffer", b"")
        return bool(kept) or bool(select.select([below], [], [], 0)[0])

    def monotonic_ms(self) -> int:
        """Real time."""
        return time.monotonic_ns() // 1_000_000

    def _set_line(self, settings: SerialSettings) -> None:
        line: Any = self._resource
        line.baud_rate = settings.baud
        line.data_bits = settings.bits
        line.parity = _PARITY[settings.parity]
        line.stop_bits = _STOP_BITS[settings.stop_bits]
        line.flow_control = _FLOW[settings.flow]
        line.end_input = constants.SerialTermination.none

    def _check_connected(self) -> None:
        """Raise OSError if nobody listens: pyvisa-py opens a refused connection without a word."""
        interface = self._interface()
        if interface is not None:
            error = interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            interface.getpeername()
            interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _check_not_hung_up(self) -> None:
        """Raise LinkError if the peer has closed: pyvisa-py reports that as a timeout, for ever."""
        self._check_line_not_hung_up()
        interface = self._interface()
        if interface is None or not select.select([interface], [], [], 0)[0]:
            return
        try:
            gone = not interface.recv(1, socket.MSG_PEEK)
        except OSError as error:
            raise self._loss("reading", _reason(error)) from error
        if gone:
            raise self._loss("reading", "the device closed the connection")

    def _check_line_not_hung_up(self) -> None:
        """Raise LinkError if the serial port has gone: pyvisa-py reports that as a timeout, too."""
        descriptor = getattr(self._below(), "fd", None)
        if descriptor is None or not hasattr(select, "poll"):
            return
        poll = select.poll()
        poll.register(descriptor, 0)
        if poll.poll(0):  # nothing was asked for: what comes all the same is a hang-up
            raise self._loss("reading", "the port has gone")

    def _interface(self) -> socket.socket | None:
        """The socket below a pyvisa-py TCPIP resource; None for everything else."""
        interface = self._below()
        return interface if isinstance(interface, socket.socket) else None

    def _below(self) -> Any:
        """What pyvisa-py has opened: a socket, a pyserial port or something else."""
        sessions: Any = getattr(self._resource.visalib, "sessions", {})
        return getattr(sessions.get(self._resource.session), "interface", None)

    def _send(self, data: bytes) -> None:
        try:
            self._resource.write_raw(data)
        except (pyvisa.Error, OSError) as error:
            raise self._loss("sending", _reason(error)) from error

    def _receive(self, timeout_ms: int) -> bytes:
        try:
            if timeout_ms != self._timeout_ms:
                self._resource.timeout = self._timeout_ms = timeout_ms
            data, _ = self._resource.visalib.read(self._resource.session, 1)
        except pyvisa.VisaIOError as error:
            if error.error_code == constants.StatusCode.error_timeout:
                self._check_not_hung_up()
                return b""
            raise self._loss("reading", _reason(error)) from error
        except (pyvisa.Error, OSError, TypeError) as error:
            raise self._loss("reading", f"{_reason(error)}; is it still connected?") from error
        return bytes(data)

    def _close(self) -> None:
        with suppress(pyvisa.Error, OSError):  # a port that has gone is as closed as it can be
            self._resource.close()


@cache
def _manager() -> pyvisa.ResourceManager:
    manager = pyvisa.ResourceManager("@py")
    # One byte asked for and one byte read is what we want, not something to be warned of.
    manager.visalib.issue_warning_on.discard(constants.StatusCode.success_max_count_read)
    return manager


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
