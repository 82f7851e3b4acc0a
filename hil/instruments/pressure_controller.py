"""What any pressure controller does for a procedure."""

from abc import abstractmethod
from typing import ClassVar

from hil.instruments.instrument import Instrument

__all__ = ["PressureController"]


class PressureController(Instrument):
    """A pressure controller. Pressures are in the reference, absolute or gauge, that it is set to.

    Every setting is read back by the driver.
    """

    KIND: ClassVar[str] = "pressure controller"

    @abstractmethod
    def pressure_kpa(self) -> float:
        """The pressure at the outlet."""

    @abstractmethod
    def set_point_kpa(self) -> float:
        """The pressure that it controls to."""

    @abstractmethod
    def control(self, pressure_kpa: float, slew_kpa_per_s: float | None = None) -> None:
        """Go to ``pressure_kpa`` and hold it, not faster than ``slew_kpa_per_s``; None leaves the slew as it is set.

        Returns at once; ``in_limits`` says when it is there. Raises InstrumentFault if the controller does not take it.
        """

    @abstractmethod
    def is_controlling(self) -> bool:
        """Whether the output is on."""

    @abstractmethod
    def in_limits(self) -> bool:
        """Whether the pressure is where it should be, by the controller's own limits."""

    @abstractmethod
    def output_off(self) -> None:
        """Stop controlling; the pressure stays, and leaks. Raises InstrumentFault if the output stays on."""

    @abstractmethod
    def vent(self) -> None:
        """Stop controlling and let the pressure out. Raises InstrumentFault unless that is seen to be completed."""
