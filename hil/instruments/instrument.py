"""What every driver has: a link, a clock, and one way to say that a reply made no sense."""

from collections.abc import Callable
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from hil.clock import Clock
from hil.errors import InstrumentFault
from hil.links.link import Link
from protocols.errors import InstrumentReplyError

__all__ = ["Instrument", "understood"]

P = ParamSpec("P")
R = TypeVar("R")
I = TypeVar("I", bound="Instrument")  # noqa: E741 - an instrument of one kind


class Instrument:
    """One instrument behind one link."""

    KIND: ClassVar[str]
    """What it is, as its messages name it."""

    def __init__(self, link: Link, clock: Clock) -> None:
        """Talk over ``link``; nothing is sent yet."""
        self._link = link
        self._clock = clock
        self._poisoned = True  # whatever the last user left behind must not answer our first command


def understood(verb: Callable[Concatenate[I, P], R]) -> Callable[Concatenate[I, P], R]:
    """A driver's verb, with a reply outside the grammar turned into an InstrumentFault: which port, and what to do."""

    @wraps(verb)
    def checked(self: I, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(self, *args, **kwargs)
        except InstrumentReplyError as error:
            raise InstrumentFault(
                f"{self._link.resource}: {error}; is this the {self.KIND}'s port, and are its serial settings right?"
            ) from error

    return checked
