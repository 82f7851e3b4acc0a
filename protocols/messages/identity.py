"""Who the pump is."""

from typing import ClassVar

from construct import Bytes, Int8ub, Int32ub
from construct_typed import csfield

from protocols.messages.fields import Ascii
from protocols.messages.layout import declared
from protocols.messages.message import Telecommand, Telemetry

__all__ = ["Identify", "Identity"]


@declared
class Identity(Telemetry):
    """Answers Identify: what is needed to know the pump again, and to know how to talk to it."""

    OPCODE: ClassVar[int] = 0x81

    protocol_version: int = csfield(Int8ub, "version of this protocol; what is declared here is 1")
    uid: bytes = csfield(Bytes(8), "identity for the secure session; unique, and never derived from the serial number")
    serial_number: str = csfield(Ascii(16), "as engraved on the pump")
    model: str = csfield(Ascii(24), "as in the pump's profile")
    firmware_major: int = csfield(Int8ub, "firmware version, major")
    firmware_minor: int = csfield(Int8ub, "firmware version, minor")
    firmware_patch: int = csfield(Int8ub, "firmware version, patch")
    boot_count: int = csfield(Int32ub, "starts of the firmware since manufacture; a step means that it was reset")

    @property
    def firmware_version(self) -> str:
        """``major.minor.patch``, for people and manifests."""
        return f"{self.firmware_major}.{self.firmware_minor}.{self.firmware_patch}"


@declared
class Identify(Telecommand):
    """Asks who the pump is."""

    OPCODE: ClassVar[int] = 0x01
    REPLY: ClassVar[type[Telemetry]] = Identity
    CHANGES_STATE: ClassVar[bool] = False
