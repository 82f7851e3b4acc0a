"""What the bench file states as safe is what instruments are told, read back and are said to be: on simulated ones."""

import pytest

from hil.benches.bench_file import LoadedBench, SafeBathTable, SafeStateTable, SafeSupplyTable, load_bench
from hil.benches.safe_state import _SAFE, SafeStep, bring_to_safe_state, is_confirmed, needs_a_safe_state, safe_states
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.pressure_pace import PacePressureController
from hil.instruments.supply_scpi import KeysightSupply
from hil.shipped import shipped
from hil.virtual_bench.bath_tank import BathTank
from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_bath import SimulatedBath
from hil.virtual_bench.sim_pace import SimulatedPace
from hil.virtual_bench.sim_supply import SimulatedKeysightSupply
from hil.virtual_bench.supply_output import SupplyOutput
from tests.hil.instruments.desk import Bench


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("running", "set_point_c", "said"), [(False, 25.0, "stopped at 25.00 C"), (True, 36.5, "running at 36.50 C")]
)
def test_the_bath_is_left_as_the_file_says(before: bool, running: bool, set_point_c: float, said: str) -> None:
    """Running or stopped, at the set point, whatever it did before."""
    bench, tank = Bench(), BathTank(seed=1, ambient_c=22.0, time_constant_s=600, noise_c=0.0)
    bath = JulaboBath(bench.link(SimulatedBath(tank)), bench)
    bath.set_point(40.0)
    (bath.start if before else bath.stop)()
    wanted = SafeStateTable(bath=SafeBathTable(set_point_c=set_point_c, running=running))
    say, leave = _SAFE["bath"]
    leave(bath, wanted)
    assert (bath.running(), bath.set_point_c()) == (running, set_point_c)
    assert say(wanted) == said


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("output", [False, True])
def test_the_supply_is_left_as_the_file_says(before: bool, output: bool) -> None:
    """On or off, whatever it was."""
    bench, line = Bench(), SupplyOutput(load_a=lambda _: 0.02, changed=lambda _: None)
    supply = KeysightSupply(bench.link(SimulatedKeysightSupply(line)), bench)
    supply.output(on=before)
    say, leave = _SAFE["supply"]
    wanted = SafeStateTable(supply=SafeSupplyTable(output=output))
    leave(supply, wanted)
    assert line.on == output
    assert say(wanted) == ("output on" if output else "output off")


@pytest.mark.parametrize("role", ["outlet_pressure", "ambient_pressure"])
def test_pressures_are_vented(role: str) -> None:
    """The line has the room's pressure, and nothing holds another."""
    bench, line = Bench(), PressureLine(atmosphere_kpa=100.0)
    controller = PacePressureController(bench.link(SimulatedPace(line)), bench)
    controller.control(130.0)
    bench.sleep_ms(60_000)
    say, leave = _SAFE[role]
    leave(controller, SafeStateTable())
    assert not controller.is_controlling()
    assert line.pressure_kpa(bench.time_ms) == pytest.approx(100.0, abs=0.02)
    assert say(SafeStateTable()) == "vented"


def _bench(name: str) -> LoadedBench:
    return load_bench(shipped(f"benches/{name}.toml"))


def test_what_takes_the_pump_out_of_danger_comes_first() -> None:
    """Pressures, then current, then heat; balances, multimeters and the pump are left alone."""
    states = safe_states(_bench("served-full"))
    assert list(states) == ["outlet_pressure", "ambient_pressure", "supply", "bath"]
    assert states == {
        "outlet_pressure": "vented",
        "ambient_pressure": "vented",
        "supply": "output off",
        "bath": "stopped at 25.00 C",
    }


def test_only_what_outlives_the_run_needs_it() -> None:
    """A simulated bench goes with its process; one that is served, or real, does not."""
    for name, needs in (("full", False), ("simulated", False), ("served", True), ("served-full", True)):
        assert needs_a_safe_state(_bench(name)) == needs, name
        if not needs:
            assert bring_to_safe_state(_bench(name)) == []


def test_one_that_is_not_known_is_enough_to_say_so() -> None:
    """The bench is confirmed only if no step has a problem."""
    good, bad = SafeStep("bath", "stopped", "stopped"), SafeStep("supply", "output off", "not known", "unplugged")
    assert is_confirmed([])
    assert is_confirmed([good, good])
    assert not is_confirmed([good, bad])
    assert not is_confirmed([bad, good])
