"""SCPI supplies in two dialects."""

import math
from abc import abstractmethod
from typing import ClassVar

from hil.clock import Clock
from hil.instruments.scpi_instrument import ScpiInstrument
from hil.instruments.supply import Supply
from hil.links.link import Link
from protocols.instruments import scpi, scpi_supply
from protocols.instruments.scpi_supply import SupplyDialect

__all__ = ["KeysightSupply", "RigolSupply"]

_READ_BACK_REL, _READ_BACK_ABS = 1e-3, 1e-3
"""A supply rounds to its resolution, 1 mV or 1 mA at worst."""


class _ScpiSupply(Supply, ScpiInstrument):
    """One output of a SCPI supply."""

    DIALECT: ClassVar[SupplyDialect]

    def __init__(self, link: Link, clock: Clock, channel: int = 1) -> None:
        """Talk over ``link`` about output ``channel``; nothing is sent yet."""
        super().__init__(link, clock)
        self._channel = channel

    def set(self, voltage_v: float, current_limit_a: float) -> None:
        """Set voltage and current limit, and read both back."""
        wanted = f"{voltage_v:.6g} V, {current_limit_a:.6g} A"
        self._change(*(self._fill(one, v=voltage_v, a=current_limit_a) for one in self.DIALECT.set_commands))
        volts, amps = self._settings()
        if not (_same(volts, voltage_v) and _same(amps, current_limit_a)):
            raise self._not_taken(f"{wanted}: it is at {volts:.6g} V, {amps:.6g} A")

    def output(self, on: bool) -> None:
        """Switch the output, and see that it did."""
        self._change(self._fill(self.DIALECT.switch, on=self.DIALECT.on_off[on]))
        if self.is_on() is not on:
            raise self._not_taken(f"output {'on' if on else 'off'}; has its protection tripped?")

    def is_on(self) -> bool:
        """Whether the output is on."""
        query = self._fill(self.DIALECT.is_on)
        return self._ask(query, lambda line: scpi.parse_flag(line, query))

    def set_voltage_v(self) -> float:
        """The voltage that is set."""
        return self._settings()[0]

    def voltage_v(self) -> float:
        """The voltage measured at the output."""
        return self._number(self.DIALECT.voltage)

    def current_a(self) -> float:
        """The current measured at the output."""
        return self._number(self.DIALECT.current)

    @abstractmethod
    def _settings(self) -> tuple[float, float]:
        """Voltage and current limit as set."""

    def _number(self, template: str) -> float:
        query = self._fill(template)
        value = self._ask(query, lambda line: scpi.parse_number(line, query))
        if scpi.is_overload(value):
            raise self._fault(f"the {self.KIND} answers {query} with {value:g}: beyond its range")
        return value

    def _fill(self, template: str, *, v: float = 0.0, a: float = 0.0, on: str = "") -> str:
        return template.format(ch=self._channel, v=f"{v:.6g}", a=f"{a:.6g}", on=on)


class KeysightSupply(_ScpiSupply):
    """A supply of the Keysight E36300 class."""

    DRIVER: ClassVar[str] = "keysight"
    MAKERS: ClassVar[tuple[str, ...]] = scpi.KEYSIGHT_MAKERS
    DIALECT: ClassVar[SupplyDialect] = scpi_supply.KEYSIGHT

    def _settings(self) -> tuple[float, float]:
        volts, amps = self.DIALECT.settings
        return self._number(volts), self._number(amps)


class RigolSupply(_ScpiSupply):
    """A supply of the Rigol DP800 class."""

    DRIVER: ClassVar[str] = "rigol"
    MAKERS: ClassVar[tuple[str, ...]] = scpi.RIGOL_MAKERS
    DIALECT: ClassVar[SupplyDialect] = scpi_supply.RIGOL

    def _settings(self) -> tuple[float, float]:
        query = self._fill(*self.DIALECT.settings)
        return self._ask(query, lambda line: scpi_supply.parse_applied(line, query, self._channel))


def _same(taken: float, wanted: float) -> bool:
    return math.isclose(taken, wanted, rel_tol=_READ_BACK_REL, abs_tol=_READ_BACK_ABS)
