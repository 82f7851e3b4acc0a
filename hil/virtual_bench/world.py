"""One physical world for a simulated bench: pump in the bath, infusate dripping into a beaker on the balance.

::

    bath tank, chamber, outlet line ──▶ surroundings ──▶ pump ──delivered volume──▶ drops ──▶ beaker ──▶ balance
    supply ──voltage──▶ pump's electronics ──current──▶ multimeter            evaporation ──▶ vessel ──▶ its balance
    operator ──needle, clamp──▶ pump
"""

from collections.abc import Callable, Iterable, Mapping

from firmware_model.faults.injection import Injection
from firmware_model.physics.interventions import Aspiration, Filling
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import nanolitres
from firmware_model.pump import Pump
from firmware_model.simulation import Simulation
from hil.benches.bench_file import LoadedBench
from hil.errors import UsageError
from hil.pump.pump_session import test_keys
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.beaker import Beaker
from hil.virtual_bench.bench_faults import BENCH_FAULTS
from hil.virtual_bench.device import Device
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.simulators import Physics, simulator_of
from hil.virtual_bench.supply_output import SupplyOutput
from protocols.instruments import operator

__all__ = ["SURROUNDINGS_PERIOD_MS", "World"]

SURROUNDINGS_PERIOD_MS = 60_000
"""Surroundings are constant between whole minutes: the pump samples once a minute and its thermal mass is slower."""


_FIRST_VOLTAGE_V = 3.0
"""Whoever sets up a bench switches its supply on before the first run."""


class World:
    """The simulated bench in virtual time; ``devices`` are its ends of the wires, by name."""

    def __init__(self, bench: LoadedBench, *, seed: int, injections: Iterable[Injection] = ()) -> None:
        """Build the world that the bench file states. Raises UsageError if it states none."""
        if bench.file.world is None:
            raise UsageError(f"{bench.path}: has no [world] table, so there is nothing to simulate")
        self._truth = bench.file.world
        self._offsets = dict.fromkeys(BENCH_FAULTS, 0.0)
        self.start_utc_ms = self._truth.start_utc_ms
        self._simulation = Simulation()
        self._tank = BathTank(
            seed=seed,
            ambient_c=self._truth.room_temperature_c,
            time_constant_s=self._truth.bath_time_constant_min * 60,
            noise_c=self._truth.bath_noise_c,
        )
        self._chamber = PressureLine(atmosphere_kpa=self._truth.ambient_kpa, reference="absolute")
        self._outlet_line = PressureLine(reference="gauge")
        self._pump = Pump(
            bench.profile,
            seed=seed,
            serial_number=bench.file.pump.serial_number or "SIMULATED",
            start_utc_ms=self.start_utc_ms,
            surroundings=self._surroundings(0),
            volume_ml=self._truth.reservoir_ml,
        )
        if bench.file.pump.session != "open":
            self._pump.secure(*test_keys(seed))
        self._beaker, self._vessel = (
            Beaker(
                density_kg_per_m3=bench.profile.infusate.density_kg_per_m3,
                drop_volume_nl=self._truth.drop_volume_nl,
                evaporation_ug_per_s=self._truth.evaporation_ug_per_s,
                room_temperature_c=self._truth.room_temperature_c,
                ambient_kpa=self._truth.ambient_kpa,
            )
            for _ in range(2)
        )
        tables = bench.file.instruments.present()
        self._supply = SupplyOutput(
            load_a=lambda now_ms: self._pump.supply_current_ua(now_ms) / 1e6,
            changed=self._feed if "supply" in tables else None,
            voltage_v=_FIRST_VOLTAGE_V,
            on=True,
        )
        physics = self._physics(seed)
        self.devices: Mapping[str, Device] = {
            "pump": self._pump,
            **{role: simulator_of(role, table, physics) for role, table in tables.items()},
        }
        if "supply" in tables:
            self._feed(0)
        for injection in injections:
            self.inject(injection)
        self._simulation.add(_Periodic(self._renew_surroundings))
        self._simulation.add(self._pump)
        self._simulation.run_until(0)

    @property
    def now_ms(self) -> int:
        """Bench time, in ms since the world began."""
        return self._simulation.now_ms

    def advance_to(self, now_ms: int) -> None:
        """Let everything happen that is due up to and including ``now_ms``."""
        self._simulation.run_until(now_ms)

    def inject(self, injection: Injection) -> None:
        """Have a fault begin at its time; at once if that has passed."""
        self._simulation.add(_Once(injection.at_ms, lambda now_ms: self._begin(now_ms, injection)))

    def _begin(self, now_ms: int, injection: Injection) -> None:
        if injection.fault not in self._offsets:
            self._pump.inject(now_ms, injection.fault, injection.value)
            return
        self._offsets[injection.fault] = injection.value
        self._tank.set_offset(now_ms, self._offsets["bath-offset"])
        self._beaker.set_evaporation(now_ms, self._truth.evaporation_ug_per_s + self._offsets["evaporation-offset"])
        self._chamber.set_atmosphere(now_ms, self._truth.ambient_kpa + self._offsets["ambient-offset"])
        self._renew_surroundings(now_ms)

    def _renew_surroundings(self, now_ms: int) -> None:
        self._pump.set_surroundings(now_ms, self._surroundings(now_ms))

    def _surroundings(self, now_ms: int) -> Surroundings:
        return Surroundings(
            temperature_c=self._tank.true_temperature_c(now_ms),
            ambient_kpa=self._chamber.pressure_kpa(now_ms),
            outlet_kpa=self._truth.outlet_kpa + self._offsets["outlet-offset"] + self._outlet_line.pressure_kpa(now_ms),
        )

    def _physics(self, seed: int) -> Physics:
        return Physics(
            seed=seed,
            load_g=lambda now_ms: self._beaker.load_g(now_ms, self._pump.delivered_nl(now_ms)),
            reference_load_g=lambda now_ms: self._vessel.load_g(now_ms, 0),
            tank=self._tank,
            ambient_line=self._chamber,
            outlet_line=self._outlet_line,
            supply_output=self._supply,
            volts=self._supply.voltage_v,
            amps=self._supply.current_a,
            hands={
                operator.WITHDRAW: self._withdraw,
                operator.FILL: self._fill,
                operator.CLAMP: lambda now_ms: self._clamp(now_ms, percent=100.0),
                operator.UNCLAMP: lambda now_ms: self._clamp(now_ms, percent=0.0),
            },
        )

    def _feed(self, now_ms: int) -> None:
        """The supply has changed: so has what the pump's electronics live on."""
        self._pump.feed(now_ms, self._supply.voltage_v(now_ms) * 1000)

    def _withdraw(self, now_ms: int) -> str:
        self._pump.foresee(Aspiration(now_ms))
        return f"{self._pump.plant.condition(now_ms).returned_nl / 1e6:.3f}"

    def _fill(self, now_ms: int, volume_ml: float, temperature_c: float) -> str:
        self._pump.foresee(Filling(now_ms, nanolitres(volume_ml), temperature_c))
        return ""

    def _clamp(self, now_ms: int, *, percent: float) -> str:
        self._pump.inject(now_ms, "catheter-occlusion", percent)
        return ""


class _Periodic:
    """Something that happens at every whole period."""

    def __init__(self, action: Callable[[int], None]) -> None:
        self._action = action

    def wake(self, now_ms: int) -> int:
        self._action(now_ms)
        return now_ms + SURROUNDINGS_PERIOD_MS


class _Once:
    """Something that happens once, at its time or as soon after it as the world gets there."""

    def __init__(self, at_ms: int, action: Callable[[int], None]) -> None:
        self._at_ms = at_ms
        self._action = action

    def wake(self, now_ms: int) -> int | None:
        if now_ms < self._at_ms:
            return self._at_ms
        self._action(now_ms)
        return None
