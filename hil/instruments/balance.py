"""What any balance does for a procedure."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from hil.instruments.instrument import Instrument

__all__ = ["Balance", "Weighing"]

_TRIES = 40
_BETWEEN_TRIES_MS = 500


@dataclass(frozen=True)
class Weighing:
    """Net weight as the balance shows it."""

    mass_g: float
    stable: bool


class Balance(Instrument):
    """A balance.

    Drivers use the commands that answer at once, and wait for stability by asking again: in lock step time passes only
    while the rig sleeps, so a command that waits inside the balance would wait for ever.
    """

    KIND: ClassVar[str] = "balance"

    @abstractmethod
    def tare(self) -> None:
        """Take what is on the pan, once it is stable, as the new zero of the net weight."""

    def weigh(self) -> Weighing:
        """The weight now, stable or not. A balance that is busy, adjusting itself for instance, is asked again."""
        for _ in range(_TRIES):
            weighing = self._weigh_once()
            if isinstance(weighing, Weighing):
                return weighing
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
        raise self._fault(f"the balance is not ready after {_TRIES * _BETWEEN_TRIES_MS // 1000} s: {weighing}")

    def weigh_stable(self) -> Weighing:
        """The first stable weight within 20 s. Raises InstrumentFault if none comes."""
        for _ in range(_TRIES):
            weighing = self.weigh()
            if weighing.stable:
                return weighing
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
        return self._weigh_at_rest()

    def weigh_settling(self, within_ms: int) -> Weighing:
        """The first stable weight within ``within_ms``; if none comes, what it shows by then."""
        weighing = self.weigh()
        for _ in range(within_ms // _BETWEEN_TRIES_MS):
            if weighing.stable:
                break
            self._clock.sleep_ms(_BETWEEN_TRIES_MS)
            weighing = self.weigh()
        return weighing

    def _weigh_at_rest(self) -> Weighing:
        """A last way to a stable weight, where a driver has one."""
        raise self._fault("the balance does not settle; keep draught and hands away from it")

    @abstractmethod
    def _weigh_once(self) -> Weighing | str:
        """The weight, or why there is none at the moment. Raises InstrumentFault if there will be none."""
