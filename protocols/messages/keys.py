"""Key slots: who may open a session. Keys themselves never come from a pump."""

from typing import ClassVar

from construct import Int8ub, Int32ub
from construct_typed import csfield

from protocols.messages.fields import Bounded, Member, Secret, SecretBytes
from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = [
    "KEY_BYTES",
    "KEY_SLOTS",
    "KeyProvisioned",
    "KeyRevoked",
    "KeySlot",
    "KeySlots",
    "ProvisionKey",
    "ReadKeySlots",
    "RevokeKey",
]

KEY_BYTES = 32
KEY_SLOTS = 8


@declared
class KeySlot(Declared):
    """One key that a pump holds."""

    kid: int = csfield(Int32ub, "number of the key")
    role: Role = csfield(Member(Int8ub, Role), "what it entitles to")
    enabled: bool = csfield(Member(Int8ub, bool), "whether it still does")


@declared
class KeySlots(Telemetry):
    """Answers ReadKeySlots."""

    OPCODE: ClassVar[int] = 0xB8

    slots: tuple[KeySlot, ...] = csfield(
        Bounded(Int8ub, Layout(KeySlot), most=KEY_SLOTS), "slots in use, by rising kid"
    )


@declared
class ReadKeySlots(Telecommand):
    """Asks which keys the pump holds."""

    OPCODE: ClassVar[int] = 0x38
    REPLY: ClassVar[type[Telemetry]] = KeySlots
    CHANGES_STATE: ClassVar[bool] = False
    ROLE: ClassVar[Role] = Role.PROGRAMMER


@declared
class KeyProvisioned(Telemetry):
    """Answers ProvisionKey."""

    OPCODE: ClassVar[int] = 0xB9

    kid: int = csfield(Int32ub, "number of the key")


@declared
class ProvisionKey(Telecommand):
    """Gives the pump another key, or an old one another role. Only in a session, with the near-field coil present.

    OUT_OF_RANGE: all slots are in use.
    """

    OPCODE: ClassVar[int] = 0x39
    REPLY: ClassVar[type[Telemetry]] = KeyProvisioned
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    kid: int = csfield(Int32ub, "number of the key")
    role: Role = csfield(Member(Int8ub, Role), "what it entitles to")
    psk: Secret = csfield(SecretBytes(KEY_BYTES), "the key: random, and used nowhere else")


@declared
class KeyRevoked(Telemetry):
    """Answers RevokeKey."""

    OPCODE: ClassVar[int] = 0xBA

    kid: int = csfield(Int32ub, "number of the key")


@declared
class RevokeKey(Telecommand):
    """Has a key entitle to nothing any more, and ends its session.

    Its slot stays in use, so that its number is not used again by mistake.
    """

    OPCODE: ClassVar[int] = 0x3A
    REPLY: ClassVar[type[Telemetry]] = KeyRevoked
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    kid: int = csfield(Int32ub, "number of the key; OUT_OF_RANGE if the pump has no such key")
