"""Exactly once: whatever changes state is staged, read back, and committed under a number of its own."""

from enum import IntEnum
from typing import ClassVar

from construct import Bytes, Int8ub, Int32ub, Int64ub
from construct_typed import csfield

from protocols.messages.fields import Blob, Command, Member
from protocols.messages.layout import declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = [
    "DIGEST_BYTES",
    "MAX_COMMAND_BYTES",
    "MAX_RESULT_BYTES",
    "Commit",
    "Committed",
    "Outcome",
    "Queried",
    "Query",
    "Stage",
    "Staged",
]

DIGEST_BYTES = 8
MAX_COMMAND_BYTES = 192
MAX_RESULT_BYTES = 32


class Outcome(IntEnum):
    """What became of a command."""

    APPLIED = 1
    """Carried out, once; ``result`` is its answer."""
    REFUSED = 2
    """Not carried out, and it will not be; ``result`` is the ErrorReply."""
    STALE = 3
    """Not carried out: the pump's state is no longer the one that the command was meant for."""
    FENCED = 4
    """Not carried out, and it will not be, even if a Commit of it is still under way."""
    NOT_STAGED = 5
    """Not carried out: nothing is staged under this token and digest, or no longer."""


@declared
class Staged(Telemetry):
    """Answers Stage: what the pump understood. It is carried out by a Commit within 30 s, or never."""

    OPCODE: ClassVar[int] = 0x90

    token: int = csfield(Int32ub, "names what was staged")
    digest: bytes = csfield(Bytes(DIGEST_BYTES), "first bytes of the SHA-256 of ``command``")
    state_seq: int = csfield(Int32ub, "counts changes of the pump's state")
    command: bytes = csfield(Command(MAX_COMMAND_BYTES), "the command as the pump encodes it anew: opcode u8 | body")


@declared
class Stage(Telecommand):
    """Hands over a telecommand that changes state, without carrying it out."""

    OPCODE: ClassVar[int] = 0x10
    REPLY: ClassVar[type[Telemetry]] = Staged
    CHANGES_STATE: ClassVar[bool] = False
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    command: bytes = csfield(Command(MAX_COMMAND_BYTES), "opcode u8 | body of the telecommand")


@declared
class Committed(Telemetry):
    """Answers Commit."""

    OPCODE: ClassVar[int] = 0x91

    cmd_id: int = csfield(Int64ub, "of the Commit")
    outcome: Outcome = csfield(Member(Int8ub, Outcome), "what became of the command")
    state_seq: int = csfield(Int32ub, "counts changes of the pump's state; right after the command, if it was applied")
    result: bytes = csfield(Blob(MAX_RESULT_BYTES), "opcode u8 | body of the answer; empty if there is none")


@declared
class Commit(Telecommand):
    """Has carried out what was staged. Asking again under the same ``cmd_id`` gives the stored outcome."""

    OPCODE: ClassVar[int] = 0x11
    REPLY: ClassVar[type[Telemetry]] = Committed
    CHANGES_STATE: ClassVar[bool] = False
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    cmd_id: int = csfield(Int64ub, "chosen by the programmer, and kept by it before it is sent; never used again")
    token: int = csfield(Int32ub, "of Staged")
    digest: bytes = csfield(Bytes(DIGEST_BYTES), "of Staged")
    if_state: int = csfield(Int32ub, "the state_seq for which the command is meant")


@declared
class Queried(Telemetry):
    """Answers Query."""

    OPCODE: ClassVar[int] = 0x92

    cmd_id: int = csfield(Int64ub, "of the Query")
    outcome: Outcome = csfield(Member(Int8ub, Outcome), "what became of the command")
    state_seq: int = csfield(Int32ub, "counts changes of the pump's state")
    result: bytes = csfield(Blob(MAX_RESULT_BYTES), "opcode u8 | body of the answer; empty if there is none")


@declared
class Query(Telecommand):
    """Asks what became of a command. If it was not carried out it never will be."""

    OPCODE: ClassVar[int] = 0x12
    REPLY: ClassVar[type[Telemetry]] = Queried
    CHANGES_STATE: ClassVar[bool] = False
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    cmd_id: int = csfield(Int64ub, "of the Commit in question")
    if_state: int = csfield(Int32ub, "of the Commit in question")
