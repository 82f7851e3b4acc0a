"""A refill, as whoever holds the syringe reports it, and what that tells of the flow since the one before."""

from dataclasses import dataclass

from firmware_model.firmware.configuration import Configuration

__all__ = ["Refill"]

_MOST_NL_PER_DAY = (1 << 31) - 1
"""Of a mean flow, as the telemetry has room for it."""


@dataclass
class Refill:
    """One refill from when needles are expected until they are out; volumes in nL."""

    begun_ms: int = 0
    volume_before_nl: int = 0
    """In the reservoir, by the bellows, when it was begun."""
    filled_before_nl: int = 0
    """What went in for the time that it ends; 0 if nothing tells that."""
    drug_before: tuple[int, int] = 0, 0
    """Number of the drug, and its concentration in ug/mL."""
    returned_nl: int = 0
    """What has come out of the reservoir so far."""
    fill_nl: int = 0
    """What has gone in so far."""

    def can_return(self, volume_nl: int, configuration: Configuration) -> bool:
        """Whether so much more can have come out: the reservoir may have been overfilled."""
        return volume_nl >= 0 and self.returned_nl + volume_nl <= 2 * configuration.capacity_nl

    def can_fill(self, volume_nl: int, configuration: Configuration) -> bool:
        """Whether so much more can go into a reservoir."""
        return volume_nl >= 0 and self.fill_nl + volume_nl <= configuration.capacity_nl

    def mean_nl_per_day(self, hours: int) -> int:
        """The flow in the ``hours`` that it ends; 0 if nothing tells it."""
        if not self.filled_before_nl or hours <= 0:
            return 0
        mean = (self.filled_before_nl - self.returned_nl) * 24 // hours
        return max(-_MOST_NL_PER_DAY, min(_MOST_NL_PER_DAY, mean))

    def disagreement_nl(self, volume_nl: int) -> int:
        """How far the syringe is from the bellows, which now says ``volume_nl``; in either direction."""
        return abs(volume_nl - self.volume_before_nl - (self.fill_nl - self.returned_nl))

    @property
    def carried_on_nl(self) -> int:
        """If it is broken off: what the next mean flow begins with; 0 if nothing tells that."""
        return max(0, self.filled_before_nl - self.returned_nl + self.fill_nl) if self.filled_before_nl else 0
