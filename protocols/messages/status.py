"""What the pump measures and estimates now."""

from enum import STRICT, IntEnum, IntFlag
from typing import ClassVar

from construct import Int8ub, Int16ub, Int32sb, Int32ub, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Member
from protocols.messages.layout import declared
from protocols.messages.message import Telecommand, Telemetry

__all__ = ["Alarms", "Mode", "ReadStatus", "Status"]


class Mode(IntEnum):
    """What the firmware is doing."""

    SHELF = 0
    SELF_TEST = 1
    MONITORING = 2
    SERVICE = 3
    SAFE = 4
    END_OF_SERVICE = 5


class Alarms(IntFlag, boundary=STRICT):
    """Alarm conditions, one bit each. A bit that version 1 does not have makes its message malformed."""

    LOW_RESERVOIR = 1 << 0
    EMPTY = 1 << 1
    FLOW_HIGH = 1 << 2
    FLOW_LOW = 1 << 3
    OCCLUSION = 1 << 4
    LEAK = 1 << 5
    PROPELLANT_LOSS = 1 << 6
    OVER_TEMPERATURE = 1 << 7
    AMBIENT_PRESSURE = 1 << 8
    SENSOR_FAULT = 1 << 9
    BATTERY_LOW = 1 << 10
    END_OF_SERVICE = 1 << 11
    MEMORY_FAULT = 1 << 12
    CLOCK_LOST = 1 << 13
    UNEXPECTED_ACCESS = 1 << 14
    TAMPERING = 1 << 15
    UNEXPECTED_RESTART = 1 << 16
    REFILL_MISMATCH = 1 << 17


@declared
class Status(Telemetry):
    """Answers ReadStatus. All fields have a fixed size, so that many of them decode as columns."""

    OPCODE: ClassVar[int] = 0x82

    clock_utc_ms: int = csfield(Int64ub, "ms since 1970 UTC, by the pump's clock")
    uptime_ms: int = csfield(Int64ub, "ms since the firmware started")
    boot_count: int = csfield(Int32ub, "starts of the firmware since manufacture")
    mode: Mode = csfield(Member(Int8ub, Mode), "what the firmware is doing")
    alarms: Alarms = csfield(Member(Int32ub, Alarms), "alarm conditions that hold now")
    sample_count: int = csfield(Int32ub, "samples since the firmware started; what follows is as of the last one")
    temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius, at the propellant")
    reservoir_pa: int = csfield(Int32ub, "Pa absolute, of the infusate in the reservoir")
    outlet_pa: int = csfield(Int32sb, "Pa gauge, in the catheter")
    ambient_pa: int = csfield(Int32ub, "Pa absolute, around the pump")
    battery_mv: int = csfield(Int16ub, "mV, under the load of the sample")
    volume_nl: int = csfield(Int32ub, "nL, estimated in the reservoir")
    flow_nl_per_day: int = csfield(Int32sb, "nL/day, estimated; negative is reverse flow")
    flow_valid: bool = csfield(Member(Int8ub, bool), "whether there were samples enough to estimate the flow")
    history_next: int = csfield(Int32ub, "seq that the next hourly record will have")


@declared
class ReadStatus(Telecommand):
    """Asks what the pump measures and estimates now."""

    OPCODE: ClassVar[int] = 0x02
    REPLY: ClassVar[type[Telemetry]] = Status
    CHANGES_STATE: ClassVar[bool] = False
