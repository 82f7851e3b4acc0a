"""The ratio of two flows of one bench: what both have in common cancels, as far as it is the same for both."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum, sqrt

from hil.flow.gravimetry import AMBIENT_LINE, GravimetricFlow
from hil.measurement import BudgetLine

__all__ = ["SHARED", "FlowRatio", "flow_ratio"]

SHARED = frozenset(
    {
        "room temperature",
        "relative humidity",
        "formula for air density",
        "infusate density",
        "balance sensitivity",
        "evaporation",
        "evaporation through the oil film",
        "reference vessel: balance sensitivity",
        "reference vessel: likeness to the beaker",
        AMBIENT_LINE,
        "outlet pressure",
    }
)
"""Inputs that were found once, for the whole bench, and have one error in all flows. All others count as independent.

For the bath, the controllers and the limit of the method that is an upper bound: their errors are partly the same in
both flows, with sensitivities of one sign, and would partly cancel."""


@dataclass(frozen=True)
class FlowRatio:
    """One flow over another, with its expanded uncertainty (k = 2) and where that comes from."""

    value: float
    expanded_uncertainty: float
    budget: tuple[BudgetLine, ...]


def flow_ratio(flow: GravimetricFlow, reference: GravimetricFlow) -> FlowRatio:
    """``flow`` over ``reference``, by the law of propagation (GUM, 5.2): shared inputs with correlation 1, others 0.

    Raises ValueError unless the reference is a flow forwards.
    """
    if not reference.flow_ml_per_day > 0:
        raise ValueError(f"there is no ratio to a flow of {reference.flow_ml_per_day} mL/day")
    ratio = flow.flow_ml_per_day / reference.flow_ml_per_day
    budget = tuple(_lines(flow, reference, ratio))
    return FlowRatio(ratio, 2 * sqrt(fsum(line.contribution**2 for line in budget)), budget)


def _lines(flow: GravimetricFlow, reference: GravimetricFlow, ratio: float) -> Iterator[BudgetLine]:
    below = {line.name: line for line in reference.budget}
    for line in flow.budget:
        per_unit = line.sensitivity / reference.flow_ml_per_day
        if line.name in SHARED and line.name in below:
            other = below.pop(line.name)
            shared = per_unit - ratio * other.sensitivity / reference.flow_ml_per_day
            yield _line(line, line.name, shared)
        else:
            yield _line(line, line.name, per_unit)
    for name, line in below.items():
        yield _line(line, f"{name} (reference flow)", -ratio * line.sensitivity / reference.flow_ml_per_day)


def _line(line: BudgetLine, name: str, sensitivity: float) -> BudgetLine:
    return BudgetLine(
        name=name,
        value=line.value,
        unit=line.unit,
        standard_uncertainty=line.standard_uncertainty,
        sensitivity=sensitivity,
        contribution=abs(sensitivity) * line.standard_uncertainty,
        degrees_of_freedom=line.degrees_of_freedom,
    )
