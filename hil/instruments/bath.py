"""What any water bath does for a procedure."""

from abc import abstractmethod
from typing import ClassVar

from hil.instruments.instrument import Instrument

__all__ = ["Bath"]


class Bath(Instrument):
    """A water bath. Every setting is read back by the driver."""

    KIND: ClassVar[str] = "bath"

    @abstractmethod
    def temperature_c(self) -> float:
        """The bath's own reading of its water."""

    @abstractmethod
    def set_point_c(self) -> float:
        """The temperature that the bath works towards."""

    @abstractmethod
    def set_point(self, temperature_c: float) -> None:
        """Work towards ``temperature_c``. Raises InstrumentFault if the bath does not take it."""

    @abstractmethod
    def start(self) -> None:
        """Heat and circulate. Raises InstrumentFault if the bath does not start."""

    @abstractmethod
    def stop(self) -> None:
        """Stop heating and circulating. Raises InstrumentFault if the bath does not stop."""

    @abstractmethod
    def trouble(self) -> str:
        """An alarm or a warning that lasts, in its own words; nothing if all is well."""

    @abstractmethod
    def running(self) -> bool:
        """Whether it heats and circulates."""
