"""Which alarms hold, and that somebody has seen them."""

from enum import IntEnum
from typing import ClassVar

from construct import Int8ub, Int32ub
from construct_typed import csfield

from protocols.messages.fields import Bounded, Member
from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Role, Telecommand, Telemetry
from protocols.messages.status import Alarms

__all__ = ["AcknowledgeAlarms", "AlarmList", "AlarmPriority", "AlarmRecord", "AlarmsAcknowledged", "ReadAlarms"]


class AlarmPriority(IntEnum):
    """How urgent an alarm is, in the words of IEC 60601-1-8."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@declared
class AlarmRecord(Declared):
    """One alarm that holds."""

    bit: int = csfield(Int8ub, "number of its bit in the alarms of Status")
    priority: AlarmPriority = csfield(Member(Int8ub, AlarmPriority), "how urgent it is")
    latched: bool = csfield(Member(Int8ub, bool), "whether it waits to be acknowledged, though its cause may be gone")
    acknowledged: bool = csfield(Member(Int8ub, bool), "whether somebody has seen it")


@declared
class AlarmList(Telemetry):
    """Answers ReadAlarms."""

    OPCODE: ClassVar[int] = 0x87

    alarms: tuple[AlarmRecord, ...] = csfield(
        Bounded(Int8ub, Layout(AlarmRecord), most=32), "alarms that hold, by rising bit"
    )


@declared
class ReadAlarms(Telecommand):
    """Asks which alarms hold, and what became of them."""

    OPCODE: ClassVar[int] = 0x07
    REPLY: ClassVar[type[Telemetry]] = AlarmList
    CHANGES_STATE: ClassVar[bool] = False


@declared
class AlarmsAcknowledged(Telemetry):
    """Answers AcknowledgeAlarms."""

    OPCODE: ClassVar[int] = 0x88

    news: Alarms = csfield(Member(Int32ub, Alarms), "alarms that were acknowledged by this")
    active: Alarms = csfield(Member(Int32ub, Alarms), "alarms that still hold")


@declared
class AcknowledgeAlarms(Telecommand):
    """Says that somebody has seen alarms. It clears none whose cause is there."""

    OPCODE: ClassVar[int] = 0x08
    REPLY: ClassVar[type[Telemetry]] = AlarmsAcknowledged
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    alarms: Alarms = csfield(Member(Int32ub, Alarms), "which alarms were seen")
