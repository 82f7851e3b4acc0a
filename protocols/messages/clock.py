"""The pump's clock."""

from typing import ClassVar

from construct import Int64ub
from construct_typed import csfield

from protocols.messages.layout import declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = ["ClockSet", "SetClock"]


@declared
class ClockSet(Telemetry):
    """Answers SetClock: both readings at the moment of the change, so that records before it can be dated."""

    OPCODE: ClassVar[int] = 0x84

    previous_utc_ms: int = csfield(Int64ub, "ms since 1970 UTC, that the clock showed before")
    utc_ms: int = csfield(Int64ub, "ms since 1970 UTC, that it shows now")


@declared
class SetClock(Telecommand):
    """Sets the pump's clock."""

    OPCODE: ClassVar[int] = 0x04
    REPLY: ClassVar[type[Telemetry]] = ClockSet
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    utc_ms: int = csfield(Int64ub, "ms since 1970 UTC")
