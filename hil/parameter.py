"""A number that a procedure lets its user choose: name, unit, default and range, declared in its marker."""

import math
from dataclasses import dataclass

from hil.errors import UsageError
from hil.units import split_quantity, to_unit

__all__ = ["Parameter"]


@dataclass(frozen=True)
class Parameter:
    """A choice of a procedure; ``default``, ``lower`` and ``upper`` are in ``unit``, which the name should end with."""

    name: str
    unit: str
    default: float
    lower: float
    upper: float
    summary: str = ""

    def __post_init__(self) -> None:
        """Raise UsageError for a default outside the range, or a range that is none."""
        if not self.name.isidentifier():
            raise UsageError(f"a parameter's name is a word such as collection_h, not {self.name!r}")
        if not self.lower <= self.default <= self.upper:  # also refuses NaN
            raise UsageError(f"parameter {self.name}: {self.lower} <= default {self.default} <= {self.upper} must hold")

    def value(self, text: str) -> float:
        """The number that ``text`` chooses: bare in the parameter's unit, or with a unit of its own (``2 days``).

        Raises UsageError for what is no number, has the wrong dimension, or lies outside the range.
        """
        number, unit = split_quantity(text)
        chosen = to_unit(text, self.unit) if unit else number
        if not (self.lower <= chosen <= self.upper and math.isfinite(chosen)):
            raise UsageError(f"{self.name}={text}: must be {self.range_text()}")
        return chosen

    def range_text(self) -> str:
        """``8 to 672 h``."""
        return f"{self.lower:g} to {self.upper:g} {self.unit}"
