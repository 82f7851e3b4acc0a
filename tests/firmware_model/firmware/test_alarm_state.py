"""What conditions remember: of renewals that are judged, and of those that are passed over."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.firmware.alarm_state import AlarmState, ConditionState
from firmware_model.firmware.alarms import Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.profile import load_profile
from protocols.messages import Alarms

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_CONFIGURATION = Configuration.of(_PROFILE)
_BEYOND, _WITHIN = {Quantity.FLOW: 1_200_000}, {Quantity.FLOW: 1_000_000}


def _named(state: AlarmState, name: str) -> ConditionState:
    return next(each for each in state.by_number.values() if each.condition.name == name)


def _flow_high() -> ConditionState:
    """Two of the last three hours raise it, three in a row end it."""
    return _named(AlarmState(_CONFIGURATION), "flow above label")


@given(st.booleans(), st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 30))
def test_passing_over_is_judging(begins_active: bool, there: list[bool], split: int) -> None:
    """Up to where it begins or ends, a condition remembers the same if it was only told what it would have found."""
    taken, passed = _flow_high(), _flow_high()
    for state in (taken, passed):
        for number in (-2, -1) if begins_active else ():
            state.judge(number, _BEYOND)
    marked, last = [], -1
    for number, is_there in enumerate(there):
        if taken.judge(number, _BEYOND if is_there else _WITHIN):
            break
        last = number
        if is_there != taken.active:
            marked.append(number)
    for first, end in ((0, min(split, last + 1) - 1), (split, last)):
        if first <= end:
            passed.pass_over(first, end, [each for each in marked if first <= each <= end])
    if last + 1 < len(there):
        assert passed.judge(last + 1, _BEYOND if there[last + 1] else _WITHIN)
    number = len(there)
    assert passed.active == taken.active
    assert [n for n in passed.recent(number) if n > number - 3] == [n for n in taken.recent(number) if n > number - 3]
    assert passed.stayed_at == taken.stayed_at


@pytest.mark.parametrize(
    ("first", "last", "restarted_at", "marked", "found"),
    [
        (301, 420, 0, [6], [6]),
        (301, 420, 0, [5, 6, 7, 8], [6, 7]),
        (300, 479, 0, [8], []),
        (300, 480, 0, [8], [8]),
        (360, 420, 0, [6], [6]),
        (361, 420, 0, [6, 7], [7]),
        (361, 419, 0, [6, 7], []),
        (301, 420, 46, [6, 7], [6, 7]),
        (301, 420, 47, [6, 7], [7]),
        (301, 500, 0, [6], [6]),
        (301, 540, 0, [6], []),
    ],
)
def test_hours_that_are_passed_over(
    first: int, last: int, restarted_at: int, marked: list[int], found: list[int]
) -> None:
    """Of hours that end in what is passed over, those count that see whole windows, and of them the last three."""
    state = AlarmState(_CONFIGURATION)
    flow_high = _named(state, "flow above label")
    marks = {(flow_high.number, False): marked, (flow_high.number, True): [6, 7, 8]}
    state.pass_over(first, last, marks, restarted_at=restarted_at, in_service=True)
    assert not flow_high.hits
    state.pass_over(first, last, marks, restarted_at=restarted_at, in_service=False)
    assert [hour for hour in flow_high.hits if hour > last // 60 - 3] == found


def test_an_active_condition_stays_through_what_is_passed_over() -> None:
    """It stays up to the last hour that is not marked, also if nothing at all is; in a refill nothing is told of it."""
    state = AlarmState(_CONFIGURATION)
    for hour in (6, 7):
        state.judge(Rhythm.HOUR, hour, _BEYOND, in_service=False)
    flow_high = _named(state, "flow above label")
    assert state.active_numbers == {flow_high.number}
    assert flow_high.stayed_at == 7
    state.pass_over(421, 600, {}, restarted_at=0, in_service=True)
    assert flow_high.stayed_at == 7
    state.pass_over(421, 600, {}, restarted_at=0, in_service=False)
    assert flow_high.stayed_at == 10
    assert list(flow_high.recent(13)) == [11, 12]
    assert list(flow_high.recent(20)) == [17, 18, 19]
    state.pass_over(601, 780, {(flow_high.number, True): [11, 13]}, restarted_at=0, in_service=False)
    assert flow_high.stayed_at == 12
    state.pass_over(781, 840, {(flow_high.number, True): [14]}, restarted_at=0, in_service=False)
    assert flow_high.stayed_at == 12
    assert [each.number for each in state.judge(Rhythm.HOUR, 15, _WITHIN, in_service=False)] == [flow_high.number]
    assert not state.active_numbers


def test_in_a_refill_the_flow_is_not_judged() -> None:
    """Conditions that rest on the volume's course wait; those of the outlet's pressure do not."""
    state = AlarmState(_CONFIGURATION)
    for hour in range(3):
        assert not state.judge(Rhythm.HOUR, hour, _BEYOND, in_service=True)
    for sample in range(8):
        changed = state.judge(Rhythm.SAMPLE, sample, {Quantity.OUTLET: 30_000}, in_service=True)
    assert [each.condition.alarm for each in changed] == [Alarms.OCCLUSION]


def test_what_is_measured_anew_is_forgotten() -> None:
    """A clock that is set forgets its jumps, those that count and those that held; nothing else is forgotten."""
    state = AlarmState(_CONFIGURATION)
    for hour in range(2):
        state.judge(Rhythm.HOUR, hour, {Quantity.CLOCK_STEP: 5000} | _BEYOND, in_service=False)
    jumped, flow_high = _named(state, "clock went ahead"), _named(state, "flow above label")
    assert state.active_numbers == {jumped.number, flow_high.number}
    jumped.hits.append(1)
    state.forget(Quantity.CLOCK_STEP)
    assert state.active_numbers == {flow_high.number}
    assert (jumped.active, list(jumped.hits), flow_high.active) == (False, [], True)
    assert not state.active_for(Alarms.CLOCK_LOST)
    assert state.active_for(Alarms.FLOW_HIGH)


@pytest.mark.parametrize(
    ("name", "fewest", "whole"),
    [
        ("volume below empty", 1, 15),
        ("flow above label", 315, 315),
        ("reserve used up", 15, 315),
        ("drive pressure low, and so is flow", 315, 315),
    ],
)
def test_samples_that_a_condition_needs(name: str, fewest: int, whole: int) -> None:
    """To be judged at all, and to see whole windows: of its quantities the one that needs most."""
    state = _named(AlarmState(_CONFIGURATION), name)
    assert (state.fewest, state.whole) == (fewest, whole)
