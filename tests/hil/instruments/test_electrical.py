"""Multimeters and supplies of both dialects, over a virtual wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InstrumentFault
from hil.instruments.multimeter import Multimeter
from hil.instruments.multimeter_scpi import RigolMultimeter, ScpiMultimeter
from hil.instruments.supply import Supply
from hil.instruments.supply_scpi import KeysightSupply, RigolSupply
from hil.virtual_bench.sim_multimeter import SimulatedMultimeter, SimulatedRigolMultimeter
from hil.virtual_bench.sim_supply import SimulatedKeysightSupply, SimulatedRigolSupply
from hil.virtual_bench.supply_output import SupplyOutput
from tests.hil.instruments.desk import Bench, Scripted

_SUPPLIES = [(KeysightSupply, SimulatedKeysightSupply), (RigolSupply, SimulatedRigolSupply)]
_MULTIMETERS = [(ScpiMultimeter, SimulatedMultimeter), (RigolMultimeter, SimulatedRigolMultimeter)]


@pytest.fixture(params=_SUPPLIES, ids=["keysight", "rigol"])
def supply(request: pytest.FixtureRequest) -> tuple[SupplyOutput, Supply, list[int]]:
    """An output with a load of 20 mA, a driver on its simulated supply, and the times of its changes."""
    driver, device = request.param
    bench, changes = Bench(), list[int]()
    output = SupplyOutput(load_a=lambda _: 0.020, changed=changes.append)
    return output, driver(bench.link(device(output)), bench), changes


def test_a_supply_feeds_its_load(supply: tuple[SupplyOutput, Supply, list[int]]) -> None:
    """Set, switched on, measured, switched off: each is read back, and the world is told of each."""
    output, driver, changes = supply
    assert driver.identify().serial_number == "SIM-SUPPLY-1"
    driver.set(3.6, 0.1)
    assert not driver.is_on()
    assert driver.voltage_v() == 0.0
    driver.output(True)
    assert driver.is_on()
    assert (driver.set_voltage_v(), driver.voltage_v(), driver.current_a()) == pytest.approx((3.6, 3.6, 0.02))
    driver.output(False)
    assert not output.on
    assert driver.current_a() == 0.0
    assert len(changes) == 4


def test_a_load_beyond_the_limit_pulls_the_voltage_down(supply: tuple[SupplyOutput, Supply, list[int]]) -> None:
    """In constant current the limit flows and the voltage falls."""
    output, driver, _ = supply
    driver.set(3.6, 0.005)
    driver.output(True)
    assert driver.current_a() == pytest.approx(0.005)
    assert driver.voltage_v() == pytest.approx(0.9)
    assert output.limits_current(0)


@pytest.mark.parametrize(("volts", "amps"), [(99.0, 0.1), (3.6, 99.0), (-1.0, 0.1)])
def test_what_a_supply_refuses_is_said_in_its_words(
    supply: tuple[SupplyOutput, Supply, list[int]], volts: float, amps: float
) -> None:
    """A setting beyond the rating is its error, and the output keeps its voltage."""
    output, driver, _ = supply
    with pytest.raises(InstrumentFault, match=r"the supply did not take .*-222, Data out of range"):
        driver.set(volts, amps)
    assert output.set_voltage_v == 0.0


@given(volts=st.floats(0, 32), amps=st.floats(0, 3.2), load_a=st.floats(0, 5))
def test_no_output_gives_more_than_it_is_set_to(volts: float, amps: float, load_a: float) -> None:
    """Never more than the set voltage, the limit, or what the load wants."""
    output = SupplyOutput(load_a=lambda _: load_a, voltage_v=volts, current_limit_a=amps, on=True)
    assert 0 <= output.voltage_v(0) <= volts
    assert 0 <= output.current_a(0) <= min(amps, load_a)


def test_another_channel_is_not_there() -> None:
    """The simulated supplies have one output: asking for the second is their error."""
    bench = Bench()
    output = SupplyOutput(load_a=lambda _: 0.0)
    for driver, device in _SUPPLIES:
        with pytest.raises(InstrumentFault, match="Data out of range"):
            driver(bench.link(device(output)), bench, channel=2).output(True)
    assert not output.on


@pytest.mark.parametrize("state", [b"1\n", b"ON\r\n", b" on \n", b"+1\n"])
def test_output_states_come_in_several_words(state: bytes) -> None:
    """1 and ON are on; what is neither on nor off is no answer."""
    bench = Bench()
    driver = RigolSupply(bench.link(Scripted(b"A,B,C,D\n", state)), bench)
    if state == b"+1\n":
        with pytest.raises(InstrumentFault, match="1, 0, ON or OFF"):
            driver.is_on()
    else:
        assert driver.is_on()


@pytest.mark.parametrize(("driver", "device"), _MULTIMETERS, ids=["keysight", "rigol"])
def test_a_multimeter_measures(driver: type[ScpiMultimeter], device: type[SimulatedMultimeter]) -> None:
    """Voltage, current and temperature within the noise of the range, whatever unit was on the display."""
    bench = Bench()
    simulated = device(lambda _: 3.6, lambda _: 2.1e-5, 3, temperature_c=lambda _: 37.0)
    simulated.receive(0, b"UNIT:TEMP F\n")
    meter: Multimeter = driver(bench.link(simulated), bench)
    assert meter.identify().serial_number == "SIM-MULTIMETER-1"
    assert meter.voltage_v() == pytest.approx(3.6, abs=3e-5)
    assert meter.current_a() == pytest.approx(2.1e-5, abs=1e-9)
    assert meter.temperature_c() == pytest.approx(37.0, abs=0.003)


@pytest.mark.parametrize(("driver", "device"), _MULTIMETERS, ids=["keysight", "rigol"])
def test_overload_is_a_fault_and_no_number(driver: type[ScpiMultimeter], device: type[SimulatedMultimeter]) -> None:
    """9.9E37 never becomes a voltage, a current or a temperature."""
    bench = Bench()
    meter = driver(bench.link(device(lambda _: 5000.0, lambda _: -80.0, 3)), bench)
    for read in (meter.voltage_v, meter.current_a, meter.temperature_c):
        with pytest.raises(InstrumentFault, match="overload"):
            read()


def test_the_reading_that_was_configured_is_read() -> None:
    """CONF and READ? measure what was configured last."""
    meter = SimulatedMultimeter(lambda _: 3.6, lambda _: 0.02, 3)
    assert float(meter.receive(0, b"CONF:CURR:DC\nREAD?\n")) == pytest.approx(0.02, abs=1e-6)
    assert float(meter.receive(0, b"CONF:VOLT:DC 10,0.003;READ?\n")) == pytest.approx(3.6, abs=1e-4)


def test_a_query_that_the_instrument_does_not_know_is_explained() -> None:
    """It stays silent, and its error queue says why: that is what the fault says."""
    bench = Bench()
    table = SimulatedMultimeter(lambda _: 0.0, lambda _: 0.0, 3)
    table._table = [row for row in table._table if not row[0].fullmatch("MEAS:VOLT")]
    with pytest.raises(InstrumentFault, match=r"did not take MEAS:VOLT:DC\?: -113, Undefined header"):
        ScpiMultimeter(bench.link(table), bench).voltage_v()
