"""What all messages share: an opcode, a direction, and for a telecommand the telemetry that answers it."""

from typing import ClassVar

from protocols.messages.layout import Declared

__all__ = ["TELEMETRY_BIT", "Message", "Telecommand", "Telemetry"]

TELEMETRY_BIT = 0x80
"""Set in the opcode of whatever comes from the pump: a pump that hears its own echo never takes it for a command."""


class Message(Declared):
    """One message: its fields, in wire order, are its layout."""

    OPCODE: ClassVar[int]


class Telemetry(Message):
    """A message from the pump."""


class Telecommand(Message):
    """A message to the pump."""

    REPLY: ClassVar[type[Telemetry]]
    """What answers it; its opcode is the telecommand's with ``TELEMETRY_BIT`` set."""

    CHANGES_STATE: ClassVar[bool]
    """Whether carrying it out twice differs from carrying it out once."""
