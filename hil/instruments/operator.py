"""The person at the bench, as a procedure sees them."""

from typing import ClassVar

from hil.errors import InstrumentFault, LinkTimeout
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument, understood
from hil.links.serial_settings import SerialSettings
from protocols.errors import InstrumentReplyError
from protocols.instruments import operator as grammar
from protocols.instruments.operator import Refused

__all__ = ["Operator"]

_TASK_MS = 30 * 60_000
"""A person may be in the next room."""


class Operator(Instrument):
    """Does by hand what no instrument of the bench can. Whoever it is, what was asked and answered is recorded.

    Raises InstrumentFault where a task is refused, or nobody answers within half an hour.
    """

    KIND = "operator"
    DRIVER: ClassVar[str] = "text"
    SERIAL: ClassVar[SerialSettings] = SerialSettings()

    @understood
    def identify(self) -> InstrumentIdentity:
        """Who it is."""
        who = self._ask(grammar.IDENTIFY, words="who is at the bench? Answer with your name or initials")
        return InstrumentIdentity("", who, "", "")

    @understood
    def withdraw(self) -> float:
        """Everything that comes out of the reservoir is drawn out; gives how much that was, in mL."""
        answer = self._ask(grammar.WITHDRAW, words="draw out all that comes; answer with its volume in mL")
        try:
            return float(answer)
        except ValueError as error:
            raise InstrumentReplyError("a volume in mL", answer.encode()) from error

    @understood
    def fill(self, volume_ml: float, temperature_c: float) -> None:
        """The syringe with ``volume_ml`` of infusate at ``temperature_c`` is emptied through the septum."""
        words = f"fill the reservoir with {volume_ml:.3f} mL of infusate at {temperature_c:.1f} C through the septum"
        self._ask(grammar.FILL, volume_ml, temperature_c, words=words)

    @understood
    def clamp(self) -> None:
        """The catheter is clamped, so that nothing flows."""
        self._ask(grammar.CLAMP, words="clamp the catheter between pump and beaker")

    @understood
    def unclamp(self) -> None:
        """The clamp is taken off."""
        self._ask(grammar.UNCLAMP, words="take the clamp off the catheter")

    def _ask(self, verb: str, *arguments: float, words: str) -> str:
        if self._poisoned:
            self._link.drain()
        self._poisoned = True
        self._link.write(grammar.format_task(verb, *arguments, words=words))
        try:
            line = self._link.read_until(grammar.LINE_END, _TASK_MS)
        except LinkTimeout as timeout:
            raise InstrumentFault(f"{timeout}: nobody answered: {words}") from timeout
        answer = grammar.parse_answer(line)
        self._poisoned = False
        if isinstance(answer, Refused):
            raise InstrumentFault(f"{self._link.resource}: the operator did not {words}: {answer.reason}")
        return answer
