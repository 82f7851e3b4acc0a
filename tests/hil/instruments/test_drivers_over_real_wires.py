"""Every driver, over pseudo-terminals and sockets, by pyserial and by VISA."""

from collections.abc import Callable
from typing import Any

import pytest

from hil.clock import WallClock
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.balance_sbi import SbiBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.multimeter_scpi import RigolMultimeter, ScpiMultimeter
from hil.instruments.pressure_pace import PacePressureController
from hil.instruments.supply_scpi import KeysightSupply, RigolSupply
from hil.links.open_link import open_link
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_balance_sbi import SimulatedSbiBalance
from hil.virtual_bench.sim_bath import SimulatedBath
from hil.virtual_bench.sim_multimeter import SimulatedMultimeter, SimulatedRigolMultimeter
from hil.virtual_bench.sim_pace import SimulatedPace
from hil.virtual_bench.sim_supply import SimulatedKeysightSupply, SimulatedRigolSupply
from hil.virtual_bench.supply_output import SupplyOutput
from tests.hil.instruments.served import WIRES, served

pytestmark = pytest.mark.system

_RATE = 50
"""Bench time runs fast: a bath wants a quarter of a second between two commands."""


def balance(balance: Any) -> None:
    """Weigh, tare, weigh net."""
    assert balance.weigh_stable().mass_g == pytest.approx(55.0, abs=0.001)
    balance.tare()
    assert balance.weigh().mass_g == pytest.approx(0.0, abs=0.001)


def bath(bath: Any) -> None:
    """Set, start, stop."""
    bath.set_point(37.0)
    bath.start()
    assert bath.running()
    assert 21 < bath.temperature_c() < 38
    bath.stop()


def pressure(controller: Any) -> None:
    """Control, and vent."""
    controller.control(110.0)
    assert controller.pressure_kpa() <= 110.0
    controller.vent()
    assert not controller.is_controlling()
    assert controller.pressure_kpa() == pytest.approx(101.325, abs=0.05)


def meter(meter: Any) -> None:
    """Voltage and temperature."""
    assert meter.voltage_v() == pytest.approx(3.6, abs=1e-4)
    assert meter.temperature_c() == pytest.approx(37.0, abs=0.01)


def supply(supply: Any) -> None:
    """On, measured, off."""
    supply.set(3.6, 0.1)
    supply.output(True)
    assert supply.voltage_v() == pytest.approx(3.6)
    supply.output(False)


def _output() -> SupplyOutput:
    return SupplyOutput(load_a=lambda _: 0.02)


def _volts(_: int) -> float:
    return 3.6


def _celsius(_: int) -> float:
    return 37.0


CASES: dict[str, tuple[Callable[..., Any], Callable[[], Any], Callable[[Any], None]]] = {
    "mt-sics": (
        MtSicsBalance,
        lambda: SimulatedBalance(serial_number="B", load_g=lambda _: 55.0, seed=1),
        balance,
    ),
    "sbi": (SbiBalance, lambda: SimulatedSbiBalance(serial_number="B", load_g=lambda _: 55.0, seed=1), balance),
    "julabo": (
        JulaboBath,
        lambda: SimulatedBath(BathTank(seed=1, ambient_c=22.0, time_constant_s=600, noise_c=0.0)),
        bath,
    ),
    "pace": (PacePressureController, lambda: SimulatedPace(PressureLine()), pressure),
    "keysight": (ScpiMultimeter, lambda: SimulatedMultimeter(_volts, _volts, 1, temperature_c=_celsius), meter),
    "rigol": (RigolMultimeter, lambda: SimulatedRigolMultimeter(_volts, _volts, 1, temperature_c=_celsius), meter),
    "keysight-supply": (KeysightSupply, lambda: SimulatedKeysightSupply(_output()), supply),
    "rigol-supply": (RigolSupply, lambda: SimulatedRigolSupply(_output()), supply),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", CASES)
def test_a_driver_works_over_every_wire(name: str, wire: str) -> None:
    """Identity, then what the role is for."""
    driver, device, use = CASES[name]
    with served(device(), wire) as resource, open_link(resource, driver.SERIAL) as link:  # type: ignore[attr-defined]
        instrument = driver(link, WallClock(rate=_RATE))
        assert instrument.identify().model or name == "julabo"
        use(instrument)
