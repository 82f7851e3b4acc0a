"""The bellows: how much of the propellant's pressure is left for the infusate, as a function of volume."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from firmware_model.profile import PumpProfile, nanolitres
from protocols.compiled import compiled

__all__ = ["Bellows", "BellowsShape", "driving_pressure_kpa", "droop_at_kpa", "flowing_pressure_kpa"]


class BellowsShape(NamedTuple):
    """A bellows, in floats: volumes in nL, springs in kPa per nL."""

    capacity_nl: float
    touch_nl: float
    stop_nl: float
    droop_kpa: float
    spring: float
    overfill_spring: float
    reverse_flow: bool


@dataclass(frozen=True)
class Bellows:
    """The pressure law of one bellows; volumes in nanolitres, pressures in kPa.

    ::

        volume      stop_nl ──── touch_nl ──────────── capacity_nl
        droop       droop_kpa    droop_kpa                       0
        pressure    0            source - droop             source

    ``source`` is what the propellant has left after ambient and outlet pressure. Between capacity and touch the
    spring takes from it in proportion to volume; below touch the stop takes over the load, so that a positive
    pressure falls linearly to none. A stop only pushes one way: a negative pressure (reverse flow) passes it. Beyond
    capacity the bellows is squeezed against its far end, and gives back more than it was filled with.
    """

    capacity_nl: int
    touch_nl: int
    stop_nl: int
    droop_kpa: float
    reverse_flow: bool
    overfill_kpa_per_nl: float
    overfill_limit_nl: int
    """So much more than its capacity can be forced in."""

    @classmethod
    def of(cls, profile: PumpProfile) -> Self:
        """The bellows that a ``profile`` describes."""
        return cls(
            capacity_nl=nanolitres(profile.capacity_ml),
            touch_nl=nanolitres(profile.residual_ml + profile.stop_region_ml),
            stop_nl=nanolitres(profile.residual_ml),
            droop_kpa=profile.droop_kpa,
            reverse_flow=profile.below_outlet == "reverse-flow",
            overfill_kpa_per_nl=profile.overfill_kpa_per_ml / 1e6,
            overfill_limit_nl=nanolitres(profile.overfill_limit_ml),
        )

    @cached_property
    def shape(self) -> BellowsShape:
        """As compiled code takes it."""
        return BellowsShape(
            float(self.capacity_nl),
            float(self.touch_nl),
            float(self.stop_nl),
            self.droop_kpa,
            self.droop_kpa / (self.capacity_nl - self.touch_nl),
            self.overfill_kpa_per_nl,
            self.reverse_flow,
        )

    def droop_at_kpa(self, volume_nl: float) -> float:
        """Pressure that the spring takes, in kPa: none when full, ``droop_kpa`` from touch on, gained beyond full."""
        return droop_at_kpa(self.shape, volume_nl)

    def driving_pressure_kpa(self, source_kpa: float, volume_nl: float) -> float:
        """Pressure across the restrictor, in kPa; negative where the outlet pushes back."""
        return driving_pressure_kpa(self.shape, source_kpa, volume_nl)

    def flowing_pressure_kpa(self, source_kpa: float, volume_nl: float) -> float:
        """The driving pressure that moves infusate: none against the check valve, none into a full bellows."""
        return flowing_pressure_kpa(self.shape, source_kpa, volume_nl)


@compiled
def droop_at_kpa(shape: BellowsShape, volume_nl: float) -> float:
    """See ``Bellows.droop_at_kpa``."""
    below_nl = shape.capacity_nl - volume_nl
    return min(shape.droop_kpa, shape.spring * below_nl) if below_nl >= 0 else shape.overfill_spring * below_nl


@compiled
def driving_pressure_kpa(shape: BellowsShape, source_kpa: float, volume_nl: float) -> float:
    """See ``Bellows.driving_pressure_kpa``."""
    pressure_kpa = source_kpa - droop_at_kpa(shape, volume_nl)
    if volume_nl >= shape.touch_nl or pressure_kpa <= 0:
        return pressure_kpa
    return pressure_kpa * max(0.0, (volume_nl - shape.stop_nl) / (shape.touch_nl - shape.stop_nl))


@compiled
def flowing_pressure_kpa(shape: BellowsShape, source_kpa: float, volume_nl: float) -> float:
    """See ``Bellows.flowing_pressure_kpa``."""
    pressure_kpa = driving_pressure_kpa(shape, source_kpa, volume_nl)
    stays = pressure_kpa < 0 and (not shape.reverse_flow or volume_nl >= shape.capacity_nl)
    return 0.0 if stays else pressure_kpa
