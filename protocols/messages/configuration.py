"""Label and alarm limits: what a programmer may read and change."""

from typing import ClassVar

from construct import Int32sb, Int32ub
from construct_typed import csfield

from protocols.messages.layout import Declared, Layout, declared
from protocols.messages.message import Role, Telecommand, Telemetry

__all__ = ["ConfigurationReport", "ConfigurationWritten", "ReadConfiguration", "Settings", "WriteConfiguration"]


@declared
class Settings(Declared):
    """All that can be set. A permille is one of the label flow. All fields have a fixed size."""

    label_flow_nl_per_day: int = csfield(Int32sb, "nL/day, as engraved on the pump")
    capacity_nl: int = csfield(Int32sb, "nL that the reservoir holds")
    residual_nl: int = csfield(Int32sb, "nL that never come out")
    low_reservoir_nl: int = csfield(Int32sb, "nL above the residual volume: low-reservoir is raised below")
    low_reservoir_hours: int = csfield(Int32sb, "h: the same reserve, for a flow above label")
    empty_nl: int = csfield(Int32sb, "nL: empty is raised below")
    volume_hysteresis_nl: int = csfield(Int32sb, "nL: volume alarms clear so much higher")
    flow_high_permille: int = csfield(Int32sb, "permille above label: flow-high is raised above")
    flow_low_permille: int = csfield(Int32sb, "permille below label: flow-low is raised below")
    flow_hysteresis_permille: int = csfield(Int32sb, "permille: flow alarms clear so much nearer to label")
    flow_debounce_n: int = csfield(Int32sb, "hours of flow_debounce_m that raise a flow alarm; 1 to all of them")
    flow_debounce_m: int = csfield(Int32sb, "hours; 1 to 24")
    cross_check_permille: int = csfield(Int32sb, "permille by which the two flow estimates may differ")
    occlusion_pa: int = csfield(Int32sb, "Pa gauge at the outlet: occlusion is raised above")
    outlet_low_pa: int = csfield(Int32sb, "Pa gauge at the outlet: leak is raised below")
    outlet_hysteresis_pa: int = csfield(Int32sb, "Pa: outlet alarms clear so much nearer")
    drive_pressure_pa: int = csfield(Int32sb, "Pa by which the reservoir may differ from the propellant")
    over_temperature_mc: int = csfield(Int32sb, "thousandths of a degree Celsius: over-temperature is raised above")
    temperature_hysteresis_mc: int = csfield(Int32sb, "thousandths of a degree: it clears so much lower")
    ambient_low_pa: int = csfield(Int32sb, "Pa absolute: ambient-pressure is raised below")
    ambient_high_pa: int = csfield(Int32sb, "Pa absolute: and above")
    ambient_hysteresis_pa: int = csfield(Int32sb, "Pa: it clears so much nearer")
    access_nl: int = csfield(Int32sb, "nL in 15 samples, either way: unexpected-access is raised above")
    outlet_pulse_pa: int = csfield(Int32sb, "Pa of a pulse of at most ten samples: unexpected-access above")
    battery_low_mv: int = csfield(Int32sb, "mV: battery-low is raised below")
    end_of_service_mv: int = csfield(Int32sb, "mV: end-of-service is raised below")
    battery_hysteresis_mv: int = csfield(Int32sb, "mV: battery alarms clear so much higher")
    clock_step_ms: int = csfield(Int32sb, "ms in an hour by which the clock may jump")
    refill_tolerance_nl: int = csfield(Int32sb, "nL by which bellows and syringe may disagree")
    off_label_permille: int = csfield(Int32sb, "permille by which the mean flow between refills may be off label")
    refused_commands: int = csfield(Int32sb, "refused telecommands in an hour that raise tampering")
    repeat_ms: int = csfield(Int32sb, "ms after which an acknowledged alarm comes again")


@declared
class ConfigurationReport(Telemetry):
    """Answers ReadConfiguration."""

    OPCODE: ClassVar[int] = 0x8A

    generation: int = csfield(Int32ub, "counts configurations since manufacture")
    settings: Settings = csfield(Layout(Settings), "what the firmware works by")


@declared
class ReadConfiguration(Telecommand):
    """Asks for the configuration that the firmware works by."""

    OPCODE: ClassVar[int] = 0x0A
    REPLY: ClassVar[type[Telemetry]] = ConfigurationReport
    CHANGES_STATE: ClassVar[bool] = False


@declared
class ConfigurationWritten(Telemetry):
    """Answers WriteConfiguration."""

    OPCODE: ClassVar[int] = 0x8B

    generation: int = csfield(Int32ub, "of the configuration that was written")


@declared
class WriteConfiguration(Telecommand):
    """Has the firmware work by other settings, all at once. OUT_OF_RANGE: ``detail`` is the number of the field."""

    OPCODE: ClassVar[int] = 0x0B
    REPLY: ClassVar[type[Telemetry]] = ConfigurationWritten
    CHANGES_STATE: ClassVar[bool] = True
    ROLE: ClassVar[Role] = Role.PROGRAMMER

    settings: Settings = csfield(Layout(Settings), "what it should work by")
