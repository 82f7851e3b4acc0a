"""Who watches a run: the command line on a terminal, plain lines elsewhere, nobody in a test."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from hil.measurement import Measurement

__all__ = ["Observer", "Silent"]


class Observer(Protocol):
    """Told of everything in a run that a person waiting for it would want to know."""

    def planned(self, procedures: int) -> None:
        """So many procedures are to be run."""

    def procedure_started(self, procedure: str) -> None:
        """A procedure begins."""

    def progressed(self, activity: str, fraction: float) -> None:
        """``fraction`` (0 to 1) of an ``activity`` is done."""

    def seen(self, what: str, say: Callable[[], str]) -> None:
        """Something that goes on, such as the flow or the pump's alarms; ``say`` puts the latest into words."""

    def measured(self, measurement: Measurement) -> None:
        """A measurement was taken and judged."""

    def printed(self, text: str) -> None:
        """A procedure has printed or logged ``text``, which may be several lines."""

    def procedure_finished(self, procedure: str, outcome: str) -> None:
        """A procedure has ended."""

    def asking(self) -> AbstractContextManager[None]:
        """For as long as a person is asked at the same terminal: nothing else may be drawn there."""


class Silent:
    """Watches nothing."""

    def planned(self, procedures: int) -> None:
        """Nobody is waiting."""

    def seen(self, what: str, say: Callable[[], str]) -> None:
        """Nobody is waiting."""

    def procedure_started(self, procedure: str) -> None:
        """Nobody is waiting."""

    def progressed(self, activity: str, fraction: float) -> None:
        """Nobody is waiting."""

    def measured(self, measurement: Measurement) -> None:
        """Nobody is waiting."""

    def printed(self, text: str) -> None:
        """Nobody is waiting."""

    def procedure_finished(self, procedure: str, outcome: str) -> None:
        """Nobody is waiting."""

    def asking(self) -> AbstractContextManager[None]:
        """Nothing is drawn anyway."""
        return nullcontext()
