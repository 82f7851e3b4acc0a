"""A refill, step by step: begin, what came out, what went in, which drug, complete."""

from typing import ClassVar

from construct import Int8ub, Int32sb, Int32ub
from construct_typed import csfield

from protocols.messages.layout import declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = [
    "BeginRefill",
    "CancelRefill",
    "CompleteRefill",
    "DrugIsSet",
    "RefillBegun",
    "RefillCancelled",
    "RefillCompleted",
    "ReportFilled",
    "ReportReturned",
    "SetDrug",
    "VolumeFilled",
    "VolumeReturned",
]


@declared
class RefillBegun(Telemetry):
    """Answers BeginRefill."""

    OPCODE: ClassVar[int] = 0xA0

    volume_nl: int = csfield(Int32ub, "nL in the reservoir, by the position of the bellows")


@declared
class BeginRefill(Telecommand):
    """Has the pump expect needles; it ends by itself after two hours. Only when monitoring."""

    OPCODE: ClassVar[int] = 0x20
    REPLY: ClassVar[type[Telemetry]] = RefillBegun
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER


@declared
class VolumeReturned(Telemetry):
    """Answers ReportReturned."""

    OPCODE: ClassVar[int] = 0xA1

    total_nl: int = csfield(Int32ub, "nL that came out in this refill, by what was reported")


@declared
class ReportReturned(Telecommand):
    """Says how much the syringe took out; more than one report adds up."""

    OPCODE: ClassVar[int] = 0x21
    REPLY: ClassVar[type[Telemetry]] = VolumeReturned
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    volume_nl: int = csfield(Int32ub, "nL by the syringe's scale; in all no more than twice what the reservoir holds")


@declared
class VolumeFilled(Telemetry):
    """Answers ReportFilled."""

    OPCODE: ClassVar[int] = 0xA2

    total_nl: int = csfield(Int32ub, "nL that went in in this refill, by what was reported")


@declared
class ReportFilled(Telecommand):
    """Says how much the syringe put in; more than one report adds up."""

    OPCODE: ClassVar[int] = 0x22
    REPLY: ClassVar[type[Telemetry]] = VolumeFilled
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    volume_nl: int = csfield(Int32ub, "nL by the syringe's scale; in all no more than the reservoir holds")


@declared
class DrugIsSet(Telemetry):
    """Answers SetDrug."""

    OPCODE: ClassVar[int] = 0xA3

    drug: int = csfield(Int8ub, "number of the drug in the clinic's own list")


@declared
class SetDrug(Telecommand):
    """Says what was filled in."""

    OPCODE: ClassVar[int] = 0x23
    REPLY: ClassVar[type[Telemetry]] = DrugIsSet
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    drug: int = csfield(Int8ub, "number of the drug in the clinic's own list")
    concentration_ug_per_ml: int = csfield(Int32ub, "ug/mL")


@declared
class RefillCompleted(Telemetry):
    """Answers CompleteRefill."""

    OPCODE: ClassVar[int] = 0xA4

    mean_flow_nl_per_day: int = csfield(Int32sb, "nL/day since the last refill; 0 if there was none to tell it from")


@declared
class CompleteRefill(Telecommand):
    """Says that the needles are out."""

    OPCODE: ClassVar[int] = 0x24
    REPLY: ClassVar[type[Telemetry]] = RefillCompleted
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER


@declared
class RefillCancelled(Telemetry):
    """Answers CancelRefill."""

    OPCODE: ClassVar[int] = 0xA5


@declared
class CancelRefill(Telecommand):
    """Says that nothing was filled in after all: what was reported as filled, and the drug, are as before."""

    OPCODE: ClassVar[int] = 0x25
    REPLY: ClassVar[type[Telemetry]] = RefillCancelled
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER
