"""What came of one pump and one scenario."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_model.events import PumpEvent

__all__ = ["Curves", "DrugArrival", "ExpectationResult", "MassBalance", "ScenarioResult"]


@dataclass(frozen=True)
class MassBalance:
    """Where the infusate is, in whole nL: initial + refilled = reservoir + delivered + leaked + withdrawn, exactly."""

    initial_nl: int
    refilled_nl: int
    reservoir_nl: int
    delivered_nl: int
    """Out of the catheter's tip; boluses by the side port, past the reservoir, are not in it."""
    leaked_nl: int
    withdrawn_nl: int
    bolused_nl: int


@dataclass(frozen=True, eq=False)
class Curves:
    """What was true and what the firmware believed, every hour or more often; all arrays have the shape (points,)."""

    time_h: NDArray[np.float64]
    volume_ml: NDArray[np.float64]
    """True volume in the reservoir."""
    flow_ml_per_day: NDArray[np.float64]
    """True flow into the vessel since the point before."""
    estimated_flow_ml_per_day: NDArray[np.float64]
    """The firmware's; NaN where it has none."""
    temperature_c: NDArray[np.float64]
    """Of the propellant."""
    reservoir_kpa: NDArray[np.float64]
    """Absolute."""
    ambient_kpa: NDArray[np.float64]
    """Absolute."""
    outlet_kpa: NDArray[np.float64]
    """Gauge, between restrictor and catheter."""


@dataclass(frozen=True)
class ExpectationResult:
    """One thing that the scenario says must (or must not) happen, and whether it did."""

    text: str
    """As a person reads it: ``alarm occlusion raised (high) between 6 h and 7 h``."""
    met: bool
    found: str
    """What happened instead, or when it happened."""


@dataclass(frozen=True)
class DrugArrival:
    """When what a refill put in reaches the catheter's tip: what stands in the catheter goes before it."""

    filled_ms: int
    arrived_ms: int


@dataclass(frozen=True)
class ScenarioResult:
    """All of it. ``events`` is what was logged, in order, whatever the log's ring has forgotten since."""

    title: str
    model: str
    days: float
    seed: int
    events: tuple[PumpEvent, ...]
    curves: Curves
    balance: MassBalance
    expectations: tuple[ExpectationResult, ...]
    arrivals: tuple[DrugArrival, ...]
    """Of the refills whose drug did arrive."""
    label_flow_ml_per_day: float
    flow_low_percent: float
    flow_high_percent: float
    """The firmware's limits, below and above label flow."""

    @property
    def met(self) -> bool:
        """Whether everything was as the scenario says it must be."""
        return all(each.met for each in self.expectations)
