"""What a pump says of an alarm that holds, and whether that is what the table of alarms says."""

from firmware_model.firmware.alarms import ALARMS
from hil.pump.programmer import Programmer
from hil.pump.pump_log import said
from protocols.messages import AlarmRecord, Alarms

__all__ = ["check_held", "held_alarm"]


def held_alarm(pump: Programmer, alarm: Alarms) -> AlarmRecord | None:
    """What the pump says of ``alarm``; None if it does not hold."""
    return next((each for each in pump.read_alarms().alarms if 1 << each.bit == int(alarm)), None)


def check_held(pump: Programmer, alarm: Alarms) -> AlarmRecord:
    """What the pump says of ``alarm``, which holds, with priority and latching as the table of alarms has them.

    Raises AssertionError, which fails the procedure, if one of them is not so.
    """
    record, kind = held_alarm(pump, alarm), ALARMS[alarm]
    if record is None:
        raise AssertionError(f"{said(alarm)} was raised, but does not hold")
    if record.priority.name.lower() != kind.priority:
        raise AssertionError(f"{said(alarm)} has priority {record.priority.name.lower()}, not {kind.priority}")
    if record.latched is not kind.latching:
        raise AssertionError(f"{said(alarm)} {'waits' if record.latched else 'does not wait'} to be acknowledged")
    return record
