"""What a scenario says must come of it, and whether it did."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from firmware_model.config import FrozenModel
from firmware_model.events import EventKind, PumpEvent, kebab
from firmware_model.firmware.alarms import PRIORITIES
from firmware_model.quantities import duration_ms
from firmware_model.scenario.result import ExpectationResult

__all__ = ["Expect", "Expected", "judge"]

ALARM_NAMES = tuple(kebab(alarm) for alarm in PRIORITIES)
EVENT_NAMES = tuple(kind.name.lower().replace("_", "-") for kind in EventKind if not kind.name.startswith("ALARM"))
Times = Annotated[tuple[int, int], Field(strict=False)]


def _known(name: str, names: Sequence[str], what: str) -> str:
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names)}"
        raise ValueError(f"unknown {what} {name!r}{hint}")
    return name


def _times(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError('give two times, like ["6h", "7h"]')
    return [duration_ms(each) for each in value]


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Expect(FrozenModel):
    """An alarm or another event that must be in the log."""

    alarm: Annotated[str | tuple[str, ...] | None, BeforeValidator(_listed)] = None
    """The name of an alarm; or a list of some, any of which will do."""
    state: Literal["raised", "cleared", "acknowledged", "repeated"] = "raised"
    """What becomes of the alarm."""
    priority: Literal["high", "medium", "low"] | None = None
    """The alarm's; any if not given."""
    event: str | None = None
    """Instead of an alarm: the name of another event."""
    mode: Literal["shelf", "self-test", "monitoring", "service", "safe", "end-of-service"] | None = None
    """Of a mode-changed event."""
    between: Annotated[Times | None, BeforeValidator(_times)] = None
    """Two times between which it must happen; any time if not given."""
    count: Annotated[int, Field(ge=0)] | None = None
    """How often it must happen between them; at least once if not given, never if 0."""

    @field_validator("alarm")
    @classmethod
    def _is_an_alarm(cls, alarm: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if alarm == ():
            raise ValueError("name at least one alarm")
        for each in _several(alarm):
            _known(each, ALARM_NAMES, "alarm")
        return alarm

    @field_validator("event")
    @classmethod
    def _is_an_event(cls, event: str | None) -> str | None:
        return event if event is None else _known(event, EVENT_NAMES, "event")

    @field_validator("state", "priority")
    @classmethod
    def _is_of_an_alarm(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("alarm", value) is None:
            raise ValueError("only alarms have this; leave it out, or name an alarm")
        return value

    @field_validator("mode")
    @classmethod
    def _is_of_a_change(cls, mode: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("event", "mode-changed") != "mode-changed":
            raise ValueError('only event = "mode-changed" has a mode')
        return mode

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.alarm is None) == (self.event is None):
            raise ValueError("give either alarm or event")
        return self

    @property
    def alarms(self) -> tuple[str, ...]:
        """The alarms that will do; none if it is another event."""
        return _several(self.alarm)

    def matches(self, shown: Mapping[str, Any]) -> bool:
        """Whether an event, as other programs see it, is of that kind; whenever it was."""
        if self.event is not None:
            return shown["event"] == self.event and self.mode in {None, shown.get("mode")}
        return (
            shown["event"] == "alarm"
            and shown["alarm"] in self.alarms
            and shown["state"] == self.state
            and self.priority in {None, shown["priority"]}
        )

    def __str__(self) -> str:
        what = self.event or f"alarm {' or '.join(self.alarms)} {self.state}"
        detail = f" ({self.priority or self.mode})" if self.priority or self.mode else ""
        when = "" if self.between is None else f" between {_hours(self.between[0])} and {_hours(self.between[1])}"
        often = "" if self.count is None else {0: " never", 1: " once"}.get(self.count, f" {self.count} times")
        return f"{what}{detail}{when}{often}"


class Expected(FrozenModel):
    """What holds for all that is expected."""

    only: bool = True
    """No alarm may be raised that no [[expect]] names."""


def judge(expect: Sequence[Expect], expected: Expected, events: Sequence[PumpEvent]) -> tuple[ExpectationResult, ...]:
    """Whether each expectation is met, and that nothing else was raised if it must not be."""
    shown = [event.as_json() for event in events]
    results = [_judged(each, shown) for each in expect]
    if expected.only:
        named = {alarm for each in expect for alarm in each.alarms}
        others = [each for each in shown if each.get("state") == "raised" and each["alarm"] not in named]
        found = ", ".join(f"{each['alarm']} at {_hours(each['time_ms'])}" for each in others[:5])
        results.append(ExpectationResult("no other alarm raised", not others, found or "none"))
    return tuple(results)


def _judged(expect: Expect, shown: Sequence[Mapping[str, Any]]) -> ExpectationResult:
    times = [each["time_ms"] for each in shown if expect.matches(each)]
    first, last = expect.between or (0, 1 << 62)
    inside = [time for time in times if first <= time <= last]
    met = bool(inside) if expect.count is None else len(inside) == expect.count
    found = ", ".join(_hours(time) for time in times[:5]) + (" ..." if len(times) > 5 else "")
    return ExpectationResult(str(expect), met, f"at {found}" if times else "never")


def _several(alarm: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (alarm,) if isinstance(alarm, str) else alarm or ()


def _hours(time_ms: int) -> str:
    return f"{round(time_ms / 3_600_000, 2)} h"
