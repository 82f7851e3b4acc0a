"""What drivers of SCPI instruments share: who it is, its error queue, and changes that are checked against it."""

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, TypeVar

from hil.clock import Clock
from hil.errors import InstrumentFault, LinkTimeout
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from protocols.instruments import scpi
from protocols.instruments.scpi import ScpiError

__all__ = ["ScpiInstrument"]

R = TypeVar("R")

_MAX_ERRORS = 64
"""Longer than any queue: an instrument that never runs out of errors is not asked for ever."""


class ScpiInstrument(Instrument):
    """One SCPI instrument behind one link.

    It answers queries only; whether it took a command is in its error queue, which is emptied after every change. What
    somebody else left there is thrown away before our first one.
    """

    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=9600)
    NEXT_ERROR: ClassVar[str] = scpi.NEXT_ERROR
    """How this instrument is asked for the next error."""

    def __init__(self, link: Link, clock: Clock) -> None:
        """Talk over ``link``; nothing is sent yet."""
        super().__init__(link, clock)
        self._emptied_at = 0

    def identify(self) -> InstrumentIdentity:
        """Maker, model, serial number and version."""
        told = scpi.parse_identity(self._conversation.begin().encode("ascii"))
        return InstrumentIdentity(told.maker, told.model, told.serial_number, told.version)

    def _ask(self, query: str, parse: Callable[[bytes], R]) -> R:
        """What ``parse`` makes of the answer; a query that stays unanswered is explained by the error queue."""
        try:
            return self._conversation.ask(query, parse)
        except InstrumentFault as fault:
            if isinstance(fault.__cause__, LinkTimeout):
                errors: list[ScpiError] = []
                with suppress(InstrumentFault):
                    errors = self._take_errors()
                if errors:
                    raise self._refused(query, errors) from fault
            raise

    def _change(self, *commands: str) -> None:
        """Send commands that change something, one by one. Raises InstrumentFault with what the instrument objects."""
        self._empty_once()
        for command in commands:
            self._conversation.tell(command)
            errors = self._take_errors()
            if errors:
                raise self._refused(command, errors)

    def _empty_once(self) -> None:
        """Throw away errors from before this conversation."""
        if self._emptied_at == 0 or self._emptied_at != self._conversation.beginnings:
            self._take_errors()
            self._emptied_at = self._conversation.beginnings

    def _take_errors(self) -> list[ScpiError]:
        errors: list[ScpiError] = []
        for _ in range(_MAX_ERRORS):
            error = self._conversation.ask(self.NEXT_ERROR, scpi.parse_error)
            if error.code == scpi.NO_ERROR.code:
                return errors
            errors.append(error)
        raise self._fault(f"the {self.KIND} has more than {_MAX_ERRORS} errors in its queue; switch it off and on")

    def _refused(self, command: str, errors: list[ScpiError]) -> InstrumentFault:
        said = "; ".join(dict.fromkeys(str(error) for error in errors))
        return self._fault(f"the {self.KIND} did not take {command}: {said}")

    def _not_taken(self, what: str) -> InstrumentFault:
        return self._fault(f"the {self.KIND} did not take {what}")

    def _manners(self) -> Manners:
        return Manners(
            greetings=(scpi.IDENTITY.encode("ascii") + scpi.END,),
            recognise=_who,
            expected=f"maker, model, serial number and version in reply to {scpi.IDENTITY}",
            advice="is it on, is this its port, is its remote interface switched on, and does LF end its lines?",
            command_end=scpi.END,
        )


def _who(line: bytes) -> str:
    told = scpi.parse_identity(line)
    return ",".join((told.maker, told.model, told.serial_number, told.version))
