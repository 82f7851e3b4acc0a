"""Limits and parameters as people write them, ``"35 uL/h"``, in the unit that a number is kept in.

``C`` alone is a temperature, not a coulomb; within a compound such as ``%/C`` it is a difference of temperatures. So a
limit of ``"310.15 K"`` on a measurement in ``C`` is 37 C, and differences are measured in ``K`` or ``delta_degC``: what
is half a kelvin more is never taken for half a degree on a thermometer.
"""

import math
import re
from functools import cache
from tokenize import TokenError
from typing import Any

from hil.errors import UsageError

__all__ = ["same_dimension", "split_quantity", "to_unit"]

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
_CELSIUS = re.compile(r"(?<!\w)(?:°C|degC|C)(?!\w)")
_POWER = re.compile(r"(?<=[A-Za-z])([234])(?!\w)")
_TERM = r"(?:1|[A-Za-z%°µμΩ_]+(?:(?:\*\*|\^)?-?[1-9])?)"
_UNIT = re.compile(rf"{_TERM}(?:\s*[*/]\s*{_TERM}|\s+{_TERM}){{0,7}}")
"""Pint would work out ``9**9**9`` for as long as it takes; a unit has names, small powers, and no more than that."""


def split_quantity(text: str) -> tuple[float, str]:
    """Number and unit of a text such as ``35 uL/h``. Raises UsageError if there is no finite number in front."""
    match = _QUANTITY.fullmatch(text)
    if match is None or not math.isfinite(float(match[1])):
        raise UsageError(f"{text!r} is no number with a unit; write it like '35 uL/h'")
    return float(match[1]), match[2]


def to_unit(text: str, unit: str) -> float:
    """The number that ``text`` is in ``unit``; temperatures with their offset, differences without.

    Raises UsageError for a text without unit, a unit that does not exist, one of another dimension, or a temperature
    below absolute zero.
    """
    number, given = split_quantity(text)
    if not given:
        raise UsageError(f"{text!r} says no unit; write {f'{number:g} {unit}'!r}, or the bare number")
    if given == unit:
        return number
    source, target = _unit(given), _unit(unit)
    if source is None:
        raise UsageError(f"{text!r}: there is no unit {given!r}")
    if target is None:
        raise UsageError(f"{text!r} cannot be told in {unit!r}, which converts to nothing else")
    return _converted(text, number, source, target, unit)


def same_dimension(one: str, other: str) -> bool:
    """Whether a quantity in the unit ``one`` can be told in ``other``; a temperature and a difference cannot."""
    if one == other:
        return True
    source, target = _unit(one), _unit(other)
    if source is None or target is None:
        return False
    try:
        _converted(one, 300.0, source, target, other)
    except UsageError:
        return False
    return True


def _converted(text: str, number: float, source: Any, target: Any, unit: str) -> float:
    import pint  # noqa: PLC0415 - slow to import, and most limits are in the measurement's own unit

    quantity = _registry().Quantity(number, source)
    try:
        found = float(quantity.to(target).magnitude)
    except pint.DimensionalityError as error:
        kinds = f"{_dimension(source)}, not {_dimension(target)}"
        if source.dimensionality == target.dimensionality:
            kinds = "of the other kind: one is a temperature (C, K), the other a difference (K, delta_degC)"
        raise UsageError(f"{text!r} cannot be told in {unit}: it is {kinds}") from error
    if "degree_" in str(source * target) and _is_below_zero_kelvin(quantity):
        raise UsageError(f"{text!r} is below absolute zero; differences are measured in K or delta_degC, not in C")
    return found


def _is_below_zero_kelvin(quantity: Any) -> bool:
    offset = not str(quantity.units).startswith("delta_")
    return bool(offset and quantity.dimensionality == {"[temperature]": 1} and quantity.to("kelvin").magnitude < 0)


def _dimension(unit: Any) -> str:
    return str(unit.dimensionality).replace(" ** ", "^") if unit.dimensionality else "a plain number"


@cache
def _registry() -> Any:
    import pint  # noqa: PLC0415

    return pint.UnitRegistry()


@cache
def _unit(text: str) -> Any:
    """Pint's unit, or None if there is none of that name: ``% of label`` is a unit of its own."""
    import pint  # noqa: PLC0415

    if _UNIT.fullmatch(text) is None:
        return None
    celsius = "degC" if _CELSIUS.fullmatch(text) else "delta_degC"
    written = _POWER.sub(r"**\1", _CELSIUS.sub(celsius, "" if text == "1" else text))
    try:
        return _registry().parse_units(written)
    except (pint.PintError, AttributeError, ValueError, TypeError, ArithmeticError, TokenError, AssertionError):
        return None
