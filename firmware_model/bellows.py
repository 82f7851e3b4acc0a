"""The bellows: how much of the propellant's pressure is left for the infusate, as a function of volume."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firmware_model.profile import PumpProfile, nanolitres

__all__ = ["Bellows"]

Values = NDArray[np.float64]


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

    @property
    def spring_kpa_per_nl(self) -> float:
        """Pressure gained for each nanolitre of volume, above touch."""
        return self.droop_kpa / (self.capacity_nl - self.touch_nl)

    def droop_at_kpa(self, volume_nl: Values | float) -> Values:
        """Pressure that the spring takes, in kPa: none when full, ``droop_kpa`` from touch on, gained beyond full."""
        below_nl = self.capacity_nl - np.asarray(volume_nl, dtype=np.float64)
        droop_kpa = np.minimum(self.droop_kpa, self.spring_kpa_per_nl * below_nl)
        if (below_nl >= 0).all():
            return droop_kpa
        return np.where(below_nl < 0, self.overfill_kpa_per_nl * below_nl, droop_kpa)

    def driving_pressure_kpa(self, source_kpa: Values | float, volume_nl: Values | float) -> Values:
        """Pressure across the restrictor, in kPa; negative where the outlet pushes back. Any shape."""
        pressure_kpa = source_kpa - self.droop_at_kpa(volume_nl)
        if (np.asarray(volume_nl) >= self.touch_nl).all():
            return pressure_kpa
        carried = np.clip((np.asarray(volume_nl) - self.stop_nl) / (self.touch_nl - self.stop_nl), 0.0, 1.0)
        return np.where(pressure_kpa > 0, pressure_kpa * carried, pressure_kpa)

    def flowing_pressure_kpa(self, source_kpa: Values | float, volume_nl: Values | float) -> Values:
        """The driving pressure that moves infusate: none against the check valve, none into a full bellows."""
        pressure_kpa = self.driving_pressure_kpa(source_kpa, volume_nl)
        stays = (pressure_kpa < 0) & (not self.reverse_flow or np.asarray(volume_nl) >= self.capacity_nl)
        return np.where(stays, 0.0, pressure_kpa)
