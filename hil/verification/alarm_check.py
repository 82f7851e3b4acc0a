"""Whether a pump's alarms fit what it measured: none without a cause, and no cause for long without its alarm.

The limits are the firmware's own: those that the recording holds as a ConfigurationReport, else the factory settings of
the profile in the bench file. The firmware's debouncing is not made again sample by sample; a look is only held against
an alarm when the time since the first such look is longer than the debouncing can take, so what is reported cannot be
a matter of noise or of one sample more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from firmware_model.firmware.alarms import ALARMS, CONDITIONS, Condition, Quantity
from firmware_model.firmware.configuration import Configuration
from hil.recording.looks import Look
from hil.verification.check import Check
from protocols.messages import Alarms

__all__ = ["AlarmCheck"]

_MINUTE_MS: Final = 60_000
_SLACK_RENEWALS: Final = 2
_FIELDS: Final[Mapping[Quantity, str]] = {
    Quantity.TEMPERATURE: "temperature_mc",
    Quantity.OUTLET: "outlet_pa",
    Quantity.AMBIENT: "ambient_pa",
    Quantity.VOLUME: "volume_nl",
    Quantity.FLOW: "flow_nl_per_day",
    Quantity.HOURLY_OUTLET: "outlet_pa",
    Quantity.BATTERY: "battery_mv",
}
"""Quantities that a look tells."""
_MODE: Final = "MONITORING"
_MAX_FINDINGS: Final = 1000


@dataclass(frozen=True)
class _Rule:
    """One condition that can be seen from outside."""

    condition: Condition
    field: str

    @property
    def alarm(self) -> str:
        return str(self.condition.alarm.name)

    def period_ms(self) -> int:
        return _MINUTE_MS * (60 if self.condition.rhythm.name == "HOUR" else 1)

    def patience_ms(self, configuration: Configuration) -> int:
        """Longer than it can take to raise or clear."""
        return (self.condition.debounce(configuration).m + _SLACK_RENEWALS) * self.period_ms()

    def is_beyond(self, value: int, configuration: Configuration) -> bool:
        """Whether ``value`` should raise it, with a quarter of the hysteresis for noise."""
        term = self.condition.terms[0]
        raise_at, clear_at = term.raise_at(configuration), term.clear_at(configuration)
        margin = abs(raise_at - clear_at) // 4
        return value > raise_at + margin if term.above else value < raise_at - margin

    def is_clear(self, value: int, configuration: Configuration) -> bool:
        """Whether ``value`` should let it go, with as much for noise."""
        term = self.condition.terms[0]
        raise_at, clear_at = term.raise_at(configuration), term.clear_at(configuration)
        margin = abs(raise_at - clear_at) // 4
        return value < clear_at - margin if term.above else value > clear_at + margin

    def limit(self, configuration: Configuration) -> int:
        return self.condition.terms[0].raise_at(configuration)


def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(condition, _FIELDS[condition.terms[0].quantity])
        for condition in CONDITIONS
        if len(condition.terms) == 1 and condition.terms[0].quantity in _FIELDS
    )


class AlarmCheck:
    """Follows looks, rule by rule, with memory of one time for each."""

    def __init__(self, factory: Configuration | None) -> None:
        """By the limits of ``factory`` until the pump reports others; without any, nothing is judged."""
        self._configuration = factory
        self._reported = False
        self._rules = _rules()
        shared = {rule.alarm for rule in self._rules}
        by_alarm = {name: [c for c in CONDITIONS if c.alarm.name == name] for name in shared}
        self._explained = {
            name: [rule for rule in self._rules if rule.alarm == name]
            for name, conditions in by_alarm.items()
            if len(conditions) == sum(rule.alarm == name for rule in self._rules)
            and not ALARMS[conditions[0].alarm].latching
        }
        """Alarms all of whose conditions can be seen: only these can be without a cause."""
        self._beyond_ms: dict[str, tuple[int, int]] = {}
        self._clear_ms: dict[str, int] = {}
        self._told: set[str] = set()
        self._looks = self._judged = 0
        self._findings: list[str] = []

    def configured(self, settings: Mapping[str, Any]) -> None:
        """The pump has said by which limits it works."""
        self._configuration = Configuration(**{name: int(settings[name]) for name in _names_of(Configuration)})
        self._reported = True

    def take(self, look: Look) -> None:
        """The next look."""
        self._looks += 1
        configuration = self._configuration
        if configuration is None:
            return
        if look.mode != _MODE or Alarms.SENSOR_FAULT.name in look.alarms:
            self._beyond_ms.clear()
            self._clear_ms.clear()
            return
        self._judged += 1
        for rule in self._rules:
            self._judge_missing(rule, look, configuration)
        for alarm, rules in self._explained.items():
            self._judge_causeless(alarm, rules, look, configuration)

    def _judge_missing(self, rule: _Rule, look: Look, configuration: Configuration) -> None:
        value = _value(rule, look)
        name = rule.condition.name
        if value is None:
            return
        if not rule.is_beyond(value, configuration) or rule.alarm in look.alarms:
            self._beyond_ms.pop(name, None)
            self._told.discard(name)
            return
        since_ms, looks = self._beyond_ms.get(name, (look.time_ms, 0))
        self._beyond_ms[name] = since_ms, looks + 1
        if looks >= 2 and look.time_ms - since_ms > rule.patience_ms(configuration) and name not in self._told:
            self._told.add(name)
            self._find(
                f"at {look.time_ms} ms: no {_said(rule.alarm)} alarm, although {rule.field} is {value} and has been "
                f"beyond the limit of {rule.limit(configuration)} in {looks + 1} looks since {since_ms} ms ({name})"
            )

    def _judge_causeless(self, alarm: str, rules: list[_Rule], look: Look, configuration: Configuration) -> None:
        values = {rule.field: _value(rule, look) for rule in rules}
        if any(value is None for value in values.values()):
            return
        is_clear = all(rule.is_clear(values[rule.field] or 0, configuration) for rule in rules)
        if alarm not in look.alarms or not is_clear:
            self._clear_ms.pop(alarm, None)
            self._told.discard(alarm)
            return
        since_ms = self._clear_ms.setdefault(alarm, look.time_ms)
        patience_ms = max(rule.patience_ms(configuration) for rule in rules)
        if look.time_ms - since_ms > patience_ms and alarm not in self._told:
            self._told.add(alarm)
            said = ", ".join(f"{field} is {value}" for field, value in values.items())
            limits = " and ".join(str(rule.limit(configuration)) for rule in rules)
            self._find(
                f"at {look.time_ms} ms: the {_said(alarm)} alarm holds, although {said} (limit {limits}) and has been "
                f"so at every look since {since_ms} ms"
            )

    def check(self) -> Check:
        """What came of it."""
        if not self._looks:
            return Check.skipped("alarms", "the recording holds no Status and no Sampled notices that can be read")
        if self._configuration is None:
            return Check.skipped(
                "alarms", "neither a ConfigurationReport nor a bench file that this version reads says by which limits"
            )
        by = "the configuration that it reported" if self._reported else "its profile's factory settings"
        said = f"{self._judged} of {self._looks} looks held against {len(self._rules)} conditions, by {by}"
        seen = {rule.condition.name for rule in self._rules}
        rest = sorted({_said(str(c.alarm.name)) for c in CONDITIONS if c.name not in seen})
        unchecked = [f"alarms that rest on what a look does not tell: {', '.join(rest)}"]
        if self._looks > self._judged:
            unchecked.append(
                f"alarms at {self._looks - self._judged} looks at which the pump was in service or its sensors at fault"
            )
        return Check("alarms", said, tuple(self._findings), tuple(unchecked))

    def _find(self, text: str) -> None:
        if len(self._findings) < _MAX_FINDINGS:
            self._findings.append(text)


def _names_of(kind: type[Configuration]) -> Iterable[str]:
    """Names of its values."""
    return kind.__dataclass_fields__


def _value(rule: _Rule, look: Look) -> int | None:
    if rule.field == "flow_nl_per_day" and not look.values.get("flow_valid", 0):
        return None
    return look.values.get(rule.field)


def _said(alarm: str) -> str:
    return alarm.lower().replace("_", "-")
