"""Recorded against modelled, quantity by quantity, and the tolerances that decide."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import UsageError
from hil.recording.looks import QUANTITIES, Look
from hil.units import to_unit

__all__ = ["DEFAULT_TOLERANCES", "Residual", "Tolerance", "residuals", "tolerances"]


@dataclass(frozen=True)
class Tolerance:
    """How far the model may be off, in the quantity's unit: on average (without sign), and at any look."""

    mean: float
    maximum: float


DEFAULT_TOLERANCES: Final[Mapping[str, Tolerance]] = {
    "volume": Tolerance(0.03, 0.15),
    "flow": Tolerance(0.02, 0.08),
    "temperature": Tolerance(0.1, 0.5),
    "reservoir": Tolerance(0.3, 1.5),
    "outlet": Tolerance(0.2, 0.8),
    "ambient": Tolerance(0.1, 0.5),
}
"""A few times the sensors' noise and bias; in the units of ``QUANTITIES``. A real pump's own bias may ask for more."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Recorded less modelled. All arrays have the shape (looks at which both say it,)."""

    name: str
    unit: str
    time_h: NDArray[np.float64]
    recorded: NDArray[np.float64]
    modelled: NDArray[np.float64]
    tolerance: Tolerance

    @property
    def values(self) -> NDArray[np.float64]:
        """The residuals."""
        return self.recorded - self.modelled

    @property
    def mean(self) -> float:
        """On average, with its sign."""
        return float(np.mean(self.values)) if self.values.size else 0.0

    @property
    def maximum(self) -> float:
        """The largest, without sign."""
        return float(np.max(np.abs(self.values))) if self.values.size else 0.0

    @property
    def is_compared(self) -> bool:
        """Whether there was a look at which both say it."""
        return bool(self.values.size)

    @property
    def is_beyond(self) -> bool:
        """Whether one of both is beyond its tolerance; what was not compared is not."""
        return abs(self.mean) > self.tolerance.mean or self.maximum > self.tolerance.maximum

    @property
    def said(self) -> str:
        """``within``, ``beyond`` or ``not compared``."""
        if not self.is_compared:
            return "not compared"
        return "beyond" if self.is_beyond else "within"

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "quantity": self.name,
            "unit": self.unit,
            "looks": int(self.values.size),
            "mean": self.mean,
            "max": self.maximum,
            "tolerance_mean": self.tolerance.mean,
            "tolerance_max": self.tolerance.maximum,
            "within": not self.is_beyond if self.is_compared else None,
        }


def tolerances(texts: Iterable[str]) -> dict[str, Tolerance]:
    """The defaults, and what ``texts`` such as ``flow=0.1 mL/day`` say instead; the mean's shrinks or grows with it.

    Raises UsageError for an unknown quantity, or a tolerance that is none.
    """
    found = dict(DEFAULT_TOLERANCES)
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name not in found or not equals:
            raise UsageError(f"--tolerance {text}: write it like flow='0.1 mL/day'; quantities: {', '.join(found)}")
        maximum = _amount(text, value, QUANTITIES[name][0])
        share = found[name].mean / found[name].maximum
        found[name] = Tolerance(maximum * share, maximum)
    return found


def residuals(
    recorded: Sequence[Look], modelled: Sequence[Look | None], allowed: Mapping[str, Tolerance]
) -> tuple[Residual, ...]:
    """One for each quantity that the recording tells."""
    found = []
    for name, (unit, _, _) in QUANTITIES.items():
        rows = []
        for ours, theirs in zip(recorded, modelled, strict=True):
            a, b = ours.quantity(name), None if theirs is None else theirs.quantity(name)
            if a is not None and b is not None:
                rows.append((ours.time_ms / 3_600_000, a, b))
        if not rows and all(look.quantity(name) is None for look in recorded):
            continue
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        found.append(Residual(name, unit, table[:, 0], table[:, 1], table[:, 2], allowed[name]))
    return tuple(found)


def _amount(text: str, value: str, unit: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        # a tolerance is a difference: 0.5 C is half a kelvin, not a reading of a thermometer
        if unit == "C":
            value, unit = value.replace("°C", "C").removesuffix("C") + "K" if value.endswith("C") else value, "K"
        try:
            amount = to_unit(value, unit)
        except UsageError as error:
            raise UsageError(f"--tolerance {text}: {error}") from error
    if not 0 < amount < math.inf:
        raise UsageError(f"--tolerance {text}: must be more than 0, and finite")
    return amount
