"""The flow path and what acts on it: propellant, bellows, restrictor, catheter, and their faults."""

from dataclasses import dataclass

from firmware_model.bellows import Bellows
from firmware_model.faults.table import CATHETER_OCCLUSION, PUMP_FAULTS, RESTRICTOR_FAST_FLOW
from firmware_model.flow import resistance_pa_s_per_m3
from firmware_model.fluids import vapour_pressure_kpa
from firmware_model.profile import PumpProfile
from firmware_model.reservoir import Reservoir
from firmware_model.surroundings import Surroundings
from firmware_model.thermal import ThermalLag, next_update_ms

__all__ = ["Plant", "PlantState"]

_NL_PER_MS_KPA = 1e12
"""1 m3/(Pa.s) in nL per ms and kPa: 10^12 nL per m3, 10^-3 s per ms, 10^3 Pa per kPa."""


@dataclass(frozen=True, slots=True)
class PlantState:
    """What is physically true at one moment."""

    temperature_c: float
    volume_nl: int
    reservoir_kpa: float
    """Absolute, on the infusate's side of the bellows."""
    outlet_kpa: float
    """Gauge, between restrictor and catheter."""


class Plant:
    """A pump without its electronics, in bench time.

    Surroundings act at once on the pressures; on the temperature through ``ThermalLag``, which the reservoir sees as a
    staircase of whole minutes. Every method takes a time, which may not run backwards past the last change.
    """

    def __init__(self, profile: PumpProfile, *, now_ms: int, surroundings: Surroundings, volume_nl: int) -> None:
        """Start in thermal equilibrium with the ``surroundings``."""
        self.faults = dict.fromkeys(PUMP_FAULTS, 0.0)
        self._profile = profile
        self._surroundings = surroundings
        self._thermal = ThermalLag(
            now_ms=now_ms,
            temperature_c=surroundings.temperature_c,
            time_constant_ms=profile.thermal_time_constant_min * 60_000,
        )
        self._reservoir = Reservoir(Bellows.of(profile), now_ms=now_ms, volume_nl=volume_nl)
        self._next_update_ms: int | None = None
        self._renew(now_ms)

    @property
    def temperature_c(self) -> float:
        """The propellant's temperature as of the last time anything was asked or changed."""
        return self._temperature_c

    def set_surroundings(self, now_ms: int, surroundings: Surroundings) -> None:
        """Put the pump into other surroundings; into the same again changes nothing."""
        self.advance(now_ms)
        if surroundings == self._surroundings:
            return
        self._surroundings = surroundings
        self._thermal.set_surrounding(now_ms, surroundings.temperature_c)
        self._renew(now_ms)

    def inject(self, now_ms: int, fault_name: str, value: float) -> None:
        """Have a fault of ``PUMP_FAULTS`` begin. Raises ValueError for another, or a value out of its range."""
        kind = PUMP_FAULTS.get(fault_name)
        if kind is None:
            raise ValueError(f"unknown pump fault {fault_name!r}; known: {', '.join(PUMP_FAULTS)}")
        if not kind.lower <= value <= kind.upper:
            raise ValueError(f"{fault_name} must be {kind.lower:g} to {kind.upper:g} {kind.unit}, got {value}")
        self.advance(now_ms)
        self.faults[fault_name] = value
        self._renew(now_ms)

    def advance(self, now_ms: int) -> None:
        """Take every step of the temperature's staircase up to and including ``now_ms``."""
        while self._next_update_ms is not None and self._next_update_ms <= now_ms:
            self._renew(self._next_update_ms)

    def volume_nl(self, now_ms: int) -> int:
        """What is in the reservoir, in nL."""
        self.advance(now_ms)
        return self._reservoir.volume_nl(now_ms)

    def delivered_nl(self, now_ms: int) -> int:
        """What has left the catheter since the beginning, in nL."""
        self.advance(now_ms)
        return self._reservoir.delivered_nl(now_ms)

    def state(self, now_ms: int) -> PlantState:
        """What sensors with no error would read at ``now_ms``.

        Restrictor and catheter are in series, so an occlusion of share s leaves the share s of the driving pressure
        to the catheter: the outlet sensor between them reads that on top of the pressure at the tip.
        """
        self.advance(now_ms)
        exact_nl = self._reservoir.exact_nl(now_ms)
        bellows = self._reservoir.bellows
        tip_kpa = self._surroundings.outlet_kpa
        blocked = self.faults[CATHETER_OCCLUSION.name] / 100
        return PlantState(
            temperature_c=self._temperature_c,
            volume_nl=self._reservoir.volume_nl(now_ms),
            reservoir_kpa=self._surroundings.ambient_kpa
            + tip_kpa
            + bellows.driving_pressure_kpa(self._source_kpa, exact_nl),
            outlet_kpa=tip_kpa + blocked * bellows.flowing_pressure_kpa(self._source_kpa, exact_nl),
        )

    def _renew(self, now_ms: int) -> None:
        self._temperature_c = self._thermal.held_c(now_ms)
        self._next_update_ms = None if self._thermal.is_settled(now_ms) else next_update_ms(now_ms)
        around = self._surroundings
        vapour_kpa = vapour_pressure_kpa(self._profile.propellant, self._temperature_c)
        self._source_kpa = vapour_kpa - around.ambient_kpa - around.outlet_kpa
        self._reservoir.set_conditions(now_ms, self._source_kpa, self._conductance_nl_per_ms_kpa())

    def _conductance_nl_per_ms_kpa(self) -> float:
        open_share = 1 - self.faults[CATHETER_OCCLUSION.name] / 100
        restrictor_share = 1 + self.faults[RESTRICTOR_FAST_FLOW.name] / 100
        healthy = _NL_PER_MS_KPA / resistance_pa_s_per_m3(self._profile, self._temperature_c)
        return healthy * restrictor_share * open_share
