"""SCPI multimeters in two dialects."""

from typing import ClassVar

from hil.instruments.multimeter import Multimeter
from hil.instruments.scpi_instrument import ScpiInstrument
from protocols.instruments import scpi, scpi_multimeter
from protocols.instruments.scpi_multimeter import MultimeterDialect

__all__ = ["RigolMultimeter", "ScpiMultimeter"]


class ScpiMultimeter(Multimeter, ScpiInstrument):
    """A multimeter of the Keysight Truevolt class. It ranges by itself; every reading is a query of its own."""

    DRIVER: ClassVar[str] = "keysight"
    MAKERS: ClassVar[tuple[str, ...]] = scpi.KEYSIGHT_MAKERS
    DIALECT: ClassVar[MultimeterDialect] = scpi_multimeter.KEYSIGHT

    def voltage_v(self) -> float:
        """Direct voltage at the input."""
        return self._reading(self.DIALECT.voltage)

    def current_a(self) -> float:
        """Direct current through the input."""
        return self._reading(self.DIALECT.current)

    def temperature_c(self) -> float:
        """Temperature of a four-wire Pt100; the display's unit is set to C first."""
        self._change(self.DIALECT.set_celsius)
        unit = self._ask(self.DIALECT.temperature_unit, scpi_multimeter.parse_temperature_unit)
        if unit != "C":
            raise self._not_taken(f"{self.DIALECT.set_celsius}: it shows {unit}")
        return self._reading(self.DIALECT.temperature)

    def _reading(self, query: str) -> float:
        value = self._ask(query, lambda line: scpi.parse_number(line, query))
        if scpi.is_overload(value):
            raise self._fault(f"the {self.KIND} answers {query} with {value:g}: overload, or nothing is connected")
        return value


class RigolMultimeter(ScpiMultimeter):
    """A multimeter of the Rigol DM858 class, or one of the DM3000 class set to its Agilent commands."""

    DRIVER: ClassVar[str] = "rigol"
    MAKERS: ClassVar[tuple[str, ...]] = scpi.RIGOL_MAKERS
    DIALECT: ClassVar[MultimeterDialect] = scpi_multimeter.RIGOL
