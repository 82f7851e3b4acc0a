"""What every driver has: a conversation over a link, a clock, and a name for what it is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from hil.clock import Clock
from hil.errors import InstrumentFault
from hil.instruments.conversation import Conversation, Manners
from hil.instruments.identity import InstrumentIdentity
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings

__all__ = ["Instrument"]


class Instrument(ABC):
    """One instrument behind one link. A role (balance, bath, ...) adds verbs, a driver adds the grammar."""

    KIND: ClassVar[str]
    """What it is, as its messages name it."""
    DRIVER: ClassVar[str]
    """The driver's name in bench files."""
    SERIAL: ClassVar[SerialSettings]
    """As the factory sets a serial port."""
    MAKERS: ClassVar[tuple[str, ...]] = ()
    """How the names of makers begin whose instruments want this driver and no other of the role, in upper case."""

    def __init__(self, link: Link, clock: Clock) -> None:
        """Talk over ``link``; nothing is sent yet."""
        self._link = link
        self._clock = clock
        self._conversation = Conversation(link, clock, self.KIND, self._manners())

    @abstractmethod
    def identify(self) -> InstrumentIdentity:
        """Who it says it is. Raises BenchFault if it is another instrument than before."""

    def greet(self) -> None:
        """Ask who it is once more, in a single exchange. Raises BenchFault if it is another one than before."""
        self._conversation.begin()

    @abstractmethod
    def _manners(self) -> Manners:
        """How this instrument wants to be talked to."""

    def _fault(self, what: str) -> InstrumentFault:
        return InstrumentFault(f"{self._link.resource}: {what}")
