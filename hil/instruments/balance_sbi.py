"""A balance that speaks SBI."""

from typing import ClassVar

from hil.errors import InstrumentFault
from hil.instruments.balance import Balance, Weighing
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
from hil.links.serial_settings import SerialSettings
from protocols.instruments import sbi
from protocols.instruments.sbi import BalanceState

__all__ = ["SbiBalance"]

_TARED_WITHIN_G = 0.1
"""More than a drop of infusate, less than any beaker."""
_TARE_TRIES, _BETWEEN_TRIES_MS = 20, 500
_TARING_MS = 5_000
"""Longer than a balance at rest takes to tare."""


class SbiBalance(Balance):
    """One balance behind one link, set to print without waiting for stability.

    Its control commands are silent: after taring, the driver weighs until the balance shows that it has. It is known by
    its serial number once it has told it; older ones tell their model only.
    """

    DRIVER: ClassVar[str] = "sbi"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=9600, parity="O")

    def identify(self) -> InstrumentIdentity:
        """Maker, model, serial number and version; empty where an older balance does not tell."""
        self._conversation.begin()
        model = self._text(sbi.MODEL)
        serial_number, version = self._optional_text(sbi.SERIAL_NUMBER), self._optional_text(sbi.VERSION)
        if serial_number:
            self._conversation.know_by((sbi.command(sbi.SERIAL_NUMBER),), sbi.parse_text, serial_number)
        return InstrumentIdentity("SBI", model, serial_number, version)

    def tare(self) -> None:
        """Take what is on the pan, once it is stable, as the new zero. Raises InstrumentFault if that is not seen."""
        before = self.weigh_stable()
        self._conversation.tell(_escaped(sbi.TARE))
        if abs(before.mass_g) <= _TARED_WITHIN_G:  # then what it shows cannot tell that it has
            self._clock.sleep_ms(_TARING_MS)
        for _ in range(_TARE_TRIES):
            weighing = self.weigh()
            if weighing.stable and abs(weighing.mass_g) <= _TARED_WITHIN_G:
                return
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
        raise self._fault(
            f"the balance was told to tare and shows {weighing.mass_g} g; is it locked, or is the pan not at rest?"
        )

    def _weigh_once(self) -> Weighing | str:
        printed = self._conversation.ask(_escaped(sbi.PRINT), sbi.parse_print)
        if isinstance(printed, BalanceState):
            if printed.passing:
                return printed.meaning
            raise self._fault(f"the balance prints {printed.code}: {printed.meaning}")
        if printed.unit not in {"", "g"}:
            raise self._fault(f"the balance shows {printed.unit}; set its display to g")
        return Weighing(float(printed.value), printed.stable)

    def _text(self, name: str) -> str:
        return self._conversation.ask(_escaped(name), sbi.parse_text)

    def _optional_text(self, name: str) -> str:
        try:
            return self._text(name)
        except InstrumentFault:  # an older balance knows no such command and is silent
            return ""

    def _manners(self) -> Manners:
        return Manners(
            greetings=(sbi.command(sbi.MODEL),),
            recognise=sbi.parse_text,
            expected=f"a balance's model in reply to ESC {sbi.MODEL}",
            advice="is it on, is it set to SBI and to print without stability, is this its port, and are the serial "
            "settings those in its menu?",
            command_end=sbi.END,
        )


def _escaped(name: str) -> str:
    return sbi.command(name).decode("ascii").removesuffix("\r\n")
