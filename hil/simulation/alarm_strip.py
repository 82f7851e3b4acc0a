"""Alarms over time as one picture: a row for each alarm, a bar for as long as it held."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from firmware_model.events import EventKind, PumpEvent, kebab
from firmware_model.firmware.alarms import ALARMS

__all__ = ["AlarmBar", "alarm_bars", "alarm_strip_svg"]

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 1000.0, 210.0, 12.0, 26.0, 8.0
_LATCHING = frozenset(kebab(alarm) for alarm, kind in ALARMS.items() if kind.latching)
_STYLES = {"high": "bar-high", "medium": "bar-medium", "low": "bar-low"}


@dataclass(frozen=True)
class AlarmBar:
    """An alarm from being raised to being cleared, or forgotten in a restart, in hours; to the end if it never was."""

    alarm: str
    priority: str
    from_h: float
    to_h: float


def alarm_bars(events: Sequence[PumpEvent], end_h: float) -> tuple[AlarmBar, ...]:
    """All bars, by the time at which they begin."""
    bars: list[AlarmBar] = []
    begun: dict[str, tuple[float, str]] = {}

    def end(alarm: str, hours: float) -> None:
        since, priority = begun.pop(alarm)
        bars.append(AlarmBar(alarm, priority, since, hours))

    for event in events:
        shown = event.as_json()
        state, alarm, hours = shown.get("state"), str(shown.get("alarm")), event.time_ms / 3_600_000
        if state == "raised":
            begun.setdefault(alarm, (hours, str(shown["priority"])))
        elif state == "cleared" and alarm in begun:
            end(alarm, hours)
        elif event.entry.kind is EventKind.BOOTED:
            for forgotten in begun.keys() - _LATCHING:
                end(forgotten, hours)
    for lasting in tuple(begun):
        end(lasting, end_h)
    return tuple(sorted(bars, key=lambda bar: (bar.from_h, bar.alarm)))


def alarm_strip_svg(bars: Sequence[AlarmBar], end_h: float) -> Markup:
    """Inline SVG; priority is told by words and by pattern as well as by colour. Empty if there was no alarm."""
    alarms = list(dict.fromkeys(bar.alarm for bar in bars))
    if not alarms:
        return Markup("")
    priorities = {bar.alarm: bar.priority for bar in bars}
    height = _TOP + _ROW * len(alarms) + 34
    span = _WIDTH - _LEFT - _RIGHT

    def x(hours: float) -> float:
        return _LEFT + span * hours / end_h

    parts = [
        f'<text class="name" x="{_LEFT - 10:g}" y="{_TOP + _ROW * (row + 0.65):.1f}">'
        f"{escape(alarm)} ({priorities[alarm]})</text>"
        f'<path class="rule" d="M{_LEFT:g} {_TOP + _ROW * (row + 1):g}H{_WIDTH - _RIGHT:g}"/>'
        for row, alarm in enumerate(alarms)
    ]
    for bar in bars:
        y = _TOP + _ROW * alarms.index(bar.alarm) + 5
        width = max(2.5, x(bar.to_h) - x(bar.from_h))
        label = f"{bar.alarm} ({bar.priority}), {bar.from_h:.2f} h to {bar.to_h:.2f} h"
        parts.append(
            f'<rect class="{_STYLES[bar.priority]}" x="{x(bar.from_h):.1f}" y="{y:g}" width="{width:.1f}" '
            f'height="{_ROW - 10:g}"><title>{escape(label)}</title></rect>'
        )
    base = _TOP + _ROW * len(alarms)
    parts += [
        f'<path class="tick" d="M{x(tick):.1f} {base:g}v5"/>'
        f'<text class="at" x="{x(tick):.1f}" y="{base + 17:g}">{tick / 24:g}</text>'
        for tick in _ticks(end_h)
    ]
    parts.append(f'<text class="at" x="{_LEFT + span / 2:g}" y="{base + 32:g}">time, days</text>')
    return Markup(  # noqa: S704 - numbers, and names that were escaped
        f'<svg class="strip" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" aria-label="Alarms over time">'
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#c98a1b"/><path d="M0 0V6" stroke="#fff" stroke-width="2.4"/>'
        "</pattern></defs>" + "".join(parts) + "</svg>"
    )


def _ticks(end_h: float) -> list[float]:
    """At most a dozen whole numbers of days, or of quarters of a day in a short run."""
    steps_h = (6, 12, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 60, 24 * 365)
    step = next((step for step in steps_h if end_h / step <= 12), steps_h[-1])
    return [float(tick) for tick in range(0, int(end_h) + 1, step)]
