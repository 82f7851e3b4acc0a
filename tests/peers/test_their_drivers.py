"""LabMCP's drivers, which nobody here wrote, against the simulated instruments: their readers find what ours find."""

import importlib
import itertools
from typing import Any

import pytest

from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.device import Device
from hil.virtual_bench.sim_balance import SimulatedBalance
from hil.virtual_bench.sim_balance_sbi import SimulatedSbiBalance
from hil.virtual_bench.sim_bath import SimulatedBath
from hil.virtual_bench.sim_supply import SimulatedRigolSupply
from hil.virtual_bench.supply_output import SupplyOutput

labmcp = pytest.importorskip("labmcp", reason="the dependency group 'peers' is not installed")
pytestmark = pytest.mark.peer


def theirs(package: str, driver: str, device: Device, ends: str, gives: str, *more: Any) -> Any:
    """Their driver on one of our devices; bench time goes on by 2 s with every command."""
    from labmcp.transports import ByteSimulator, SimulatedTransport  # noqa: PLC0415 - after importorskip

    clock = itertools.count(2000, 2000)

    class Wire(ByteSimulator):  # type: ignore[misc]
        def handle_bytes(self, data: bytes) -> bytes:
            return device.receive(next(clock), data)

    transport = SimulatedTransport(Wire(), write_termination=ends, read_termination=gives)
    return getattr(importlib.import_module(f"{package}.driver"), driver)(transport, *more)


def test_their_sbi_driver_weighs_ours() -> None:
    """Model, serial number, a stable weight, nothing after taring."""
    device = SimulatedSbiBalance(serial_number="37454321", load_g=lambda _: 55.0, seed=1)
    balance = theirs("labmcp_sartorius", "SBIBalance", device, "\r\n", "\r\n")
    assert "37454321" in balance.identify().values()
    assert float(balance.weight().value) == pytest.approx(55.0, abs=0.001)
    balance.tare()
    assert float(balance.weight().value) == pytest.approx(0.0, abs=0.001)


def test_their_mt_sics_driver_weighs_ours() -> None:
    """Serial number, a stable weight, nothing after taring."""
    device = SimulatedBalance(serial_number="B246", load_g=lambda _: 55.0, seed=1)
    balance = theirs("labmcp_mettler_toledo", "MTSICSBalance", device, "\r\n", "\r\n")
    assert "B246" in balance.identify().values()
    assert float(balance.weight().value) == pytest.approx(55.0, abs=0.001)
    balance.tare()
    assert float(balance.weight().value) == pytest.approx(0.0, abs=0.001)


def test_their_julabo_driver_runs_ours() -> None:
    """Set, start, read, stop; what ours refuses, theirs reports."""
    tank = BathTank(seed=1, ambient_c=22.0, time_constant_s=600, noise_c=0.0)
    bath = theirs("labmcp_julabo", "JulaboCirculator", SimulatedBath(tank), "\r", "\r\n")
    bath.set_setpoint(37.0)
    bath.start()
    assert bath.is_running()
    assert bath.setpoint_c() == 37.0
    assert 21 < bath.bath_temperature_c() < 38
    with pytest.raises(Exception, match="VALUE TOO LARGE"):
        bath.set_setpoint(120.0)
    bath.stop()
    assert not tank.running


def test_their_rigol_driver_runs_ours() -> None:
    """Set, on, measured, off."""
    output = SupplyOutput(load_a=lambda _: 0.02)
    channels = importlib.import_module("labmcp_bench_psu.driver").RIGOL_MODELS["DP832"]
    supply = theirs("labmcp_bench_psu", "RigolPSU", SimulatedRigolSupply(output), "\n", "\n", {}, channels)
    supply.set_voltage(1, 3.6)
    supply.set_current(1, 0.1)
    supply.set_output(1, True)
    assert supply.setpoints(1) == pytest.approx((3.6, 0.1))
    assert supply.measure(1) == pytest.approx((3.6, 0.02), abs=1e-3)
    assert supply.output_state(1) is True
    supply.set_output(1, False)
    assert not output.on
