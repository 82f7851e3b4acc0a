"""Shrinking: the fewest events that still go wrong, as a scenario that says so."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.fleet.complaint import complaints_of
from firmware_model.fleet.criterion import parse_criterion
from firmware_model.fleet.life import DAY_MS, Life, pump_life
from firmware_model.fleet.result import EventRow, FaultRow, PumpResult
from firmware_model.fleet.run import run_life
from firmware_model.fleet.shrink import fewest, shrunk_life
from firmware_model.quantities import duration_ms, time_text
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import load_scenario
from firmware_model.scenario.written import scenario_toml
from tests.firmware_model.fleet.populations import eventful


@given(st.sets(st.integers(0, 60), min_size=1, max_size=5), st.integers(61, 90))
def test_what_is_needed_is_kept_and_nothing_else(needed: set[int], count: int) -> None:
    """If it fails only with all of some events, exactly those are left."""
    calls = []

    def fails(some: Sequence[int]) -> bool:
        calls.append(len(some))
        return needed <= set(some)

    assert set(fewest(range(count), fails)) == needed
    assert len(calls) < 60 * len(needed) + 100


def test_what_does_not_fail_is_refused() -> None:
    """There is nothing to shrink."""
    with pytest.raises(ValueError, match="does not fail"):
        fewest([1, 2], lambda _: False)


@given(st.integers(0, 10**12))
def test_times_survive_their_text(time_ms: int) -> None:
    """In whole units, and read again by the rules of scenario files."""
    assert duration_ms(time_text(time_ms)) == time_ms


def test_a_missed_fault_is_shrunk_to_itself(tmp_path: Path) -> None:
    """A firmware that is deaf to an occlusion: what is left is the occlusion, in a file whose demand is not met."""
    deaf = '[[variant]]\nname = "deaf"\nlimits = { occlusion_kpa = 200.0, flow_low_percent = 99.0 }\n\n[units]'
    loaded = eventful(tmp_path, ("[units]", deaf), ('within="24h"', 'within="2d"'))
    variant = loaded.population.variant[0]

    def missed(life: Life) -> bool:
        failure = life.failure
        return failure is not None and failure.fault == "catheter-occlusion" and life.scenario.days > 20

    life = next(life for pump in range(50) if missed(life := pump_life(loaded, 1, pump, 60.0)))
    complaint, *_ = complaints_of(run_life(loaded, life, variant), loaded.population)
    assert (complaint.kind, complaint.name) == ("missed", "catheter-occlusion")
    small = shrunk_life(
        life, lambda some: complaint.is_of(run_life(loaded, some, variant)), end_ms=complaint.known_by_ms
    )
    assert [fault.name for fault in small.scenario.fault] == ["catheter-occlusion"]
    assert (small.scenario.flight, small.scenario.fever, small.scenario.visit) == ((), (), ())
    path = tmp_path / "missed.toml"
    path.write_text(scenario_toml(complaint.demanding(small.scenario_for(variant)), complaint.text), encoding="utf-8")
    read = load_scenario(path)
    result = run_scenario(read, seed=read.scenario.seed, days=read.scenario.days, profile=read.profile)
    assert not result.met
    assert "alarm occlusion or flow-low raised" in result.expectations[0].text
    assert "empty" not in {event.as_json().get("alarm") for event in result.events}


@pytest.mark.parametrize(("fault", "kind"), [("pocket-fill", "refill"), ("reset", "visit")])
def test_what_belongs_to_a_fault_stays_with_it(tmp_path: Path, fault: str, kind: str) -> None:
    """A refill that goes wrong, and who looks at the pump then: without them any firmware would miss the fault."""
    loaded = eventful(tmp_path, ("per_refill = 0.05", "per_refill = 0.5"))

    def happens(life: Life) -> bool:
        return any(each.fault == fault and (each.until_ms or 0) < 59 * DAY_MS for each in life.occurrences)

    life = next(life for pump in range(50) if happens(life := pump_life(loaded, 1, pump, 60.0)))
    small = shrunk_life(life, happens, end_ms=60 * DAY_MS)
    (occurrence,), (belongs,) = small.occurrences, getattr(small.scenario, kind)
    assert occurrence.at_ms < belongs.at <= (occurrence.until_ms or 0)
    assert small.refills_ms == tuple(refill.at for refill in small.scenario.refill)


def test_an_empty_pump_is_not_the_one_that_missed_a_fault(tmp_path: Path) -> None:
    """Although it stood empty another time: with an alarm standing when the fault comes, none can be raised for it."""

    def pump(*alarms: tuple[int, str, str]) -> PumpResult:
        events = [EventRow(at_ms, f"alarm-{kind}", alarm, 0, 0, None) for at_ms, kind, alarm in alarms]
        events = [each._replace(judgement="justified" if each.kind == "alarm-raised" else None) for each in events]
        row = FaultRow("catheter-occlusion", "50%", 50, None, True, None, None, watched_ms=2 * DAY_MS)
        result = PumpResult(1, "A", 1, 3 * DAY_MS, "study-end", row.fault, 50, 0.0, 70.0, 36.9, 0.0, 12.4)
        return replace(result, faults=[row], events=events)

    emptied, filled = (10, "raised", "flow-low"), (20, "cleared", "flow-low")
    population = eventful(tmp_path).population
    missed = complaints_of(pump(emptied, filled), population)[0]
    assert missed.is_of(pump(emptied, filled))
    assert missed.is_of(pump())
    assert not missed.is_of(pump(emptied))
    assert complaints_of(pump(emptied), population)[0].is_of(pump(emptied))


def test_a_fault_at_the_end_of_the_watch_has_no_latency(tmp_path: Path) -> None:
    """A latency criterion takes it for endless, so the pump that it names is blamed; a share does not count it."""
    population = eventful(tmp_path).population
    row = FaultRow("catheter-occlusion", "50%", 0, None, True, None, None, watched_ms=3_600_000)
    result = PumpResult(1, "A", 1, 3_600_000, "study-end", row.fault, 0, 0.0, 70.0, 36.9, 0.0, 12.4, faults=[row])
    texts = [
        [each.text for each in complaints_of(result, population, parse_criterion(text))]
        for text in ("latency_h(catheter-occlusion) <= 24", 'detected(catheter-occlusion, within="24h") >= 1')
    ]
    assert texts == [["catheter-occlusion 50% at 0.000 d was not detected."], []]
