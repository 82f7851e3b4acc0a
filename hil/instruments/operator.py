"""The person at the bench, as a procedure sees them."""

from collections.abc import Callable
from math import inf
from typing import ClassVar, TypeVar

from hil.errors import UsageError
from hil.instruments.conversation import Manners
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument
from hil.links.serial_settings import SerialSettings
from protocols.instruments import operator as grammar
from protocols.instruments.operator import Refused

__all__ = ["Operator"]

R = TypeVar("R")

_LEAST_ML = 0.001
"""To the microlitre: so far a task says volumes, and a syringe has no finer mark."""
_TASK_MS = 30 * 60_000
"""A person may be in the next room."""


class Operator(Instrument):
    """Does by hand what no instrument of the bench can. Whoever it is, what was asked and answered is recorded.

    Raises InstrumentFault where a task is refused, or nobody answers within half an hour.
    """

    KIND: ClassVar[str] = "operator"
    DRIVER: ClassVar[str] = "text"
    SERIAL: ClassVar[SerialSettings] = SerialSettings()

    def identify(self) -> InstrumentIdentity:
        """Who it is."""
        return InstrumentIdentity("", self._conversation.begin(), "", "")

    def withdraw(self) -> float:
        """Everything that comes out of the reservoir is drawn out; gives how much that was, in mL."""
        words = "draw out all that comes, and answer with its volume in mL"
        return self._done(grammar.WITHDRAW, grammar.parse_volume_ml, words=words)

    def fill(self, volume_ml: float, temperature_c: float) -> None:
        """The syringe with ``volume_ml`` of infusate at ``temperature_c`` is emptied through the septum.

        Raises UsageError for what no syringe can hold.
        """
        self.check_fill(volume_ml)
        words = f"fill the reservoir with {volume_ml:.3f} mL of infusate at {temperature_c:.1f} C through the septum"
        self._done(grammar.FILL, grammar.parse_answer, volume_ml, temperature_c, words=words)

    @staticmethod
    def check_fill(volume_ml: float) -> None:
        """Raise UsageError unless somebody can be asked to fill in ``volume_ml``."""
        if not _LEAST_ML <= volume_ml < inf:
            raise UsageError(f"fill: {volume_ml} mL is no volume for a syringe; a microlitre (0.001 mL) is the least")

    def clamp(self) -> None:
        """The catheter is clamped, so that nothing flows."""
        self._done(grammar.CLAMP, grammar.parse_answer, words="clamp the catheter between pump and beaker")

    def unclamp(self) -> None:
        """The clamp is taken off."""
        self._done(grammar.UNCLAMP, grammar.parse_answer, words="take the clamp off the catheter")

    def _done(self, verb: str, parse: Callable[[bytes], R | Refused], *arguments: float, words: str) -> R:
        answer = self._conversation.ask(grammar.format_task(verb, *arguments, words=words), parse)
        if isinstance(answer, Refused):
            raise self._fault(f"the operator did not {words}: {answer.reason}")
        return answer

    def _manners(self) -> Manners:
        task = grammar.format_task(grammar.IDENTIFY, words="answer with your name or initials")
        return Manners(
            greetings=(task.encode() + grammar.LINE_END,),
            recognise=grammar.parse_name,
            expected="the operator's name",
            advice="is anybody there?",
            command_end=grammar.LINE_END,
            reply_end=grammar.LINE_END,
            timeout_ms=_TASK_MS,
        )
