"""One physical world for a simulated bench: pump in the bath, infusate dripping into a beaker on the balance.

::

    bath tank ──true temperature──▶ surroundings ──▶ pump ──delivered volume──▶ drops ──▶ beaker ──▶ balance
"""

from collections.abc import Callable, Iterable, Mapping

from firmware_model.faults.injection import Injection
from firmware_model.pump import Pump
from firmware_model.simulation import Simulation
from firmware_model.surroundings import Surroundings
from hil.bench_file import LoadedBench
from hil.errors import UsageError
from hil.pump_session import test_keys
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.beaker import Beaker
from hil.virtual_bench.bench_faults import BENCH_FAULTS
from hil.virtual_bench.device import Device
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_bath import SimulatedBath

__all__ = ["SURROUNDINGS_PERIOD_MS", "World"]

SURROUNDINGS_PERIOD_MS = 60_000
"""Surroundings are constant between whole minutes: the pump samples once a minute and its thermal mass is slower."""


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
        self._beaker, self._reference_beaker = (
            Beaker(
                density_kg_per_m3=bench.profile.infusate.density_kg_per_m3,
                drop_volume_nl=self._truth.drop_volume_nl,
                evaporation_ug_per_s=self._truth.evaporation_ug_per_s,
                room_temperature_c=self._truth.room_temperature_c,
                ambient_kpa=self._truth.ambient_kpa,
            )
            for _ in range(2)
        )
        self.devices: Mapping[str, Device] = {
            "pump": self._pump,
            "balance": SimulatedBalance(
                serial_number="SIM-BALANCE-1",
                load_g=lambda now_ms: self._beaker.load_g(now_ms, self._pump.delivered_nl(now_ms)),
                seed=seed,
            ),
            "reference_balance": SimulatedBalance(
                serial_number="SIM-BALANCE-2",
                load_g=lambda now_ms: self._reference_beaker.load_g(now_ms, 0),
                seed=seed + 1,  # wavers and drifts on its own
            ),
            "bath": SimulatedBath(self._tank),
        }
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
        self._renew_surroundings(now_ms)

    def _renew_surroundings(self, now_ms: int) -> None:
        self._pump.set_surroundings(now_ms, self._surroundings(now_ms))

    def _surroundings(self, now_ms: int) -> Surroundings:
        return Surroundings(
            temperature_c=self._tank.true_temperature_c(now_ms),
            ambient_kpa=self._truth.ambient_kpa + self._offsets["ambient-offset"],
            outlet_kpa=self._truth.outlet_kpa + self._offsets["outlet-offset"],
        )


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
