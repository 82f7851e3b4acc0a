"""What any supply does for a procedure."""

from abc import abstractmethod
from typing import ClassVar

from hil.instruments.instrument import Instrument

__all__ = ["Supply"]


class Supply(Instrument):
    """One output of a supply. Every setting is read back by the driver."""

    KIND: ClassVar[str] = "supply"

    @abstractmethod
    def set(self, voltage_v: float, current_limit_a: float) -> None:
        """Set voltage and current limit. Raises InstrumentFault if the supply does not take them."""

    @abstractmethod
    def output(self, on: bool) -> None:
        """Switch the output. Raises InstrumentFault if it does not switch."""

    @abstractmethod
    def is_on(self) -> bool:
        """Whether the output is on."""

    @abstractmethod
    def set_voltage_v(self) -> float:
        """The voltage that is set."""

    @abstractmethod
    def voltage_v(self) -> float:
        """The voltage measured at the output."""

    @abstractmethod
    def current_a(self) -> float:
        """The current measured at the output."""
