"""The bellows: how much of the propellant's pressure is left for the infusate, as a function of volume."""

from dataclasses import dataclass
from typing import Self

from firmware_model.profile import PumpProfile, nanolitres

__all__ = ["Bellows"]


@dataclass(frozen=True)
class Bellows:
    """The pressure law of one bellows; volumes in nanolitres, pressures in kPa.

    ::

        volume      stop_nl ──── touch_nl ──────────── capacity_nl
        droop       droop_kpa    droop_kpa                       0
        pressure    0            source - droop             source

    ``source`` is what the propellant has left after ambient and outlet pressure. Between capacity and touch the
    spring takes from it in proportion to volume; below touch the stop takes over the load, so that a positive
    pressure falls linearly to none. A stop only pushes one way: a negative pressure (reverse flow) passes it.
    """

    capacity_nl: int
    touch_nl: int
    stop_nl: int
    droop_kpa: float
    reverse_flow: bool

    @classmethod
    def of(cls, profile: PumpProfile) -> Self:
        """The bellows that a ``profile`` describes."""
        return cls(
            capacity_nl=nanolitres(profile.capacity_ml),
            touch_nl=nanolitres(profile.residual_ml + profile.stop_region_ml),
            stop_nl=nanolitres(profile.residual_ml),
            droop_kpa=profile.droop_kpa,
            reverse_flow=profile.below_outlet == "reverse-flow",
        )

    @property
    def spring_kpa_per_nl(self) -> float:
        """Pressure gained for each nanolitre of volume, above touch."""
        return self.droop_kpa / (self.capacity_nl - self.touch_nl)

    def droop_at_kpa(self, volume_nl: float) -> float:
        """Pressure that the spring takes at a volume, in kPa: none when full, ``droop_kpa`` from touch on."""
        return min(self.droop_kpa, self.spring_kpa_per_nl * (self.capacity_nl - volume_nl))

    def driving_pressure_kpa(self, source_kpa: float, volume_nl: float) -> float:
        """Pressure across the restrictor at a volume, in kPa; negative where the outlet pushes back."""
        pressure_kpa = source_kpa - self.droop_at_kpa(volume_nl)
        if pressure_kpa <= 0 or volume_nl >= self.touch_nl:
            return pressure_kpa
        return pressure_kpa * max(0.0, (volume_nl - self.stop_nl) / (self.touch_nl - self.stop_nl))

    def flowing_pressure_kpa(self, source_kpa: float, volume_nl: float) -> float:
        """The driving pressure that moves infusate: none against the check valve, none into a full bellows."""
        pressure_kpa = self.driving_pressure_kpa(source_kpa, volume_nl)
        if pressure_kpa < 0 and (not self.reverse_flow or volume_nl >= self.capacity_nl):
            return 0.0
        return pressure_kpa
