"""What a pump did and what was done to it, in the words of its event log."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from firmware_model.alarms import CONDITIONS, PRIORITIES
from protocols.messages import Alarms, Mode

__all__ = ["BootReason", "EventKind", "LogEntry", "PumpEvent"]


class EventKind(IntEnum):
    """The code under which an event is logged, and what its ``detail`` and ``value`` mean."""

    BOOTED = 1
    """detail: BootReason."""
    SELF_TEST_PASSED = 2
    SELF_TEST_FAILED = 3
    MODE_CHANGED = 4
    """detail: the new Mode."""
    ALARM_RAISED = 16
    """detail: number of the alarm's bit; value: place of the condition in the table of conditions."""
    ALARM_CLEARED = 17
    """detail: number of the alarm's bit."""
    ALARM_ACKNOWLEDGED = 18
    """detail: number of the alarm's bit."""
    ALARM_REPEATED = 19
    """detail: number of the alarm's bit. It was acknowledged, and its condition is still there."""
    REFILL_BEGUN = 32
    """value: estimated volume, nL."""
    RETURNED_VOLUME = 33
    """value: what the programmer says came out, nL."""
    FILL_VOLUME = 34
    """value: what the programmer says went in, nL."""
    DRUG_SET = 35
    """detail: number of the drug; value: its concentration, ug/mL."""
    REFILL_COMPLETED = 36
    """value: mean flow since the last refill, nL/day; 0 if there was none to tell it from."""
    FLOW_OFF_LABEL = 37
    """value: mean flow since the last refill, nL/day, which is too far from the label's."""
    REFILL_CANCELLED = 38
    """detail: 1 if the firmware gave up waiting."""
    CLOCK_SET = 48
    """value: how far it was set forward, ms."""
    CONFIGURATION_COMMITTED = 49
    """value: its generation."""
    MEMORY_REPAIRED = 50
    """value: how many damaged records were found."""
    COMMAND_REFUSED = 51


class BootReason(IntEnum):
    """Why the firmware started."""

    POWER_ON = 0
    RESET = 1
    BROWN_OUT = 2
    WATCHDOG = 3


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of the event log. ``utc_ms`` is what the pump's clock showed."""

    seq: int
    boot_count: int
    uptime_ms: int
    utc_ms: int
    kind: EventKind
    detail: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class PumpEvent:
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
