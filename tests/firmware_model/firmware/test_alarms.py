"""The tables of alarms and conditions, and the debounce that all rows share."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.events import EventKind
from firmware_model.firmware.alarm_board import AlarmBoard
from firmware_model.firmware.alarm_state import AlarmState, ConditionState
from firmware_model.firmware.alarms import ALARMS, CONDITIONS, Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.profile import load_profile
from protocols.messages import Alarms

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_CONFIGURATION = Configuration.of(_PROFILE)


def _state(name: str) -> ConditionState:
    states = AlarmState(_CONFIGURATION).of.values()
    return next(state for rows in states for state in rows if state.condition.name == name)


def _judged(name: str, values: Sequence[int | None]) -> list[bool]:
    """Whether the condition holds after each value of its one quantity; None: the quantity is missing."""
    state = _state(name)
    (quantity,) = state.quantities
    active = []
    for number, value in enumerate(values):
        state.judge(number, {} if value is None else {quantity: value})
        active.append(state.active)
    return active


def test_every_alarm_has_a_priority_and_a_condition() -> None:
    """The tables and the bits of the protocol name the same alarms."""
    assert set(ALARMS) == set(Alarms) == {condition.alarm for condition in CONDITIONS}


def test_conditions_are_consistent() -> None:
    """Names are unique, a row's terms share a rhythm, clearing lies on the safe side of raising, and n is at most m."""
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
    for condition in CONDITIONS:
        assert len({term.quantity.rhythm for term in condition.terms}) <= 1
        n, m = condition.debounce(_CONFIGURATION)
        assert 1 <= n <= m
        for term in condition.terms:
            gap = term.raise_at(_CONFIGURATION) - term.clear_at(_CONFIGURATION)
            assert gap >= 0 if term.above else gap <= 0


def test_quantities_are_numbered_as_they_stand() -> None:
    """Tables of quantities go by their numbers: each has its own, and none is left out."""
    assert [quantity.number for quantity in Quantity] == list(range(len(Quantity)))


def test_in_a_refill_what_rests_on_the_volumes_course_waits() -> None:
    """As the model's page says: reservoir, flow, access, and what holds measured against driven flow; nothing else."""
    waiting = {Alarms.LOW_RESERVOIR, Alarms.EMPTY, Alarms.FLOW_HIGH, Alarms.FLOW_LOW, Alarms.UNEXPECTED_ACCESS}
    for condition in CONDITIONS:
        flows = {term.quantity for term in condition.terms} & {Quantity.FLOW, Quantity.UNEXPLAINED_FLOW}
        assert condition.in_service == (condition.alarm not in waiting and not flows), condition.name
        assert condition.breaks_windows == condition.name.endswith("by a needle"), condition.name


def test_hysteresis() -> None:
    """Empty below 2.3 mL, and clear only 0.2 mL above that."""
    values = [2_300_000, 2_299_999, 2_499_999, 2_500_000, 2_299_999]
    assert _judged("volume below empty", values) == [False, True, True, False, True]


@pytest.mark.parametrize(("name", "limit", "beyond", "near", "within"), [
    ("flow above label", 1_150_000, 1_150_001, 1_121_000, 1_120_000),
    ("flow below label", 850_000, 849_999, 879_000, 880_000),
])  # fmt: skip
def test_flow_is_debounced(name: str, limit: int, beyond: int, near: int, within: int) -> None:
    """Two of three estimates more than 15 % off raise it; three in a row within 12 % clear it."""
    values = [limit, limit, beyond, within, within, beyond, within, beyond, near, within, within, within]
    assert _judged(name, values) == [False] * 7 + [True] * 4 + [False]


def test_a_missing_quantity_says_nothing() -> None:
    """Without its quantity a condition neither begins nor ends."""
    beyond, within = 1_200_000, 1_000_000
    values = [beyond, None, beyond, within, within, None, within, within, within]
    assert _judged("flow above label", values) == [False, False] + [True] * 6 + [False]


def test_all_terms_must_hold() -> None:
    """Propellant loss needs a low drive pressure and a low flow: either alone is something else."""
    state = _state("drive pressure low, and so is flow")
    for number, (drive_pa, flow, there) in enumerate(
        [
            (-5000, 1_000_000, False),
            (-5000, 1_000_000, False),
            (0, 700_000, False),
            (-5000, 700_000, False),
            (-5000, 700_000, True),
        ]
    ):
        state.judge(
            number,
            {Quantity.DRIVE_PRESSURE: drive_pa, Quantity.FLOW: flow, Quantity.HOURLY_VOLUME: 20_000_000},
        )
        assert state.active == there


@given(st.lists(st.integers(0, 2_000_000)))
def test_a_steady_flow_clears_everything(flows: list[int]) -> None:
    """Three estimates at the label in a row end every condition of the flow, whatever came before."""
    alarms = AlarmState(_CONFIGURATION)
    for number, flow in enumerate([*flows, 1_000_000, 1_000_000, 1_000_000]):
        alarms.judge(Rhythm.HOUR, number, {Quantity.FLOW: flow}, in_service=False)
    assert not alarms.active_numbers


class _Log(list[tuple[EventKind, int]]):
    def __call__(self, now_ms: int, kind: EventKind, detail: int, value: int) -> None:
        del now_ms, value
        self.append((kind, detail))


def test_an_alarm_is_raised_acknowledged_repeated_and_cleared() -> None:
    """All of it is in the log; what was acknowledged and is still there comes again after its time."""
    log = _Log()
    board = AlarmBoard(Alarms(0), Alarms(0), now_ms=0, log=log)
    board.raise_(0, Alarms.FLOW_LOW, 11)
    board.raise_(5, Alarms.FLOW_LOW, 11)
    assert board.acknowledge(10, board.active, lambda _: True) == Alarms.FLOW_LOW
    assert board.acknowledge(11, board.active, lambda _: True) == Alarms(0)
    assert board.next_repeat_ms(100) == 110
    board.repeat(110, 100)
    board.release(120, Alarms.FLOW_LOW)
    kinds = [kind for kind, _ in log]
    assert kinds == [
        EventKind.ALARM_RAISED,
        EventKind.ALARM_ACKNOWLEDGED,
        EventKind.ALARM_REPEATED,
        EventKind.ALARM_CLEARED,
    ]
    assert {detail for _, detail in log} == {3}
    assert board.active == Alarms(0)


def test_a_latching_alarm_waits_to_be_seen() -> None:
    """Its condition gone, it stays until acknowledged; a lost clock stays even then, until somebody sets it."""
    log = _Log()
    board = AlarmBoard(Alarms(0), Alarms(0), now_ms=0, log=log)
    for alarm in (Alarms.UNEXPECTED_ACCESS, Alarms.CLOCK_LOST):
        board.raise_(0, alarm, 0)
        board.release(1, alarm)
    assert board.active == Alarms.UNEXPECTED_ACCESS | Alarms.CLOCK_LOST
    board.acknowledge(2, board.active, lambda _: False)
    assert board.active == Alarms.CLOCK_LOST
    board.clear(3, Alarms.CLOCK_LOST)
    assert (board.active, board.latched, board.acknowledged) == (Alarms(0), Alarms(0), Alarms(0))


def test_a_condition_that_comes_again_is_news() -> None:
    """Raised while acknowledged: the log has it once more."""
    log = _Log()
    board = AlarmBoard(Alarms(0), Alarms(0), now_ms=0, log=log)
    board.raise_(0, Alarms.SENSOR_FAULT, 5)
    board.acknowledge(1, board.active, lambda _: True)
    board.raise_(2, Alarms.SENSOR_FAULT, 19)
    assert [kind for kind, _ in log].count(EventKind.ALARM_RAISED) == 2
    assert Alarms.SENSOR_FAULT not in board.acknowledged


_BITS = {Alarms.FLOW_LOW: 3, Alarms.UNEXPECTED_ACCESS: 14, Alarms.CLOCK_LOST: 13}
_WAIT = {Alarms.UNEXPECTED_ACCESS, Alarms.CLOCK_LOST}
_REPEAT_MS = 100


class _PlainBoard:
    """Alarms that hold, each with the time at which somebody saw it; None: nobody has."""

    def __init__(self) -> None:
        self.seen_ms: dict[Alarms, int | None] = {}
        self.log: list[tuple[int, EventKind, int, int]] = []

    def raise_(self, now_ms: int, alarm: Alarms) -> None:
        if self.seen_ms.get(alarm, 0) is not None:
            self.log.append((now_ms, EventKind.ALARM_RAISED, _BITS[alarm], 7))
        self.seen_ms[alarm] = None

    def acknowledge(self, now_ms: int, alarms: set[Alarms], still_there: Alarms) -> None:
        for each in sorted(alarms):
            if self.seen_ms.get(each, 0) is None:
                self.seen_ms[each] = now_ms
                self.log.append((now_ms, EventKind.ALARM_ACKNOWLEDGED, _BITS[each], 0))
                if each in _WAIT - {still_there}:
                    self.release(now_ms, each)

    def repeat(self, now_ms: int) -> None:
        for each in sorted(self.seen_ms):
            seen_ms = self.seen_ms[each]
            if seen_ms is not None and now_ms - seen_ms >= _REPEAT_MS:
                self.seen_ms[each] = None
                self.log.append((now_ms, EventKind.ALARM_REPEATED, _BITS[each], 0))

    def release(self, now_ms: int, alarm: Alarms) -> None:
        if alarm not in _WAIT or (self.seen_ms[alarm] is not None and alarm is not Alarms.CLOCK_LOST):
            self.clear(now_ms, alarm)

    def clear(self, now_ms: int, alarm: Alarms) -> None:
        del self.seen_ms[alarm]
        self.log.append((now_ms, EventKind.ALARM_CLEARED, _BITS[alarm], 0))


def _all_of(alarms: set[Alarms]) -> Alarms:
    return Alarms(sum(alarms))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 70),
            st.sampled_from(["raise", "raise", "release", "clear", "acknowledge", "acknowledge"]),
            st.sampled_from(sorted(_BITS)),
            st.sets(st.sampled_from(sorted(_BITS))),
        ),
        min_size=8,
        max_size=30,
    )
)
def test_whatever_happens_the_board_is_a_plain_list_of_alarms(
    deeds: list[tuple[int, str, Alarms, set[Alarms]]],
) -> None:
    """What holds, waits and was seen, when the next repeats, and every line of the log, as a list keeps it by hand."""
    log: list[tuple[int, EventKind, int, int]] = []
    board, plain, now_ms = (
        AlarmBoard(Alarms(0), Alarms(0), now_ms=0, log=lambda *line: log.append(line)),
        _PlainBoard(),
        0,
    )
    for passes_ms, verb, alarm, others in deeds:
        now_ms += passes_ms
        board.repeat(now_ms, _REPEAT_MS)
        plain.repeat(now_ms)
        holds = alarm in board.active
        match verb:
            case "raise":
                board.raise_(now_ms, alarm, 7)
                plain.raise_(now_ms, alarm)
            case "acknowledge":
                board.acknowledge(now_ms, _all_of(others), alarm.__eq__)
                plain.acknowledge(now_ms, others, still_there=alarm)
            case "release" if holds:
                board.release(now_ms, alarm)
                plain.release(now_ms, alarm)
            case "clear" if holds:
                board.clear(now_ms, alarm)
                plain.clear(now_ms, alarm)
        seen = {each: at_ms for each, at_ms in plain.seen_ms.items() if at_ms is not None}
        assert log == plain.log
        assert board.active == _all_of(set(plain.seen_ms))
        assert board.acknowledged == _all_of(set(seen))
        assert board.latched == _all_of(set(plain.seen_ms) & _WAIT)
        assert board.next_repeat_ms(_REPEAT_MS) == (min(seen.values()) + _REPEAT_MS if seen else None)


def test_another_configuration_keeps_what_holds() -> None:
    """New limits do not make an alarm forget that it is there."""
    state = AlarmState(_CONFIGURATION)
    for number in range(2):
        state.judge(Rhythm.HOUR, number, {Quantity.FLOW: 1_300_000}, in_service=False)
    renewed = AlarmState(_CONFIGURATION, state)
    assert renewed.active_for(Alarms.FLOW_HIGH)
    assert renewed.active_numbers == state.active_numbers
