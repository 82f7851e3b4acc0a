"""A measured value with its uncertainty and its limits, and what follows from them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["BudgetLine", "Measurement", "Outcome", "judge", "verdict"]


class Outcome(StrEnum):
    """How a measurement, a procedure or a run came out."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class BudgetLine:
    """One row of an uncertainty budget (GUM): an input, its standard uncertainty and what it does to the result."""

    name: str
    value: float
    unit: str
    standard_uncertainty: float
    sensitivity: float
    """Change of the result for a unit change of the input."""
    contribution: float
    """Standard uncertainty that the input adds to the result, in the result's unit."""


@dataclass(frozen=True)
class Measurement:
    """A value in ``unit`` with its expanded uncertainty (k = 2), its limits and its outcome; None is no limit."""

    name: str
    procedure: str
    value: float
    unit: str
    expanded_uncertainty: float
    lower: float | None
    upper: float | None
    outcome: Outcome
    requirements: tuple[str, ...] = ()
    budget: tuple[BudgetLine, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        """``flow: 1.004 +- 0.018 mL/day (0.850 to 1.150)``."""
        lower = "no lower limit" if self.lower is None else f"{self.lower:.3f}"
        upper = "no upper limit" if self.upper is None else f"{self.upper:.3f}"
        return f"{self.name}: {self.value:.3f} +- {self.expanded_uncertainty:.3f} {self.unit} ({lower} to {upper})"

    def as_json(self) -> dict[str, Any]:
        """The fields that a manifest has."""
        return {
            "name": self.name,
            "procedure": self.procedure,
            "value": self.value,
            "unit": self.unit,
            "expanded_uncertainty": self.expanded_uncertainty,
            "lower": self.lower,
            "upper": self.upper,
            "outcome": str(self.outcome),
            "requirements": list(self.requirements),
        }


def judge(value: float, expanded_uncertainty: float, lower: float | None, upper: float | None) -> Outcome:
    """Pass if the whole interval lies within the limits, fail if none of it does, inconclusive between.

    A value or an uncertainty that is no number is an error: it says nothing. Raises ValueError for limits the wrong
    way round.
    """
    if lower is not None and upper is not None and not lower <= upper:
        raise ValueError(f"lower limit {lower} must be <= upper limit {upper}")
    if not (math.isfinite(value) and math.isfinite(expanded_uncertainty) and expanded_uncertainty >= 0):
        return Outcome.ERROR
    least, most = value - expanded_uncertainty, value + expanded_uncertainty
    below = -math.inf if lower is None else lower
    above = math.inf if upper is None else upper
    if below <= least and most <= above:
        return Outcome.PASS
    if most < below or least > above:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def verdict(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of ``outcomes``: error, then fail, then inconclusive, then pass; nothing at all is an error."""
    found = set(outcomes) - {Outcome.SKIPPED}
    for worst in (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS):
        if worst in found:
            return worst
    return Outcome.ERROR
