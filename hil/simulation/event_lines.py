"""Events as lines that people read."""

from collections.abc import Sequence
from typing import NamedTuple

from firmware_model.events import PumpEvent

__all__ = ["EventLine", "event_line", "shown_events"]

_MANY, _FIRST, _LAST = 200, 120, 60
_UNITS = {
    "_nl_per_day": (1e6, "mL/day"),
    "_nl": (1e6, "mL"),
    "_ug_per_ml": (1e3, "mg/mL"),
    "_ms": (1e3, "s"),
}


class EventLine(NamedTuple):
    """One row of a log."""

    time: str
    """Days, hours, minutes and seconds since the start."""
    event: str
    priority: str
    detail: str


def event_line(event: PumpEvent) -> EventLine:
    """The row of one event."""
    shown = event.as_json()
    if shown["event"] == "alarm":
        return EventLine(
            _clock(event.time_ms),
            f"alarm {shown['alarm']} {shown['state']}",
            str(shown["priority"]),
            str(shown.get("condition", "")),
        )
    details = [
        _value(name, value) for name, value in shown.items() if name not in {"time_ms", "event"} and value is not None
    ]
    return EventLine(_clock(event.time_ms), str(shown["event"]), "", ", ".join(details))


def shown_events(events: Sequence[PumpEvent]) -> tuple[Sequence[PumpEvent], int]:
    """The events that a person is shown, and how many are left out between the first and the last of them."""
    if len(events) <= _MANY:
        return events, 0
    return [*events[:_FIRST], *events[-_LAST:]], len(events) - _FIRST - _LAST


def _value(name: str, value: object) -> str:
    for suffix, (scale, unit) in _UNITS.items():
        if name.endswith(suffix) and isinstance(value, int):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {value / scale:.3f} {unit}"
    return f"{name.replace('_', ' ')} {value}"


def _clock(time_ms: int) -> str:
    seconds = time_ms // 1000
    days, rest = divmod(seconds, 86_400)
    return f"{days:4d} d {rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
