"""The timeline: what is done, when, and in which order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.scenario.scenario import Fault, Scenario, Visit
from firmware_model.scenario.timeline import Aspirate, Bolus, Command, Fill, Inject, timeline
from tests.firmware_model.scenario.written import HOUR_MS, loaded

_MINUTE_MS = 60_000


def test_a_refill_step_by_step(tmp_path: Path) -> None:
    """Begun at its time, emptied at 40 % of its duration, filled at 70 %, told and completed at its end."""
    text = """
    [[refill]]
    at = "1h"
    duration = "10min"
    fill_ml = 25.5
    drug = "FUDR"
    concentration_mg_per_ml = 9.5
    """
    hour = HOUR_MS
    assert timeline(loaded(tmp_path, text).scenario) == (
        Command(hour, "begin-refill"),
        Aspirate(hour + 4 * _MINUTE_MS),
        Command(hour + 4 * _MINUTE_MS, "returned", None),
        Fill(hour + 7 * _MINUTE_MS, 25_500_000, 22.0),
        Command(hour + 10 * _MINUTE_MS, "filled", 25_500_000),
        Command(hour + 10 * _MINUTE_MS, "drug", drug="FUDR", concentration_ug_per_ml=9500),
        Command(hour + 10 * _MINUTE_MS, "complete-refill"),
    )


def test_what_is_typed_in_may_differ(tmp_path: Path) -> None:
    """Reported volumes replace the true ones in what the pump is told, not in what happens."""
    text = '[[refill]]\nat="1h"\nfill_ml=20\nreported_returned_ml=3.5\nreported_fill_ml=28\ninfusate_c=4\n'
    actions = timeline(loaded(tmp_path, text).scenario)
    told = {action.verb: action.volume_nl for action in actions if isinstance(action, Command)}
    assert (told["returned"], told["filled"]) == (3_500_000, 28_000_000)
    assert [action for action in actions if isinstance(action, Fill)] == [Fill(74 * _MINUTE_MS, 20_000_000, 4.0)]


def test_an_unannounced_refill_has_no_programmer(tmp_path: Path) -> None:
    """Only needles, at the same times."""
    actions = timeline(loaded(tmp_path, '[[refill]]\nat="1h"\nfill_ml=20\nannounced=false\n').scenario)
    assert actions == (Aspirate(68 * _MINUTE_MS), Fill(74 * _MINUTE_MS, 20_000_000, 22.0))


def test_needles_move_at_whole_seconds(tmp_path: Path) -> None:
    """A refill of an odd duration still has its needles at whole seconds, inside of it."""
    actions = timeline(loaded(tmp_path, '[[refill]]\nat="1h"\nduration="61.7s"\nfill_ml=20\n').scenario)
    assert [action.at_ms - HOUR_MS for action in actions] == [0, 24_000, 24_000, 43_000, 61_700, 61_700, 61_700]


def test_things_happen_by_time_then_faults_first(tmp_path: Path) -> None:
    """At one time faults come before needles, needles before visits, and within a table the file's order holds."""
    text = """
    visit = [{ at = "2h", actions = ["set-clock", "acknowledge"] }, { at = "1h", actions = ["self-test"] }]
    bolus = [{ at = "2h", volume_ml = 2.0 }]
    refill = [{ at = "2h", fill_ml = 20 }]
    fault = [{ name = "reset", at = "2h" }, { name = "brown-out", at = "2h" }]
    """
    told = [
        getattr(action, "fault", getattr(action, "verb", type(action).__name__))
        for action in timeline(loaded(tmp_path, text).scenario)
        if action.at_ms <= 2 * HOUR_MS
    ]
    assert told == ["self-test", "reset", "brown-out", "begin-refill", "Bolus", "set-clock", "acknowledge"]


def test_a_bolus_keeps_its_volume_and_duration(tmp_path: Path) -> None:
    """Millilitres become nanolitres."""
    actions = timeline(loaded(tmp_path, '[[bolus]]\nat="1h"\nvolume_ml=2.5\nduration="90s"\n').scenario)
    assert actions == (Bolus(HOUR_MS, 2_500_000, 90_000),)


def test_a_fault_of_a_moment_is_one_step(tmp_path: Path) -> None:
    """Without ramp or duration a fault takes its value once, its default if none is given."""
    text = '[[fault]]\nname="catheter-occlusion"\nat="1h"\n[[fault]]\nname="clock-jump"\nat="1h"\nvalue="-60s"\n'
    assert timeline(loaded(tmp_path, text).scenario) == (
        Inject(HOUR_MS, "catheter-occlusion", 100.0),
        Inject(HOUR_MS, "clock-jump", -60.0),
    )


def test_a_short_ramp_has_a_step_a_minute(tmp_path: Path) -> None:
    """The value grows linearly to what is asked, and the end of the duration mends the fault."""
    text = '[[fault]]\nname="restrictor-plugging"\nat="1h"\nvalue="40%"\nramp="4min"\nduration="1h"\n'
    assert timeline(loaded(tmp_path, text).scenario) == (
        *(Inject(HOUR_MS + step * _MINUTE_MS, "restrictor-plugging", 10.0 * step) for step in (1, 2, 3, 4)),
        Inject(2 * HOUR_MS, "restrictor-plugging", 0.0),
    )


def test_a_fault_on_top_of_another_grows_from_it_and_leaves_it(tmp_path: Path) -> None:
    """As a unit's restrictor, which was made 4 % wide, is that again once something has passed."""
    text = (
        '[[fault]]\nname="restrictor-fast-flow"\nat="0s"\nvalue="4%"\n'
        '[[fault]]\nname="restrictor-fast-flow"\nat="1h"\nvalue="24%"\nramp="4min"\nduration="1h"\n'
    )
    assert timeline(loaded(tmp_path, text).scenario) == (
        Inject(0, "restrictor-fast-flow", 4.0),
        *(Inject(HOUR_MS + step * _MINUTE_MS, "restrictor-fast-flow", 4.0 + 5.0 * step) for step in (1, 2, 3, 4)),
        Inject(2 * HOUR_MS, "restrictor-fast-flow", 4.0),
    )


@given(
    name=st.sampled_from(sorted(name for name, kind in PUMP_FAULTS.items() if kind.unit)),
    at_ms=st.integers(0, 10**9),
    ramp_ms=st.integers(0, 10**9),
    rest_ms=st.none() | st.integers(0, 10**9),
)
def test_ramps_rise_to_their_value_and_stay_possible(name: str, at_ms: int, ramp_ms: int, rest_ms: int | None) -> None:
    """Any ramp has at most 64 steps, whose values the pump accepts, in order, the last being the fault's own."""
    kind = PUMP_FAULTS[name]
    duration = {} if rest_ms is None else {"duration": f"{ramp_ms + rest_ms + 1}ms"}
    fault = Fault.model_validate({"name": name, "at": f"{at_ms}ms", "ramp": f"{ramp_ms}ms", **duration})
    steps = list(timeline(Scenario(title="any", days=3650, fault=(fault,))))
    assert all(isinstance(step, Inject) and kind.lower <= step.value <= kind.upper for step in steps)
    if rest_ms is not None:
        assert steps.pop() == Inject(at_ms + ramp_ms + rest_ms + 1, name, 0.0)
    assert 1 <= len(steps) <= 64
    assert [step.at_ms for step in steps] == sorted(step.at_ms for step in steps)
    assert steps[-1] == Inject(at_ms + ramp_ms, name, kind.default)


@pytest.mark.parametrize("verb", ["read-status", "acknowledge", "set-clock", "self-test"])
def test_every_visit_is_a_command(verb: str) -> None:
    """Each action of a visit is told to the pump by its own name."""
    visit = Visit.model_validate({"at": "5s", "actions": [verb]})
    assert timeline(Scenario(title="any", days=1, visit=(visit,))) == (Command(5000, verb),)


def test_a_fault_is_mended_before_the_next_of_its_name_begins(tmp_path: Path) -> None:
    """Also if the file names the later one first."""
    text = """
    [[fault]]
    name = "septum-leak"
    at = "10h"
    value = "1mL/day"
    [[fault]]
    name = "septum-leak"
    at = "5h"
    duration = "5h"
    """
    last = [action for action in timeline(loaded(tmp_path, text).scenario) if action.at_ms == 10 * HOUR_MS]
    assert last == [Inject(10 * HOUR_MS, "septum-leak", 0.0), Inject(10 * HOUR_MS, "septum-leak", 1.0)]
