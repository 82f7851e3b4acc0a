"""What the sensors read: once, or again and again."""

from typing import ClassVar

from construct import Int8ub, Int16ub, Int32sb, Int32ub, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Member
from protocols.messages.layout import declared
from protocols.messages.message import Notice, Telecommand, Telemetry
from protocols.messages.status import Alarms, Mode

__all__ = ["Measurements", "ReadMeasurements", "Sampled", "Subscribe", "Subscribed"]


@declared
class Measurements(Telemetry):
    """Answers ReadMeasurements: the last sample, as the sensors gave it. All fields have a fixed size."""

    OPCODE: ClassVar[int] = 0x85

    sample_count: int = csfield(Int32ub, "samples since the firmware started; 0 if there was none yet")
    uptime_ms: int = csfield(Int64ub, "ms since the firmware started, now")
    temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius, at the propellant")
    reservoir_pa: int = csfield(Int32ub, "Pa absolute, of the infusate in the reservoir")
    outlet_pa: int = csfield(Int32sb, "Pa gauge, in the catheter")
    ambient_pa: int = csfield(Int32ub, "Pa absolute, around the pump")
    bellows_nl: int = csfield(Int32ub, "nL in the reservoir, by the position of the bellows")
    battery_mv: int = csfield(Int16ub, "mV, under the load of the sample")


@declared
class ReadMeasurements(Telecommand):
    """Asks for the last sample."""

    OPCODE: ClassVar[int] = 0x05
    REPLY: ClassVar[type[Telemetry]] = Measurements
    CHANGES_STATE: ClassVar[bool] = False


@declared
class Subscribed(Telemetry):
    """Answers Subscribe."""

    OPCODE: ClassVar[int] = 0x86

    period_s: int = csfield(Int16ub, "s between notices; 0: none will come")
    notices: int = csfield(Int16ub, "how many will come at most")


@declared
class Subscribe(Telecommand):
    """Asks for a Sampled notice every so often. It takes the place of an earlier one; a restart ends it."""

    OPCODE: ClassVar[int] = 0x06
    REPLY: ClassVar[type[Telemetry]] = Subscribed
    CHANGES_STATE: ClassVar[bool] = False

    period_s: int = csfield(Int16ub, "s between notices; 0 ends them")
    notices: int = csfield(Int16ub, "how many are wanted at most")


@declared
class Sampled(Notice):
    """Comes unasked while subscribed; its seq is that of the Subscribe. All fields have a fixed size."""

    OPCODE: ClassVar[int] = 0xC0

    number: int = csfield(Int16ub, "counts the notices of this subscription from 0 on: a gap is a loss")
    mode: Mode = csfield(Member(Int8ub, Mode), "what the firmware is doing")
    alarms: Alarms = csfield(Member(Int32ub, Alarms), "alarm conditions that hold now")
    sample_count: int = csfield(Int32ub, "samples since the firmware started")
    uptime_ms: int = csfield(Int64ub, "ms since the firmware started, now")
    temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius, at the propellant")
    reservoir_pa: int = csfield(Int32ub, "Pa absolute, of the infusate in the reservoir")
    outlet_pa: int = csfield(Int32sb, "Pa gauge, in the catheter")
    ambient_pa: int = csfield(Int32ub, "Pa absolute, around the pump")
    bellows_nl: int = csfield(Int32ub, "nL in the reservoir, by the position of the bellows")
    battery_mv: int = csfield(Int16ub, "mV, under the load of the sample")
