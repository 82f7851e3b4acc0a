"""A balance that speaks MT-SICS."""

from dataclasses import dataclass
from typing import ClassVar

from hil.errors import InstrumentFault, LinkTimeout
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument, understood
from hil.links.serial_settings import SerialSettings
from protocols.errors import InstrumentReplyError
from protocols.instruments import mt_sics
from protocols.instruments.mt_sics import Refusal, Weight

__all__ = ["MtSicsBalance", "Weighing"]

_TIMEOUT_MS = 3000
_TRIES = 40
_BETWEEN_TRIES_MS = 500
_LINES_UNDER_WAY = 4
"""A balance that streams has some on the way when it is told to stop."""


@dataclass(frozen=True)
class Weighing:
    """Net weight as the balance shows it."""

    mass_g: float
    stable: bool


class MtSicsBalance(Instrument):
    """One balance behind one link.

    It uses the commands that answer at once and waits for stability by asking again: in lock step time passes only
    while the rig sleeps, so a command that waits inside the balance would wait for ever.
    """

    KIND = "balance"
    SERIAL: ClassVar[SerialSettings] = SerialSettings(baud=9600, flow="xon-xoff")

    @understood
    def identify(self) -> InstrumentIdentity:
        """Maker, model, serial number and version."""
        serial_number = self._resynchronise()
        model = self._text(mt_sics.IDENTIFY_MODEL)
        version = self._text(mt_sics.IDENTIFY_VERSION)
        return InstrumentIdentity("MT-SICS", model, serial_number, version)

    @understood
    def tare(self) -> None:
        """Take what is on the pan, once it is stable, as the new zero of the net weight."""
        self.weigh_stable()
        reply = mt_sics.parse_weight(self._ask(mt_sics.TARE_NOW), mt_sics.TARE_NOW)
        if isinstance(reply, Refusal):
            raise self._fault(mt_sics.TARE_NOW, reply)

    @understood
    def weigh(self) -> Weighing:
        """The weight now, stable or not. A balance that is busy, adjusting itself for instance, is asked again."""
        for _ in range(_TRIES):
            reply = mt_sics.parse_weight(self._ask(mt_sics.WEIGH_NOW), mt_sics.WEIGH_NOW)
            if isinstance(reply, Weight):
                return self._weighing(reply)
            refusal = reply
            if refusal.code != mt_sics.BUSY:
                break
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
        raise self._fault(mt_sics.WEIGH_NOW, refusal)

    def weigh_stable(self) -> Weighing:
        """The first stable weight within 20 s. Raises InstrumentFault if none comes."""
        for _ in range(_TRIES):
            weighing = self.weigh()
            if weighing.stable:
                return weighing
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
        raise InstrumentFault(
            f"{self._link.resource}: the balance does not settle; keep draught and hands away from it"
        )

    def _weighing(self, weight: Weight) -> Weighing:
        if weight.unit != "g":
            raise InstrumentFault(f"{self._link.resource}: the balance shows {weight.unit}; set its display to g")
        return Weighing(float(weight.value), weight.stable)

    def _text(self, command: str) -> str:
        reply = mt_sics.parse_text_reply(self._ask(command), command)
        if isinstance(reply, Refusal):
            raise self._fault(command, reply)
        return reply

    def _fault(self, command: str, refusal: Refusal) -> InstrumentFault:
        return InstrumentFault(
            f"{self._link.resource}: the balance refused {command} ({refusal.code}): {refusal.meaning}"
        )

    def _ask(self, command: str) -> bytes:
        """The reply to ``command``. After one that failed the conversation is poisoned: it begins anew first."""
        if self._link.discard() or self._poisoned:
            self._resynchronise()
        self._poisoned = True  # until the answer is there
        reply = self._exchange(command)
        self._poisoned = not reply.startswith(command.encode("ascii")[:1])
        return reply

    def _exchange(self, command: str) -> bytes:
        self._link.write(command.encode("ascii") + mt_sics.TERMINATOR)
        return self._read(command)

    def _read(self, command: str) -> bytes:
        try:
            return self._link.read_until(mt_sics.TERMINATOR, _TIMEOUT_MS)
        except LinkTimeout as timeout:
            raise InstrumentFault(
                f"{timeout}: the balance does not answer {command}; is it on, is this its port, and are the serial "
                f"settings those in its menu?"
            ) from timeout

    def _resynchronise(self) -> str:
        """Begin anew: the balance answers a cancel with its serial number. What was under way before it is dropped."""
        self._link.drain()
        first = line = self._exchange(mt_sics.CANCEL)
        try:
            for _ in range(_LINES_UNDER_WAY):
                if line.startswith(mt_sics.SERIAL_NUMBER.encode("ascii")):
                    break
                line = self._read(mt_sics.CANCEL)
        except InstrumentFault as error:  # something came, but never the answer
            raise InstrumentReplyError(f"a balance's serial number in reply to {mt_sics.CANCEL}", first) from error
        reply = mt_sics.parse_text_reply(line, mt_sics.SERIAL_NUMBER)
        if isinstance(reply, Refusal):
            raise self._fault(mt_sics.CANCEL, reply)
        self._poisoned = False
        return reply
