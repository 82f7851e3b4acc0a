"""A balance that speaks MT-SICS."""

from typing import ClassVar

from hil.errors import InstrumentFault
from hil.instruments.balance import Balance, Weighing
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
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
    """

    DRIVER: ClassVar[str] = "mt-sics"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=9600, flow="xon-xoff")

    def identify(self) -> InstrumentIdentity:
        """Maker, model, serial number and version."""
        serial_number = self._conversation.begin()
        self._conversation.know_by((_ASK_WHO,), _serial_number, serial_number)
        model = self._text(mt_sics.IDENTIFY_MODEL)
        version = self._text(mt_sics.IDENTIFY_VERSION)
        return InstrumentIdentity("MT-SICS", model, serial_number, version)

    def tare(self) -> None:
        """Take what is on the pan, once it is stable, as the new zero of the net weight."""
        self.weigh_stable()
        reply = self._weight(mt_sics.TARE_NOW)
        if isinstance(reply, Refusal):
            raise self._refused(mt_sics.TARE_NOW, reply)

    def _weigh_once(self) -> Weighing | str:
        reply = self._weight(mt_sics.WEIGH_NOW)
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
            raise self._fault("the balance does not settle; keep draught and hands away from it") from fault
        if isinstance(reply, Refusal):
            raise self._refused(mt_sics.WEIGH_STABLE, reply)
        return self._weighing(reply)

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


def _serial_number(line: bytes) -> str:
    reply = mt_sics.parse_text_reply(line, mt_sics.SERIAL_NUMBER)
    if isinstance(reply, Refusal):
        raise InstrumentReplyError("a serial number", line)
    return reply
