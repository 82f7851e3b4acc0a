"""What came of one pump of a fleet, under one variant of the firmware: rows, as they go into tables."""

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["EventRow", "FaultRow", "PumpResult", "RefillRow"]


class EventRow(NamedTuple):
    """One entry of a pump's event log."""

    time_ms: int
    kind: str
    alarm: str | None
    """Of events of an alarm."""
    detail: int
    value: int
    judgement: str | None
    """Of an alarm that was raised: right, justified, misleading or false."""


class FaultRow(NamedTuple):
    """One fault, and whether a right alarm was raised while it lasted."""

    fault: str
    value: str
    at_ms: int
    until_ms: int | None
    is_failure: bool
    detected_by: str | None
    """The first right alarm."""
    latency_ms: int | None
    watched_ms: int
    """From its beginning until the pump was looked at no longer, whether it lasted so long or not."""


class RefillRow(NamedTuple):
    """From one refill to the next: what truly left the catheter."""

    at_ms: int
    """When the needle went in, at the end of the interval."""
    interval_ms: int
    delivered_nl: int
    returned_nl: int
    flow_error_percent: float
    """True mean flow from label flow."""
    empty_ms: int
    """How long the pump stood empty, to the hour."""
    is_healthy: bool
    """Whether the flow path was sound all the time, and the last refill went where it should."""


@dataclass
class PumpResult:
    """One pump, one variant."""

    pump: int
    variant: str
    seed: int
    watched_ms: int
    """For how long it was looked at."""
    end: str
    failure: str | None
    failure_ms: int | None
    restrictor_percent: float
    weight_kg: float
    temperature_c: float
    altitude_m: float
    outlet_kpa: float
    digest: str = ""
    """SHA-256 of the event log."""
    problem: str | None = None
    """Why its simulation came to no end; of what happened before, its rows are those of whole parts of a year."""
    last_interval_ms: int = 0
    """From its last refill to the end of the watch."""
    last_empty_ms: int = 0
    """How long it stood empty in that, to the hour."""
    last_is_healthy: bool = False
    """Whether its flow path was sound in that; False as well if its simulation came to no end."""
    events: list[EventRow] = field(default_factory=list)
    faults: list[FaultRow] = field(default_factory=list)
    refills: list[RefillRow] = field(default_factory=list)

    def count(self, judgement: str) -> int:
        """How many of its alarms were worth that."""
        return sum(event.judgement == judgement for event in self.events)
