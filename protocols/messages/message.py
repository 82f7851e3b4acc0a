"""What all messages share: an opcode, a direction, and for a telecommand the telemetry that answers it."""

from enum import IntEnum
from typing import ClassVar

from protocols.messages.layout import Declared

__all__ = ["FIRST_NOTICE", "TELEMETRY_BIT", "Message", "Notice", "Role", "Telecommand", "Telemetry"]

TELEMETRY_BIT = 0x80
"""Set in the opcode of whatever comes from the pump: a pump that hears its own echo never takes it for a command."""


FIRST_NOTICE = 0xC0
"""Telemetry from this opcode on comes unasked; only ErrorReply, the last one, is an answer."""


class Role(IntEnum):
    """What a session's key entitles to: each role may do what those before it may."""

    READER = 1
    PROGRAMMER = 2


class Message(Declared):
    """One message: its fields, in wire order, are its layout."""

    OPCODE: ClassVar[int]


class Telemetry(Message):
    """A message from the pump."""


class Notice(Telemetry):
    """A message from the pump that nobody asked for just now; its seq is that of what it was subscribed with."""


class Telecommand(Message):
    """A message to the pump."""

    REPLY: ClassVar[type[Telemetry]]
    """What answers it; its opcode is the telecommand's with ``TELEMETRY_BIT`` set."""

    CHANGES_STATE: ClassVar[bool]
    """Whether carrying it out twice differs from carrying it out once."""

    ROLE: ClassVar[Role] = Role.READER
    """Who may send it in a session. Whatever changes state is for programmers, who stage and commit it."""
