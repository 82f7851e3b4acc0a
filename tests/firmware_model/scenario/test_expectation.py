"""Expectations: met by what was logged, and by nothing else."""

from collections.abc import Sequence

import pytest

from firmware_model.events import EventKind, LogEntry, PumpEvent
from firmware_model.firmware.alarms import PRIORITIES, condition_number
from firmware_model.scenario.expectation import Expect, Expected, judge
from protocols.messages import Alarms, Mode

_HOUR_MS = 3_600_000
_BLOCKED = condition_number("outlet pressure high")


def event(at_h: float, kind: EventKind, detail: int = 0, value: int = 0) -> PumpEvent:
    """An event of the pump's own log."""
    at_ms = round(at_h * _HOUR_MS)
    return PumpEvent(at_ms, LogEntry(0, 1, at_ms, at_ms, kind, detail, value))


def alarm(at_h: float, which: Alarms, kind: EventKind = EventKind.ALARM_RAISED) -> PumpEvent:
    """An alarm is raised, or something else becomes of it."""
    return event(at_h, kind, which.bit_length() - 1, _BLOCKED)


def met(events: Sequence[PumpEvent], expect: dict[str, object], *, only: bool = False) -> bool:
    """Whether one expectation is met by ``events``."""
    results = judge([Expect.model_validate(expect)], Expected(only=only), events)
    return all(result.met for result in results)


_LOG = (
    event(0, EventKind.BOOTED),
    event(0, EventKind.MODE_CHANGED, Mode.MONITORING),
    alarm(6, Alarms.OCCLUSION),
    alarm(7, Alarms.OCCLUSION, EventKind.ALARM_ACKNOWLEDGED),
    alarm(9, Alarms.OCCLUSION, EventKind.ALARM_CLEARED),
    alarm(20, Alarms.OCCLUSION),
)


@pytest.mark.parametrize(
    ("expect", "is_met"),
    [
        ({"alarm": "occlusion"}, True),
        ({"alarm": "occlusion", "priority": "high"}, True),
        ({"alarm": "occlusion", "priority": "low"}, False),
        ({"alarm": "leak"}, False),
        ({"alarm": "occlusion", "state": "acknowledged"}, True),
        ({"alarm": "occlusion", "state": "repeated"}, False),
        ({"alarm": "occlusion", "between": ["5h", "7h"]}, True),
        ({"alarm": "occlusion", "between": ["6h", "6h"]}, True),
        ({"alarm": "occlusion", "between": ["6h1ms", "19h"]}, False),
        ({"alarm": "occlusion", "state": "cleared", "between": ["6h", "8h"]}, False),
        ({"alarm": "occlusion", "count": 2}, True),
        ({"alarm": "occlusion", "count": 1}, False),
        ({"alarm": "occlusion", "count": 1, "between": ["0s", "10h"]}, True),
        ({"alarm": "occlusion", "count": 0}, False),
        ({"alarm": "occlusion", "count": 0, "between": ["7h", "19h"]}, True),
        ({"alarm": "leak", "count": 0}, True),
        ({"event": "booted"}, True),
        ({"event": "booted", "count": 2}, False),
        ({"event": "mode-changed", "mode": "monitoring"}, True),
        ({"event": "mode-changed", "mode": "safe"}, False),
        ({"event": "refill-begun"}, False),
    ],
)
def test_expectations_are_met_by_what_was_logged(expect: dict[str, object], is_met: bool) -> None:
    """Alarm, state, priority, event, mode, times (ends included) and number are all looked at."""
    assert met(_LOG, expect) is is_met


@pytest.mark.parametrize(
    ("log", "is_met"),
    [
        (_LOG, True),
        ((*_LOG, alarm(21, Alarms.LEAK)), False),
        ((*_LOG, alarm(21, Alarms.LEAK, EventKind.ALARM_CLEARED)), True),
        ((), True),
    ],
)
def test_nothing_else_may_be_raised(log: Sequence[PumpEvent], is_met: bool) -> None:
    """With ``only`` an alarm that no expectation names is a failure of its own, which says what was raised and when."""
    *_, only = judge([Expect(alarm="occlusion")], Expected(), log)
    assert (only.text, only.met) == ("no other alarm raised", is_met)
    assert only.found == ("none" if is_met else "leak at 21.0 h")


def test_others_may_be_raised_if_the_file_says_so() -> None:
    """Without ``only`` there is no such result, and what is not expected does not matter."""
    assert judge([], Expected(only=False), [*_LOG, alarm(21, Alarms.LEAK)]) == ()


def test_results_say_what_was_expected_and_found() -> None:
    """A person can read what was asked for and what happened instead."""
    expect = [
        Expect.model_validate({"alarm": "occlusion", "priority": "high", "between": ["1h", "2h"], "count": 1}),
        Expect(event="mode-changed", mode="safe"),
    ]
    blocked, safe = judge(expect, Expected(only=False), _LOG)
    assert blocked.text == "alarm occlusion raised (high) between 1.0 h and 2.0 h once"
    assert (blocked.met, blocked.found) == (False, "at 6.0 h, 20.0 h")
    assert (safe.text, safe.met, safe.found) == ("mode-changed (safe)", False, "never")


@pytest.mark.parametrize("which", list(PRIORITIES))
def test_every_alarm_can_be_expected(which: Alarms) -> None:
    """Each alarm of the protocol has a name here, and its own priority fits it."""
    name = str(which.name).lower().replace("_", "-")
    assert met([alarm(1, which)], {"alarm": name, "priority": PRIORITIES[which].value}, only=True)


@pytest.mark.parametrize("kind", [kind for kind in EventKind if not kind.name.startswith("ALARM")])
def test_every_event_can_be_expected(kind: EventKind) -> None:
    """Each event of the log that is no alarm has a name here."""
    assert met([event(1, kind)], {"event": kind.name.lower().replace("_", "-")})
