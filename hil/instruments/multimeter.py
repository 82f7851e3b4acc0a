"""What any multimeter does for a procedure."""

from abc import abstractmethod
from typing import ClassVar

from hil.instruments.instrument import Instrument

__all__ = ["Multimeter"]


class Multimeter(Instrument):
    """A multimeter. A quantity beyond its range is an InstrumentFault, never a number."""

    KIND: ClassVar[str] = "multimeter"

    @abstractmethod
    def voltage_v(self) -> float:
        """Direct voltage at the input."""

    @abstractmethod
    def current_a(self) -> float:
        """Direct current through the input."""

    def temperature_c(self) -> float:
        """Temperature of a four-wire Pt100, in degrees Celsius."""
        raise self._fault("this multimeter measures no temperature")
