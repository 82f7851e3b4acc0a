"""The pump's refusal."""

from enum import IntEnum
from typing import ClassVar

from construct import Int8ub, Int32ub
from construct_typed import csfield

from protocols.messages.fields import Member
from protocols.messages.layout import declared
from protocols.messages.message import Telemetry

__all__ = ["ErrorReply", "Reason"]


class Reason(IntEnum):
    """Why a telecommand was not carried out."""

    UNKNOWN_OPCODE = 1
    MALFORMED = 2
    OUT_OF_RANGE = 3
    NOT_IN_THIS_MODE = 4
    INTERNAL = 5
    NOT_ALLOWED = 6
    """Not to this role; or only in a secure session."""
    NOT_STAGED = 7
    """In a session whatever changes state is staged and committed."""


@declared
class ErrorReply(Telemetry):
    """Answers a telecommand that was not carried out."""

    OPCODE: ClassVar[int] = 0xFF

    reason: Reason = csfield(Member(Int8ub, Reason), "why the telecommand was not carried out")
    detail: int = csfield(
        Int32ub, "the opcode for UNKNOWN_OPCODE and MALFORMED; for the others as the telecommand says, or 0"
    )
