"""The PACE pressure controller, its line and its driver, over a virtual wire."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InstrumentFault
from hil.instruments.pressure_pace import PacePressureController
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_pace import SimulatedPace
from tests.hil.instruments.desk import Bench, Scripted


def simulated(**settings: Any) -> tuple[Bench, PressureLine, PacePressureController]:
    """A driver on a simulated controller."""
    bench, line = Bench(), PressureLine(atmosphere_kpa=100.0)
    return bench, line, PacePressureController(bench.link(SimulatedPace(line, **settings)), bench)


@pytest.mark.parametrize("unit", ["KPA", "HPA", "BAR", "PSI", "MMHG"])
def test_it_goes_where_it_is_told_in_any_unit(unit: str) -> None:
    """Set point and slew mean the same whatever somebody set on the panel."""
    bench, line, controller = simulated(unit=unit)
    assert controller.identify().serial_number == "SIM-PRESSURE-1"
    controller.control(110.0, slew_kpa_per_s=2.0)
    assert controller.is_controlling()
    assert not controller.in_limits()
    began_ms = bench.time_ms
    bench.sleep_ms(1000)
    assert line.pressure_kpa(began_ms + 1000) == pytest.approx(102.0, abs=1e-4)
    assert controller.pressure_kpa() == pytest.approx(102.0, abs=1e-4)
    bench.sleep_ms(10_000)
    assert controller.in_limits()
    assert controller.pressure_kpa() == pytest.approx(110.0, abs=1e-4)
    assert controller.set_point_kpa() == pytest.approx(110.0, abs=1e-4)


def test_venting_is_seen_to_be_completed() -> None:
    """After vent() the output is off and the line has the room's pressure, within two seconds."""
    bench, line, controller = simulated()
    controller.control(180.0)
    bench.sleep_ms(60_000)
    began_ms = bench.time_ms
    controller.vent()
    assert bench.time_ms - began_ms < 2000
    assert not controller.is_controlling()
    assert line.pressure_kpa(bench.time_ms) == pytest.approx(100.0, abs=0.02)


def test_a_line_is_open_until_it_is_first_switched_on() -> None:
    """The room's pressure is the line's at once, and a vent has nothing to do; once it was controlled it is shut."""
    bench, line, controller = simulated()
    controller.output_off()
    controller.vent()
    line.set_atmosphere(bench.time_ms, 80.0)
    assert controller.pressure_kpa() == pytest.approx(80.0, abs=1e-4)
    controller.control(120.0)
    bench.sleep_ms(60_000)
    controller.vent()
    line.set_atmosphere(bench.time_ms, 100.0)
    bench.sleep_ms(60_000)
    assert controller.pressure_kpa() == pytest.approx(80.0, abs=0.1)


def test_a_line_that_is_shut_keeps_its_pressure_and_leaks() -> None:
    """output_off leaves the pressure where it is; in an hour a little of it has gone."""
    bench, _, controller = simulated()
    controller.control(150.0)
    bench.sleep_ms(60_000)
    controller.output_off()
    assert controller.pressure_kpa() == pytest.approx(150.0, abs=0.01)
    bench.sleep_ms(3_600_000)
    assert 140 < controller.pressure_kpa() < 149


@pytest.mark.parametrize(("pressure_kpa", "slew"), [(9999.0, None), (-5.0, None), (110.0, 1e6)])
def test_what_the_controller_refuses_is_said_in_its_words(pressure_kpa: float, slew: float | None) -> None:
    """A set point or slew out of range comes back as its error, and the output stays off."""
    _, line, controller = simulated()
    with pytest.raises(InstrumentFault, match=r"did not take .*-222, Data out of range"):
        controller.control(pressure_kpa, slew)
    assert not line.is_controlled()


def test_a_set_point_that_is_not_taken_is_found_by_reading_back() -> None:
    """No error, and still another set point: the driver looks."""
    bench = Bench()
    quiet = b':SYST:ERR 0,"No error"\n'
    said = [b"*IDN A,B,C,D\n", b":UNIT:PRES KPA\n", quiet, b"", quiet, b":SOUR:PRES:LEV:IMM:AMPL 100.0\n"]
    controller = PacePressureController(bench.link(Scripted(*said, b":UNIT:PRES KPA\n")), bench)
    with pytest.raises(InstrumentFault, match=r"a set point of 120\.0 kPa: it is at 100 kPa"):
        controller.control(120.0)


def test_a_vent_that_never_ends_is_a_fault() -> None:
    """Under way for a minute is not vented."""
    bench = Bench()
    quiet, venting = b':SYST:ERR 0,"No error"\n', b":SOUR:PRES:LEV:IMM:AMPL:VENT 1\n"
    said = [b"*IDN A,B,C,D\n", quiet, b"", quiet, b":OUTP:STAT 0\n", b"", quiet, *[venting] * 700]
    controller = PacePressureController(bench.link(Scripted(*said)), bench)
    with pytest.raises(InstrumentFault, match="has not vented within 60 s"):
        controller.vent()


def test_errors_of_somebody_else_are_not_ours() -> None:
    """What was in the queue before our first change is thrown away."""
    bench, line = Bench(), PressureLine()
    device = SimulatedPace(line)
    device.receive(0, b":FRED 1\n" * 9)
    PacePressureController(bench.link(device), bench).control(110.0)
    assert line.is_controlled()


def test_the_error_queue_runs_over() -> None:
    """It keeps its oldest errors, says in its last place that there were more, and is empty once read."""
    device = SimulatedPace(PressureLine())
    assert device.receive(0, b":FRED?\n:SOUR:PRES oops\n" + b":FRED 1\n" * 9) == b""
    said = device.receive(0, b":SYST:ERR?\n" * 6).decode().splitlines()
    assert said[:2] == [':SYST:ERR -113,"Undefined header"', ':SYST:ERR -104,"Data type error"']
    assert said[4:] == [':SYST:ERR -350,"Queue overflow"', ':SYST:ERR 0,"No error"']


_CHANGES = st.lists(
    st.tuples(
        st.integers(0, 100_000),
        st.sampled_from(["on", "off", "vent", "stop", "set", "slew", "weather"]),
        st.floats(50, 200),
    ),
    max_size=6,
)


def _change(line: PressureLine, at_ms: int, change: str, value: float) -> None:
    do: dict[str, Callable[[], None]] = {
        "on": lambda: line.switch(at_ms, on=True),
        "off": lambda: line.switch(at_ms, on=False),
        "vent": lambda: line.vent(at_ms),
        "stop": lambda: line.vent(at_ms, on=False),
        "set": lambda: line.set_point(at_ms, value),
        "slew": lambda: line.set_slew(at_ms, value),
        "weather": lambda: line.set_atmosphere(at_ms, value),
    }
    do[change]()


@given(changes=_CHANGES, looks=st.lists(st.integers(0, 100_000), max_size=6))
def test_a_line_does_not_care_who_looks_and_never_jumps(
    changes: list[tuple[int, str, float]], looks: list[int]
) -> None:
    """Pressure is a function of time: continuous once it was on, between what it has seen, the same for all."""
    watched, alone = PressureLine(), PressureLine()
    is_open = True
    for at_ms, change, value in sorted(changes):
        for look in sorted(look for look in looks if look <= at_ms):
            watched.pressure_kpa(max(look, watched._since_ms))
        before = alone.pressure_kpa(at_ms)
        for line in (watched, alone):
            _change(line, at_ms, change, value)
        is_open = is_open and change != "on"
        expected = alone.vent_kpa if is_open else before
        assert alone.pressure_kpa(at_ms) == pytest.approx(expected, abs=1e-9)
    assert watched.pressure_kpa(200_000) == alone.pressure_kpa(200_000)
    assert 49.9 < alone.pressure_kpa(200_000) < 200.1


def test_a_gauge_line_vents_to_nothing() -> None:
    """In gauge the room's pressure is 0."""
    line = PressureLine(reference="gauge")
    line.set_point(0, 20.0)
    line.switch(0, on=True)
    assert line.pressure_kpa(60_000) == 20.0
    line.vent(60_000)
    assert line.is_venting(60_001)
    assert line.pressure_kpa(65_000) == pytest.approx(0.0, abs=0.011)
    assert line.has_vented(65_000)
