"""A Julabo water bath."""

from typing import ClassVar

from hil.clock import Clock
from hil.errors import InstrumentFault, LinkTimeout
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument, understood
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from protocols.errors import InstrumentReplyError
from protocols.instruments import julabo

__all__ = ["JulaboBath"]

_TIMEOUT_MS = 2000
_READ_BACK_C = 0.01
_EMPTY_LINES = 4


class JulaboBath(Instrument):
    """One bath behind one link.

    A bath says nothing when it is told something, so every setting is read back. The pause that it wants between two
    commands is kept in bench time. An empty line, which some baths send after a setting, is never an answer.
    """

    KIND = "bath"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=4800, bits=7, parity="E", flow="rts-cts")

    def __init__(self, link: Link, clock: Clock) -> None:
        """Talk over ``link``; nothing is sent yet."""
        super().__init__(link, clock)
        self._upper_case = False

    @understood
    def identify(self) -> InstrumentIdentity:
        """Maker and version; a Julabo bath does not tell its serial number."""
        return InstrumentIdentity("Julabo", "", "", self._resynchronise())

    @understood
    def status(self) -> tuple[int, str]:
        """Code and text, such as (3, 'REMOTE START')."""
        return julabo.parse_status(self._ask(julabo.STATUS))

    @understood
    def temperature_c(self) -> float:
        """The bath's own reading of its water."""
        return julabo.parse_number(self._ask(julabo.BATH_TEMPERATURE), julabo.BATH_TEMPERATURE)

    @understood
    def set_point_c(self) -> float:
        """The temperature that the bath works towards."""
        return julabo.parse_number(self._ask(julabo.SET_POINT), julabo.SET_POINT)

    @understood
    def set_point(self, temperature_c: float) -> None:
        """Work towards ``temperature_c``. Raises InstrumentFault if the bath does not take it."""
        self._tell(f"{julabo.SET_SET_POINT} {julabo.format_number(temperature_c)}")
        taken_c = self.set_point_c()
        if abs(taken_c - temperature_c) > _READ_BACK_C:
            raise self._refused(f"a set point of {temperature_c:.2f} C: it is at {taken_c:.2f} C")

    @understood
    def start(self) -> None:
        """Heat and circulate. Raises InstrumentFault if the bath does not start."""
        self._switch(on=True)

    @understood
    def stop(self) -> None:
        """Stop heating and circulating. Raises InstrumentFault if the bath does not stop."""
        self._switch(on=False)

    def _switch(self, *, on: bool) -> None:
        self._tell(f"{julabo.SET_RUNNING} {int(on)}")
        if julabo.parse_flag(self._ask(julabo.RUNNING), julabo.RUNNING) is not on:
            raise self._refused("to start" if on else "to stop")

    def _refused(self, what: str) -> InstrumentFault:
        status = julabo.clean_reply(self._ask(julabo.STATUS)).strip()
        return InstrumentFault(f"{self._link.resource}: the bath did not take {what} (status {status})")

    def _tell(self, command: str) -> None:
        if self._link.discard().strip() or self._poisoned:  # an empty line acknowledges a setting
            self._resynchronise()
        self._send(command)

    def _ask(self, command: str) -> bytes:
        """The reply to ``command``. After a timeout the conversation is poisoned: it begins anew before the next."""
        if self._link.discard().strip() or self._poisoned:  # an empty line acknowledges a setting
            self._resynchronise()
        self._poisoned = True  # until the answer is there
        reply = self._exchange(command)
        self._poisoned = False
        return reply

    def _exchange(self, command: str) -> bytes:
        self._send(command)
        return self._read(command)

    def _read(self, command: str) -> bytes:
        try:
            for _ in range(_EMPTY_LINES):  # an empty line acknowledges an earlier setting
                line = self._link.read_until(julabo.REPLY_END, _TIMEOUT_MS)
                if julabo.clean_reply(line).strip():
                    return line
        except LinkTimeout as timeout:
            raise InstrumentFault(
                f"{timeout}: the bath does not answer {command}; is it on and set to remote control, is this its port, "
                "and are the serial settings those in its menu?"
            ) from timeout
        raise InstrumentReplyError(f"an answer to {command} within {_EMPTY_LINES} lines", line)

    def _send(self, command: str) -> None:
        self._clock.sleep_ms(julabo.PAUSE_MS)
        cased = command.upper() if self._upper_case else command
        self._link.write(cased.encode("ascii") + julabo.COMMAND_END)

    def _resynchronise(self) -> str:
        """Drop whatever is under way and begin anew; gives the bath's version text.

        Manuals print commands in lower case; a bath that is silent to that is asked once more in upper case.
        """
        self._link.drain()
        try:
            reply = self._exchange(julabo.VERSION)
        except InstrumentFault:
            self._upper_case = not self._upper_case
            reply = self._exchange(julabo.VERSION)
        if julabo.is_number(reply):
            reply = self._read(julabo.VERSION)  # a late answer to what was asked before
        version = julabo.clean_reply(reply).strip()
        if "JULABO" not in version.upper():
            raise InstrumentReplyError("the version of a Julabo bath", reply)
        self._poisoned = False
        return version
