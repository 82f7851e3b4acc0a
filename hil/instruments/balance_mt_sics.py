"""A balance that speaks MT-SICS."""

from contextlib import suppress
from decimal import Decimal
from typing import ClassVar

from hil.clock import Clock
from hil.errors import BenchFault, InstrumentFault
from hil.instruments.balance import Balance, Weighing
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from protocols.errors import InstrumentReplyError
from protocols.instruments import mt_sics
from protocols.instruments.mt_sics import Refusal, Weight

__all__ = ["MtSicsBalance"]

_CANCEL, _ASK_WHO = (name.encode("ascii") + mt_sics.TERMINATOR for name in (mt_sics.CANCEL, mt_sics.SERIAL_NUMBER))


class MtSicsBalance(Balance):
    """One balance behind one link.

    A cancel, which it answers by its serial number, begins the first conversation: it ends whatever the balance was
    doing. It also clears the tare, so from then on the driver only asks for the serial number to begin anew.

    A balance that was switched off and on has lost its tare too, and looks as sound as before. So whenever the
    conversation began anew, the balance is asked for the tare that it was told to take.
    """

    DRIVER: ClassVar[str] = "mt-sics"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=9600, flow="xon-xoff")

    def __init__(self, link: Link, clock: Clock) -> None:
        """Talk over ``link``; nothing is sent yet."""
        super().__init__(link, clock)
        self._tare: Weight | None = None
        self._seen_tared = 0
        """Of the conversation's beginnings, the one since which the tare was known to be there."""

    def identify(self) -> InstrumentIdentity:
        """Maker, model, serial number and version."""
        serial_number = self._conversation.begin()
        self._conversation.know_by((_ASK_WHO,), _serial_number, serial_number)
        model = self._text(mt_sics.IDENTIFY_MODEL)
        version = self._text(mt_sics.IDENTIFY_VERSION)
        return InstrumentIdentity("MT-SICS", model, serial_number, version)

    def tare(self) -> None:
        """Take what is on the pan, once it is stable, as the new zero of the net weight."""
        self._tare = None
        self.weigh_stable()
        reply = self._weight(mt_sics.TARE_NOW)
        if isinstance(reply, Refusal):
            raise self._refused(mt_sics.TARE_NOW, reply)
        self._tare, self._seen_tared = reply, self._conversation.beginnings

    def _weigh_once(self) -> Weighing | str:
        reply = self._weight(mt_sics.WEIGH_NOW)
        self._check_tare()
        if isinstance(reply, Refusal):
            refused = self._refused(mt_sics.WEIGH_NOW, reply)
            if reply.code != mt_sics.BUSY:
                raise refused
            return reply.meaning
        return self._weighing(reply)

    def _weigh_at_rest(self) -> Weighing:
        """By the command that waits in the balance: some never call a weight stable unless they were asked to wait."""
        try:
            reply = self._weight(mt_sics.WEIGH_STABLE)
        except InstrumentFault as fault:
            self._conversation.know_by((_CANCEL,), _serial_number)  # or its answer may still come
            self._tare = None  # which a cancel clears
            raise self._fault("the balance does not settle; keep draught and hands away from it") from fault
        if isinstance(reply, Refusal):
            raise self._refused(mt_sics.WEIGH_STABLE, reply)
        return self._weighing(reply)

    def _check_tare(self) -> None:
        """Raise InstrumentFault if the tare that was taken is gone. Some balances do not tell it: then it is not known.

        The serial number tells too little: a balance that has just started gives the same one.
        """
        if self._tare is None or self._seen_tared == self._conversation.beginnings:
            return
        taken, self._tare = self._tare, None
        with suppress(InstrumentFault):  # an older one may be silent to this
            told = self._weight(mt_sics.TARE_VALUE)
            if isinstance(told, Weight) and not _same_tare(told, taken):
                raise BenchFault(
                    f"{self._link.resource}: the balance has a tare of {told.value} {told.unit}, and had taken one of "
                    f"{taken.value} {taken.unit}; was it switched off and on, or tared by hand? Begin anew"
                )
            if isinstance(told, Weight):
                self._tare, self._seen_tared = taken, self._conversation.beginnings

    def _weighing(self, weight: Weight) -> Weighing:
        if weight.unit != "g":
            raise self._fault(f"the balance shows {weight.unit}; set its display to g")
        return Weighing(float(weight.value), weight.stable)

    def _weight(self, command: str) -> Weight | Refusal:
        return self._conversation.ask(command, lambda line: mt_sics.parse_weight(line, command))

    def _text(self, command: str) -> str:
        reply = self._conversation.ask(command, lambda line: mt_sics.parse_text_reply(line, command))
        if isinstance(reply, Refusal):
            raise self._refused(command, reply)
        return reply

    def _refused(self, command: str, refusal: Refusal) -> Exception:
        return self._fault(f"the balance refused {command} ({refusal.code}): {refusal.meaning}")

    def _manners(self) -> Manners:
        return Manners(
            greetings=(_CANCEL,),
            recognise=_serial_number,
            expected=f"a balance's serial number in reply to {mt_sics.CANCEL}",
            advice="is it on, is this its port, and are the serial settings those in its menu?",
            command_end=mt_sics.TERMINATOR,
        )


def _same_tare(told: Weight, taken: Weight) -> bool:
    """Within the last place of the coarser of the two: not all balances show both with the same places."""
    last_place = max(Decimal(10) ** int(each.value.as_tuple().exponent) for each in (told, taken))
    return told.unit == taken.unit and abs(told.value - taken.value) <= last_place


def _serial_number(line: bytes) -> str:
    reply = mt_sics.parse_text_reply(line, mt_sics.SERIAL_NUMBER)
    if isinstance(reply, Refusal):
        raise InstrumentReplyError("a serial number", line)
    return reply
