"""What is done to a pump's flow path, at a time: needles and faults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Aspiration", "BolusChange", "Condition", "FaultChange", "Filling", "Intervention"]


@dataclass(frozen=True)
class FaultChange:
    """A fault of the flow path, or of refills, takes a value."""

    at_ms: int
    fault: str
    value: float


@dataclass(frozen=True)
class Aspiration:
    """A needle takes out all that comes: down to the bellows' stop."""

    at_ms: int


@dataclass(frozen=True)
class Filling:
    """A syringe is emptied through the septum."""

    at_ms: int
    volume_nl: int
    infusate_c: float


@dataclass(frozen=True)
class BolusChange:
    """Infusate begins to come in by the side port (or ends to, at no rate)."""

    at_ms: int
    volume_nl: int
    pressure_kpa: float
    """That it adds in the catheter."""


Intervention = FaultChange | Aspiration | Filling | BolusChange


class Condition(NamedTuple):
    """What earlier interventions left behind; it holds until the next one."""

    faults: Mapping[str, float]
    is_faulty: bool
    """Whether any of them is there."""
    cold_c: float
    """By how much the last refill changed the propellant's temperature, at its time ..."""
    cold_since_ms: int
    """... which was this."""
    bolus_kpa: float
    initial_nl: int
    refilled_nl: int
    withdrawn_nl: int
    bolused_nl: int
    returned_nl: int
    """What came out at the last aspiration."""
