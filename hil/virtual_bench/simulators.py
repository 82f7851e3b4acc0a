"""Which simulator stands in for which driver: a row for each instrument that a simulated bench can have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hil.benches.instrument_tables import InstrumentTable
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.device import Device
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_balance_sbi import SimulatedSbiBalance
from hil.virtual_bench.sim_bath import SimulatedBath
from hil.virtual_bench.sim_multimeter import SimulatedMultimeter, SimulatedRigolMultimeter
from hil.virtual_bench.sim_operator import Hand, SimulatedOperator
from hil.virtual_bench.sim_pace import SimulatedPace
from hil.virtual_bench.sim_supply import SimulatedKeysightSupply, SimulatedRigolSupply
from hil.virtual_bench.supply_output import SupplyOutput

__all__ = ["Physics", "simulator_of"]

AtTime = Callable[[int], float]
"""A quantity at a time in bench ms."""


@dataclass(frozen=True)
class Physics:
    """What the simulated instruments sense and move."""

    seed: int
    load_g: AtTime
    reference_load_g: AtTime
    tank: BathTank
    ambient_line: PressureLine
    outlet_line: PressureLine
    supply_output: SupplyOutput
    volts: AtTime
    amps: AtTime
    hands: Mapping[str, Hand]


_REFERENCE_SEED = 0x5EED
"""Apart from the other balance's: two balances do not waver together."""


def _balance(driver: str, physics: Physics) -> Device:
    return _BALANCES[driver](serial_number="SIM-BALANCE-1", load_g=physics.load_g, seed=physics.seed)


def _reference_balance(driver: str, physics: Physics) -> Device:
    seed = physics.seed ^ _REFERENCE_SEED
    return _BALANCES[driver](serial_number="SIM-BALANCE-2", load_g=physics.reference_load_g, seed=seed)


def _multimeter(driver: str, physics: Physics) -> Device:
    bath_c = physics.tank.true_temperature_c
    return _MULTIMETERS[driver](physics.volts, physics.amps, physics.seed, temperature_c=bath_c)


_BALANCES: Mapping[str, Callable[..., Device]] = {"mt-sics": SimulatedBalance, "sbi": SimulatedSbiBalance}
_MULTIMETERS: Mapping[str, Callable[..., Device]] = {
    "keysight": SimulatedMultimeter,
    "rigol": SimulatedRigolMultimeter,
}
_SUPPLIES: Mapping[str, Callable[[SupplyOutput], Device]] = {
    "keysight": SimulatedKeysightSupply,
    "rigol": SimulatedRigolSupply,
}

_ROLES: Mapping[str, Callable[[str, Physics], Device]] = {
    "balance": _balance,
    "reference_balance": _reference_balance,
    "bath": lambda _, physics: SimulatedBath(physics.tank),
    "ambient_pressure": lambda _, physics: SimulatedPace(physics.ambient_line, serial_number="SIM-PRESSURE-1"),
    "outlet_pressure": lambda _, physics: SimulatedPace(physics.outlet_line, serial_number="SIM-PRESSURE-2"),
    "multimeter": _multimeter,
    "supply": lambda driver, physics: _SUPPLIES[driver](physics.supply_output),
    "operator": lambda _, physics: SimulatedOperator(physics.hands),
}


def simulator_of(role: str, table: InstrumentTable, physics: Physics) -> Device:
    """The simulated instrument that answers the driver of ``table``."""
    return _ROLES[role](table.driver, physics)
