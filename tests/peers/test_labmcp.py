"""The drivers against LabMCP's simulators of balances, a bath, a supply and a multimeter, which nobody here wrote.

They come with the dependency group ``peers``; each is served behind a socket and read by pyserial and by VISA.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from hil.clock import WallClock
from hil.errors import InstrumentFault
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.balance_sbi import SbiBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.multimeter_scpi import ScpiMultimeter
from hil.instruments.supply_scpi import RigolSupply
from hil.links.open_link import open_link
from tests.hil.instruments.served import served
from tests.peers.deviations import DEVIATIONS

# Looked for, not imported: that takes seconds in each of the test processes.
_IS_THERE = importlib.util.find_spec("labmcp") is not None
pytestmark = [
    pytest.mark.peer,
    pytest.mark.system,
    pytest.mark.skipif(not _IS_THERE, reason="the dependency group 'peers' is not installed"),
]


class Lines:
    """A simulator of theirs, which takes and gives lines, as a device on a wire."""

    def __init__(self, simulator: Any, ends: bytes, gives: bytes) -> None:
        self._simulator, self._ends, self._gives = simulator, ends, gives
        self._received = b""

    def receive(self, now_ms: int, data: bytes) -> bytes:  # noqa: ARG002 - they have clocks of their own
        """What they say to every whole line."""
        *lines, self._received = (self._received + data).split(self._ends)
        said: list[str] = []
        for line in lines:
            answer = self._simulator.handle(line.decode("latin-1"))
            said += [answer] if isinstance(answer, str) else answer or []
        return b"".join(one.encode("latin-1") + self._gives for one in said)

    def next_emit_ms(self) -> None:
        """Never."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        """Nothing."""
        return b""


def put_on(simulator: Any, load_g: float) -> None:
    """Put a load on the pan; some of them settle first."""
    place = getattr(simulator, "place", lambda load_g: setattr(simulator, "load_g", load_g))
    place(load_g)


def balance(driver: Any, simulator: Any) -> None:
    """Weigh, tare, weigh net; too much is a fault in words."""
    put_on(simulator, 55.0)
    assert driver.weigh_stable().mass_g == pytest.approx(55.0, abs=0.001)
    driver.tare()
    assert driver.weigh_stable().mass_g == pytest.approx(0.0, abs=0.001)
    put_on(simulator, 400.0)
    with pytest.raises(InstrumentFault, match="overload"):
        driver.weigh_stable()


def bath(driver: Any, _: Any) -> None:
    """Set, start, watch it, stop; what it refuses is found in its status."""
    driver.set_point(37.0)
    driver.start()
    assert 20 < driver.temperature_c() < 38
    with pytest.raises(InstrumentFault, match="-11 VALUE TOO LARGE"):
        driver.set_point(500.0)
    driver.stop()
    assert driver.status() == (2, "REMOTE STOP")


def supply(driver: Any, _: Any) -> None:
    """Set, on, in constant current at its 10 ohm, off; what it refuses is said in its words."""
    driver.set(3.6, 0.1)
    driver.output(True)
    assert driver.set_voltage_v() == 3.6
    assert driver.voltage_v() == pytest.approx(1.0, abs=0.005)
    assert driver.current_a() == pytest.approx(0.1, abs=0.002)
    driver.output(False)
    assert not driver.is_on()
    with pytest.raises(InstrumentFault, match=r"did not take :APPL CH1,99,0\.1: -22"):
        driver.set(99.0, 0.1)


def meter(driver: Any, simulator: Any) -> None:
    """The voltage that its own supply gives."""
    simulator.handle("VOLT 3.6;CURR 1;OUTP ON")
    simulator._v_out = 3.6
    assert driver.voltage_v() == pytest.approx(3.6, abs=1e-3)
    assert driver.current_a() == pytest.approx(0.036, abs=1e-4)


Case = tuple[Any, str, str, dict[str, Any], bytes, bytes, Callable[[Any, Any], None]]
CASES: dict[str, Case] = {
    "labmcp-mettler-toledo": (MtSicsBalance, "labmcp_mettler_toledo", "MTSICSSimulator", {}, b"\r\n", b"\r\n", balance),
    "labmcp-sartorius": (SbiBalance, "labmcp_sartorius", "SBISimulator", {"time_scale": 50}, b"\r\n", b"\r\n", balance),
    "labmcp-julabo": (JulaboBath, "labmcp_julabo", "JulaboSimulator", {}, b"\r", b"\r\n", bath),
    "labmcp-bench-psu": (RigolSupply, "labmcp_bench_psu", "RigolSimulator", {"model": "DP832"}, b"\n", b"\n", supply),
    "labmcp-scpi": (ScpiMultimeter, "labmcp_scpi", "DMMPowerSupplySimulator", {}, b"\n", b"\n", meter),
}


@pytest.mark.parametrize("wire", ["serial-socket", "visa-socket"])
@pytest.mark.parametrize("name", CASES)
def test_driver_works_against_an_instrument_that_nobody_here_wrote(name: str, wire: str) -> None:
    """Identity, then what the role is for, and a refusal."""
    assert name in DEVIATIONS
    driver, package, simulator_name, settings, ends, gives, use = CASES[name]
    simulator = getattr(importlib.import_module(f"{package}.simulator"), simulator_name)(**settings)
    device = Lines(simulator, ends, gives)
    with served(device, wire) as resource, open_link(resource, driver.SERIAL) as link:
        instrument = driver(link, WallClock(rate=50))
        told = instrument.identify()
        assert told.serial_number or "JULABO" in told.version
        use(instrument, simulator)
