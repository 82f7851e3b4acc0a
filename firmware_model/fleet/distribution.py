"""How a quantity differs from pump to pump."""

from statistics import NormalDist
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from firmware_model.config import FrozenModel

__all__ = ["Distribution", "Spread"]

_STANDARD = NormalDist()
_DECIMALS = 4
"""What is drawn is rounded to so many: it is written into files, and the last bits of a logarithm differ by machine."""


class Distribution(FrozenModel):
    """A normal distribution cut off at ``low`` and ``high``, or a uniform one between them if no ``sd`` is given."""

    mean: float | None = None
    """Of the normal distribution, before it is cut off."""
    sd: Annotated[float, Field(gt=0)] | None = None
    """Its standard deviation."""
    low: float
    """Nothing is less."""
    high: float
    """Nothing is more."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) must not be above high ({self.high:g})")
        if (self.mean is None) != (self.sd is None):
            raise ValueError("mean and sd go together: give both (normal), or neither (uniform)")
        if self.mean is not None and not self.low <= self.mean <= self.high:
            raise ValueError(f"mean ({self.mean:g}) must lie between low ({self.low:g}) and high ({self.high:g})")
        return self

    def at(self, share: float) -> float:
        """The value below which so much of the distribution lies; ``share`` is more than 0 and less than 1."""
        if self.mean is None or self.sd is None:
            value = self.low + share * (self.high - self.low)
        else:
            below, upto = (_STANDARD.cdf((limit - self.mean) / self.sd) for limit in (self.low, self.high))
            inside = below + share * (upto - below)
            value = self.mean + self.sd * _STANDARD.inv_cdf(inside) if 0 < inside < 1 else self.mean
        return round(min(max(value, self.low), self.high), _DECIMALS)


def _number(value: Any) -> Any:
    """A bare number: the same for all pumps."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"low": float(value), "high": float(value)} if is_number else value


Spread = Annotated[Distribution, BeforeValidator(_number)]
"""In the file a number, ``{ low = 1, high = 2 }`` or ``{ mean = 1, sd = 0.1, low = 0.5, high = 1.5 }``."""
