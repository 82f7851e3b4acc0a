"""What a pump did and what was done to it, in the words of its event log."""

from typing import Any, NamedTuple

from firmware_model.firmware.alarms import CONDITIONS, PRIORITIES
from protocols.messages import Alarms, BootReason, EventKind, Mode

__all__ = ["BootReason", "EventKind", "LogEntry", "PumpEvent"]


class LogEntry(NamedTuple):
    """One record of the event log. ``utc_ms`` is what the pump's clock showed."""

    seq: int
    boot_count: int
    uptime_ms: int
    utc_ms: int
    kind: EventKind
    detail: int = 0
    value: int = 0


class PumpEvent(NamedTuple):
    """A log entry, and the bench time at which it was written."""

    time_ms: int
    entry: LogEntry

    def as_json(self) -> dict[str, Any]:
        """What other programs see: ``time_ms`` and ``event``; for alarms ``alarm``, ``priority`` and ``state``."""
        entry = self.entry
        shown: dict[str, Any] = {"time_ms": self.time_ms, "event": entry.kind.name.lower().replace("_", "-")}
        state = _ALARM_STATES.get(entry.kind)
        if state is not None:
            alarm = Alarms(1 << entry.detail)
            shown |= {"event": "alarm", "alarm": kebab(alarm), "priority": PRIORITIES[alarm].value, "state": state}
            if entry.kind is EventKind.ALARM_RAISED:
                shown["condition"] = CONDITIONS[entry.value].name
        elif entry.kind is EventKind.MODE_CHANGED:
            shown["mode"] = kebab(Mode(entry.detail))
        elif entry.kind is EventKind.BOOTED:
            shown |= {"reason": kebab(BootReason(entry.detail)), "boot_count": entry.boot_count}
        elif entry.kind in _VALUES:
            shown[_VALUES[entry.kind]] = entry.value
            if entry.kind is EventKind.DRUG_SET:
                shown["drug"] = entry.detail
        return shown


_ALARM_STATES = {
    EventKind.ALARM_RAISED: "raised",
    EventKind.ALARM_CLEARED: "cleared",
    EventKind.ALARM_ACKNOWLEDGED: "acknowledged",
    EventKind.ALARM_REPEATED: "repeated",
}
_VALUES = {
    EventKind.REFILL_BEGUN: "volume_nl",
    EventKind.RETURNED_VOLUME: "returned_nl",
    EventKind.FILL_VOLUME: "filled_nl",
    EventKind.DRUG_SET: "concentration_ug_per_ml",
    EventKind.REFILL_COMPLETED: "mean_flow_nl_per_day",
    EventKind.FLOW_OFF_LABEL: "mean_flow_nl_per_day",
    EventKind.CLOCK_SET: "forward_ms",
    EventKind.CONFIGURATION_COMMITTED: "generation",
    EventKind.MEMORY_REPAIRED: "records",
}


def kebab(member: Alarms | Mode | BootReason) -> str:
    """``low-reservoir`` for ``Alarms.LOW_RESERVOIR``: how people and other programs write it."""
    return str(member.name).lower().replace("_", "-")
