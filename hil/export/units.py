"""Units of the pump's fields, which their names carry, and how a person would rather read them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

__all__ = ["Unit", "split_name", "unit_of"]


class Unit(NamedTuple):
    """What one count of a field is, and a handier unit: so many places of the decimal point to the left."""

    symbol: str
    handy: str
    shift: int

    def in_handy(self, count: int) -> str:
        """``36998`` of m°C as ``36.998 °C``: exact, whatever the count."""
        return f"{Decimal(count).scaleb(-self.shift)} {self.handy}" if self.shift else f"{count} {self.handy}"

    def counts(self, number: Decimal, symbol: str) -> Decimal:
        """How many counts ``number`` is in ``symbol``, either of the two units. Raises ValueError for any other."""
        if symbol in {"", self.symbol}:
            return number
        if symbol == self.handy:
            return number.scaleb(self.shift)
        either = self.symbol if self.symbol == self.handy else f"{self.symbol} or {self.handy}"
        raise ValueError(f"{symbol!r} is no unit of this field; it is in {either}")


_UNITS: Final[Mapping[str, Unit]] = {
    "_nl_per_day": Unit("nL/day", "mL/day", 6),
    "_ug_per_ml": Unit("ug/mL", "ug/mL", 0),
    "_permille": Unit("permille", "permille", 0),
    "_hours": Unit("h", "h", 0),
    "_bytes": Unit("bytes", "bytes", 0),
    "_ms": Unit("ms", "s", 3),
    "_mc": Unit("m°C", "°C", 3),
    "_pa": Unit("Pa", "kPa", 3),
    "_nl": Unit("nL", "mL", 6),
    "_mv": Unit("mV", "V", 3),
    "_s": Unit("s", "s", 0),
}
"""By the end of a field's name; longer ends first."""


def unit_of(name: str) -> Unit | None:
    """The unit that a field's ``name`` carries; None for a count, a number or a name."""
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), None)


def split_name(name: str) -> tuple[str, Unit | None]:
    """The ``name`` without its unit, and the unit."""
    for end, unit in _UNITS.items():
        if name.endswith(end):
            return name.removesuffix(end), unit
    return name, None
