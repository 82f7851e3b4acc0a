"""For whoever looks after pumps: self-test, diagnostics, and what the bench needs to see of the sensors."""

from typing import ClassVar

from construct import Int16ub, Int32sb, Int32ub, Int64ub
from construct_typed import csfield

from protocols.messages.layout import declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = ["Diagnostics", "RawSensors", "ReadDiagnostics", "ReadRawSensors", "SelfTestStarted", "StartSelfTest"]


@declared
class SelfTestStarted(Telemetry):
    """Answers StartSelfTest; the event log says how it ended."""

    OPCODE: ClassVar[int] = 0xA8

    next_event: int = csfield(Int32ub, "seq that the next event will have: look for the result from there on")


@declared
class StartSelfTest(Telecommand):
    """Has memory, sensors and battery tested with the next sample. NOT_IN_THIS_MODE when there is no time for it."""

    OPCODE: ClassVar[int] = 0x28
    REPLY: ClassVar[type[Telemetry]] = SelfTestStarted
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER


@declared
class Diagnostics(Telemetry):
    """Answers ReadDiagnostics: counters since manufacture, and of the link since the start."""

    OPCODE: ClassVar[int] = 0xB0

    boot_count: int = csfield(Int32ub, "starts of the firmware since manufacture")
    uptime_ms: int = csfield(Int64ub, "ms since the firmware started")
    refills: int = csfield(Int32ub, "refills completed since manufacture")
    events: int = csfield(Int32ub, "events logged since manufacture")
    hours: int = csfield(Int32ub, "hourly records since manufacture")
    state_seq: int = csfield(Int32ub, "changes of the pump's state by committed commands since manufacture")
    frames_accepted: int = csfield(Int32ub, "whole frames since the firmware started")
    frames_rejected: int = csfield(Int32ub, "damaged, foreign or forged frames since then")
    commands_repeated: int = csfield(Int32ub, "telecommands since then that got a stored answer")
    handshakes: int = csfield(Int32ub, "sessions since then that came to the costly half of their handshake")


@declared
class ReadDiagnostics(Telecommand):
    """Asks what the firmware counts."""

    OPCODE: ClassVar[int] = 0x30
    REPLY: ClassVar[type[Telemetry]] = Diagnostics
    CHANGES_STATE: ClassVar[bool] = False


@declared
class RawSensors(Telemetry):
    """Answers ReadRawSensors. All fields have a fixed size."""

    OPCODE: ClassVar[int] = 0xB1

    temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius")
    reservoir_pa: int = csfield(Int32ub, "Pa absolute")
    outlet_pa: int = csfield(Int32sb, "Pa gauge")
    ambient_pa: int = csfield(Int32ub, "Pa absolute")
    bellows_nl: int = csfield(Int32ub, "nL")
    battery_mv: int = csfield(Int16ub, "mV")


@declared
class ReadRawSensors(Telecommand):
    """Asks for a reading of every sensor now, out of turn: for calibration on a bench."""

    OPCODE: ClassVar[int] = 0x31
    REPLY: ClassVar[type[Telemetry]] = RawSensors
    CHANGES_STATE: ClassVar[bool] = False
    ROLE: ClassVar[Role] = Role.PROGRAMMER
