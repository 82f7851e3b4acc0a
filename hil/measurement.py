"""A measured value with its uncertainty and its limits, and what follows from them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["BudgetLine", "JudgedBefore", "Measurement", "Outcome", "effective_degrees_of_freedom", "judge", "verdict"]


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
    degrees_of_freedom: float = math.inf
    """How well the standard uncertainty itself is known; infinite where a certificate or a bound states it."""


@dataclass(frozen=True)
class JudgedBefore:
    """What a re-judged measurement came to by the limits of its own procedure."""

    lower: float | None
    upper: float | None
    outcome: Outcome


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
    objection: str = ""
    """Why it proves nothing although it was judged by its limits: an instrument whose calibration is overdue."""
    before: JudgedBefore | None = None
    """Set if it is re-judged: then limits and outcome are not those of its procedure."""

    def __str__(self) -> str:
        """``flow: 1.004 +- 0.018 mL/day (0.850 to 1.150)``."""
        lower = "no lower limit" if self.lower is None else f"{self.lower:.3f}"
        upper = "no upper limit" if self.upper is None else f"{self.upper:.3f}"
        unit = "" if self.unit == "1" else f" {self.unit}"  # a pure number
        said = f"{self.name}: {self.value:.3f} +- {self.expanded_uncertainty:.3f}{unit} ({lower} to {upper})"
        if self.before is not None:
            said = f"{said}; re-judged, was {self.before.outcome} by {_limits_text(self.before)}"
        return f"{said}; {self.objection}" if self.objection else said

    def as_json(self) -> dict[str, Any]:
        """The fields that a manifest has; a number that is none (NaN, infinite) is null, which JSON can say."""
        return {
            "name": self.name,
            "procedure": self.procedure,
            "value": _finite(self.value),
            "unit": self.unit,
            "expanded_uncertainty": _finite(self.expanded_uncertainty),
            "lower": self.lower,
            "upper": self.upper,
            "outcome": str(self.outcome),
            "requirements": list(self.requirements),
            **({} if self.before is None else {"rejudged": {"from": _before_json(self.before)}}),
        }


def judge(value: float | None, expanded_uncertainty: float | None, lower: float | None, upper: float | None) -> Outcome:
    """Pass if the whole interval lies within the limits, fail if none of it does, inconclusive between.

    An interval that just touches a limit from inside is within it. A value or an uncertainty that is missing or no
    number is an error: it says nothing. Raises ValueError for limits that are NaN or the wrong way round.
    """
    below = -math.inf if lower is None else lower
    above = math.inf if upper is None else upper
    if not below <= above:  # also refuses NaN
        raise ValueError(f"lower limit {lower} must be <= upper limit {upper}")
    if value is None or expanded_uncertainty is None:
        return Outcome.ERROR
    if not (math.isfinite(value) and math.isfinite(expanded_uncertainty) and expanded_uncertainty >= 0):
        return Outcome.ERROR
    least, most = value - expanded_uncertainty, value + expanded_uncertainty
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


def effective_degrees_of_freedom(budget: Iterable[BudgetLine]) -> float:
    """Degrees of freedom of the combined standard uncertainty, by Welch and Satterthwaite (GUM, G.4.1).

    Infinite if every contribution is as good as known. k = 2 stands for 95 % only while this is large, say above 30.
    """
    lines = tuple(budget)
    combined = math.fsum(line.contribution**2 for line in lines)
    spread = math.fsum(line.contribution**4 / line.degrees_of_freedom for line in lines)
    return combined**2 / spread if spread > 0 else math.inf


def _limits_text(limits: JudgedBefore) -> str:
    """``0.85 to 1.15``."""
    lower = "no lower limit" if limits.lower is None else f"{limits.lower:g}"
    upper = "no upper limit" if limits.upper is None else f"{limits.upper:g}"
    return f"{lower} to {upper}"


def _before_json(before: JudgedBefore) -> dict[str, Any]:
    return {"lower": before.lower, "upper": before.upper, "outcome": str(before.outcome)}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
