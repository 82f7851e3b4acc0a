"""A Julabo water bath."""

from typing import ClassVar

from hil.errors import InstrumentFault
from hil.instruments.bath import Bath
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
from hil.links.serial_settings import SerialSettings
from protocols.instruments import julabo

__all__ = ["JulaboBath"]

_TIMEOUT_MS = 2000
_READ_BACK_C = 0.01


class JulaboBath(Bath):
    """One bath behind one link.

    A bath says nothing when it is told something, so every setting is read back. The pause that it wants between two
    commands is kept in bench time. Manuals print commands in lower case; a bath that is silent to that is asked in
    upper case, and talked to so from then on.
    """

    DRIVER: ClassVar[str] = "julabo"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=4800, bits=7, parity="E", flow="rts-cts")

    def identify(self) -> InstrumentIdentity:
        """Maker and version; a Julabo bath does not tell its serial number."""
        return InstrumentIdentity("Julabo", "", "", self._conversation.begin())

    def status(self) -> tuple[int, str]:
        """Code and text, such as (3, 'REMOTE START')."""
        return self._conversation.ask(julabo.STATUS, julabo.parse_status)

    def trouble(self) -> str:
        """Code and text of an alarm or a warning that lasts, such as ``-01 LOW LEVEL ALARM``; nothing if there is none.

        A command that was refused leaves a code as well, which goes once it was read.
        """
        code, text = self.status()
        if code < 0:
            code, text = self.status()
        return f"{code:03d} {text}" if code < 0 else ""

    def temperature_c(self) -> float:
        """The bath's own reading of its water."""
        return self._number(julabo.BATH_TEMPERATURE)

    def set_point_c(self) -> float:
        """The temperature that the bath works towards."""
        return self._number(julabo.SET_POINT)

    def set_point(self, temperature_c: float) -> None:
        """Work towards ``temperature_c``. Raises InstrumentFault if the bath does not take it."""
        self._conversation.tell(f"{julabo.SET_SET_POINT} {julabo.format_number(temperature_c)}")
        taken_c = self.set_point_c()
        if abs(taken_c - temperature_c) > _READ_BACK_C:
            raise self._refused(f"a set point of {temperature_c:.2f} C: it is at {taken_c:.2f} C")

    def start(self) -> None:
        """Heat and circulate. Raises InstrumentFault if the bath does not start."""
        self._switch(on=True)

    def stop(self) -> None:
        """Stop heating and circulating. Raises InstrumentFault if the bath does not stop."""
        self._switch(on=False)

    def running(self) -> bool:
        """Whether it heats and circulates."""
        return self._conversation.ask(julabo.RUNNING, lambda line: julabo.parse_flag(line, julabo.RUNNING))

    def _switch(self, *, on: bool) -> None:
        self._conversation.tell(f"{julabo.SET_RUNNING} {int(on)}")
        if self.running() is not on:
            raise self._refused("to start" if on else "to stop")

    def _number(self, command: str) -> float:
        return self._conversation.ask(command, lambda line: julabo.parse_number(line, command))

    def _refused(self, what: str) -> InstrumentFault:
        status = self._conversation.ask(julabo.STATUS, julabo.clean_reply).strip()
        return self._fault(f"the bath did not take {what} (status {status})")

    def _manners(self) -> Manners:
        greeting = julabo.VERSION.encode("ascii") + julabo.COMMAND_END
        return Manners(
            greetings=(greeting, greeting.upper()),
            recognise=julabo.parse_version,
            expected="the version of a Julabo bath",
            advice="is it on and set to remote control, is this its port, and are the serial settings those in its "
            "menu?",
            command_end=julabo.COMMAND_END,
            reply_end=julabo.REPLY_END,
            timeout_ms=_TIMEOUT_MS,
            pause_ms=julabo.PAUSE_MS,
        )
