"""The firmware's configuration: what a programmer may change, as integers, and as it lies in the memory."""

import struct
from dataclasses import dataclass, fields
from typing import Self

from firmware_model.profile import PumpProfile, nanolitres

__all__ = ["Configuration"]


@dataclass(frozen=True)
class Configuration:
    """Label and alarm limits in the firmware's units. A permille is one of the label flow."""

    label_flow_nl_per_day: int
    capacity_nl: int
    residual_nl: int
    low_reservoir_nl: int
    """Above the residual volume: the reserve at label flow."""
    low_reservoir_hours: int
    """The same reserve, for a flow above label."""
    empty_nl: int
    volume_hysteresis_nl: int
    flow_high_permille: int
    flow_low_permille: int
    flow_hysteresis_permille: int
    flow_debounce_n: int
    flow_debounce_m: int
    cross_check_permille: int
    occlusion_pa: int
    outlet_low_pa: int
    outlet_hysteresis_pa: int
    drive_pressure_pa: int
    over_temperature_mc: int
    temperature_hysteresis_mc: int
    ambient_low_pa: int
    ambient_high_pa: int
    ambient_hysteresis_pa: int
    access_nl: int
    outlet_pulse_pa: int
    battery_low_mv: int
    end_of_service_mv: int
    battery_hysteresis_mv: int
    clock_step_ms: int
    refill_tolerance_nl: int
    off_label_permille: int
    refused_commands: int
    repeat_ms: int

    @classmethod
    def of(cls, profile: PumpProfile) -> Self:
        """The factory settings of a profile."""
        alarms = profile.alarms
        return cls(
            label_flow_nl_per_day=nanolitres(profile.label_flow_ml_per_day),
            capacity_nl=nanolitres(profile.capacity_ml),
            residual_nl=nanolitres(profile.residual_ml),
            low_reservoir_nl=nanolitres(alarms.low_reservoir_days * profile.label_flow_ml_per_day),
            low_reservoir_hours=round(alarms.low_reservoir_days * 24),
            empty_nl=nanolitres(alarms.empty_ml),
            volume_hysteresis_nl=nanolitres(alarms.volume_hysteresis_ml),
            flow_high_permille=round(alarms.flow_high_percent * 10),
            flow_low_permille=round(alarms.flow_low_percent * 10),
            flow_hysteresis_permille=round(alarms.flow_hysteresis_percent * 10),
            flow_debounce_n=alarms.flow_debounce_n,
            flow_debounce_m=alarms.flow_debounce_m,
            cross_check_permille=round(alarms.cross_check_percent * 10),
            occlusion_pa=round(alarms.occlusion_kpa * 1000),
            outlet_low_pa=round(alarms.outlet_low_kpa * 1000),
            outlet_hysteresis_pa=round(alarms.outlet_hysteresis_kpa * 1000),
            drive_pressure_pa=round(alarms.drive_pressure_kpa * 1000),
            over_temperature_mc=round(alarms.over_temperature_c * 1000),
            temperature_hysteresis_mc=round(alarms.temperature_hysteresis_c * 1000),
            ambient_low_pa=round(alarms.ambient_low_kpa * 1000),
            ambient_high_pa=round(alarms.ambient_high_kpa * 1000),
            ambient_hysteresis_pa=round(alarms.ambient_hysteresis_kpa * 1000),
            access_nl=nanolitres(alarms.access_ml),
            outlet_pulse_pa=round(alarms.outlet_pulse_kpa * 1000),
            battery_low_mv=alarms.battery_low_mv,
            end_of_service_mv=alarms.end_of_service_mv,
            battery_hysteresis_mv=alarms.battery_hysteresis_mv,
            clock_step_ms=round(alarms.clock_step_s * 1000),
            refill_tolerance_nl=nanolitres(alarms.refill_tolerance_ml),
            off_label_permille=round(alarms.off_label_percent * 10),
            refused_commands=alarms.refused_commands,
            repeat_ms=round(alarms.repeat_h * 3_600_000),
        )

    def encode(self) -> bytes:
        """As it lies in the memory: every value in eight bytes, big-endian."""
        return _LAYOUT.pack(*vars(self).values())

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The configuration that ``encode`` gave."""
        return cls(*_LAYOUT.unpack(payload))

    def first_impossible(self) -> str | None:
        """Name of the first value that no pump can work by; None if all is well."""
        for name, possible in (
            ("label_flow_nl_per_day", self.label_flow_nl_per_day > 0),
            ("residual_nl", 0 <= self.residual_nl < self.capacity_nl),
            ("flow_debounce_n", 1 <= self.flow_debounce_n <= self.flow_debounce_m),
            ("flow_debounce_m", self.flow_debounce_m <= _HOURS_OF_DEBOUNCE),
            ("ambient_low_pa", self.ambient_low_pa < self.ambient_high_pa),
            ("end_of_service_mv", self.end_of_service_mv <= self.battery_low_mv),
            ("refused_commands", self.refused_commands > 0),
            ("repeat_ms", self.repeat_ms > 0),
        ):
            if not possible:
                return name
        signed = {"outlet_low_pa", "over_temperature_mc"}
        return next((name for name, value in vars(self).items() if value < 0 and name not in signed), None)

    def label_share(self, permille: int) -> int:
        """So many permille of the label flow, in nL/day."""
        return self.label_flow_nl_per_day * permille // 1000


_HOURS_OF_DEBOUNCE = 24
_LAYOUT = struct.Struct(f">{len(fields(Configuration))}q")
CONFIGURATION_SIZE = _LAYOUT.size
"""Bytes of an encoded configuration."""
