"""A pump's profile: every parameter of the model, from one TOML file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from firmware_model.config import FrozenModel, load_toml
from firmware_model.fluids import MAX_GLYCERIN_PERCENT, PropellantName

__all__ = [
    "AlarmLimits",
    "BatteryProfile",
    "ClockProfile",
    "InfusateProfile",
    "PumpProfile",
    "SensorProfile",
    "SensorsProfile",
    "SerialProfile",
    "load_profile",
    "nanolitres",
]

MAX_CAPACITY_ML = 200
"""Several times the largest pump of this class; a flow estimated from a bellows of this size fits 32 bits."""

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(gt=0, lt=100)]


class InfusateProfile(FrozenModel):
    """What the reservoir is filled with: water, thickened with glycerin or not."""

    glycerin_percent: Annotated[float, Field(ge=0, le=MAX_GLYCERIN_PERCENT)] = 0.0
    """Share by mass; it sets the viscosity."""
    density_kg_per_m3: Positive
    """At 37 degrees Celsius, where the reservoir's volume counts."""
    density_20c_kg_per_m3: Positive
    """At 20 degrees Celsius, where it was weighed into the syringe."""


class SensorProfile(FrozenModel):
    """One sensor: value = quantise(true * gain + bias + noise), cut off at its range. All in ``unit``."""

    unit: Literal["mC", "Pa", "nL", "mV"]
    gain: Positive = 1.0
    bias: float = 0.0
    noise: NotNegative
    """Half the width of the uniform noise: bounded on purpose, so that what it can do is provable."""
    resolution: Annotated[int, Field(gt=0)]
    lower: int
    upper: int

    @model_validator(mode="after")
    def _range_is_wide(self) -> Self:
        if self.upper - self.lower < self.resolution:
            raise ValueError(f"upper ({self.upper}) must exceed lower ({self.lower}) by a resolution at least")
        return self


_ON_THE_WIRE: Mapping[str, tuple[str, int, int]] = {
    "temperature": ("mC", -1_000_000, 1_000_000),
    "reservoir_pressure": ("Pa", 0, 10_000_000),
    "outlet_pressure": ("Pa", -10_000_000, 10_000_000),
    "bellows": ("nL", 0, MAX_CAPACITY_ML * 1_000_000),
    "battery": ("mV", 0, 65_535),
}
"""Unit and widest range of each sensor, so that neither a reading nor an estimate from it can outgrow its field."""


class SensorsProfile(FrozenModel):
    """The five sensors of a pump of this kind, each in the unit that its reading has on the wire."""

    temperature: SensorProfile
    reservoir_pressure: SensorProfile
    outlet_pressure: SensorProfile
    bellows: SensorProfile
    battery: SensorProfile

    @model_validator(mode="after")
    def _fit_the_wire(self) -> Self:
        for name, (unit, lowest, highest) in _ON_THE_WIRE.items():
            sensor: SensorProfile = getattr(self, name)
            if sensor.unit != unit:
                raise ValueError(f"the unit of {name} must be {unit}, not {sensor.unit}")
            if not lowest <= sensor.lower < sensor.upper <= highest:
                raise ValueError(
                    f"the range of {name} must lie in {lowest} to {highest} {unit}, "
                    f"not {sensor.lower} to {sensor.upper}"
                )
        return self


class AlarmLimits(FrozenModel):
    """When the firmware raises and clears its alarms. Volumes are those it estimates, not the true ones."""

    low_reservoir_ml: Positive
    empty_ml: Positive
    volume_hysteresis_ml: Positive
    flow_high_percent: Percent
    """Above the label flow by this share: a fast pump."""
    flow_low_percent: Percent
    """Below the label flow by this share: a slow or blocked pump."""
    flow_hysteresis_percent: Annotated[float, Field(ge=0, lt=100)]
    flow_debounce_n: Annotated[int, Field(ge=1, le=24)]
    flow_debounce_m: Annotated[int, Field(ge=1, le=24)]
    """Raised when n of the last m hourly estimates lie beyond the limit."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.empty_ml < self.low_reservoir_ml:
            raise ValueError(f"empty_ml ({self.empty_ml}) must be below low_reservoir_ml ({self.low_reservoir_ml})")
        if self.flow_debounce_n > self.flow_debounce_m:
            raise ValueError(
                f"flow_debounce_n ({self.flow_debounce_n}) must be <= flow_debounce_m ({self.flow_debounce_m})"
            )
        if self.flow_hysteresis_percent >= min(self.flow_high_percent, self.flow_low_percent):
            raise ValueError("flow_hysteresis_percent must be below both flow limits, or an alarm could never clear")
        return self


class ClockProfile(FrozenModel):
    """The pump's real-time clock."""

    drift_ppm: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Positive: the UTC it shows runs fast. Sampling follows uptime, which does not drift."""


class BatteryProfile(FrozenModel):
    """Voltage of the primary cell under load: a straight line in time."""

    fresh_mv: Annotated[int, Field(gt=0, le=65_535)]
    fade_mv_per_day: NotNegative


class SerialProfile(FrozenModel):
    """Settings of the programmer's serial port, where nothing else is said."""

    baud: Annotated[int, Field(gt=0)] = 115_200
    bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "rts-cts", "xon-xoff"] = "none"


class PumpProfile(FrozenModel):
    """A constant-flow pump: its label, its flow path and its electronics."""

    model: Annotated[str, Field(min_length=1, max_length=24, pattern=r"^[ -~]+$")]
    label_flow_ml_per_day: Annotated[float, Field(gt=0, le=MAX_CAPACITY_ML)]
    label_tolerance_percent: Percent

    capacity_ml: Annotated[float, Field(gt=0, le=MAX_CAPACITY_ML)]
    residual_ml: Positive
    """What stays in when the bellows is at its stop; no flow ever comes from below it."""
    stop_region_ml: Positive
    """Above the stop by so much, the bellows begins to touch it and the pressure collapses, linearly to none."""
    droop_kpa: NotNegative
    """The bellows' own spring: pressure lost from full to where it touches its stop."""
    below_outlet: Literal["check-valve", "reverse-flow"]
    """What the flow path does when the propellant is too cold to overcome the outlet."""

    propellant: PropellantName
    thermal_time_constant_min: Positive
    """In which the propellant follows its surroundings' temperature."""
    restrictor_pa_s_per_m3: Positive
    """Flow resistance of the restrictor for water of 37 degrees Celsius."""

    infusate: InfusateProfile
    sensors: SensorsProfile
    alarms: AlarmLimits
    battery: BatteryProfile
    clock: ClockProfile = ClockProfile()
    serial: SerialProfile = SerialProfile()

    @model_validator(mode="after")
    def _volumes_fit(self) -> Self:
        if not self.residual_ml + self.stop_region_ml < self.capacity_ml:
            raise ValueError(
                f"residual_ml ({self.residual_ml}) and stop_region_ml ({self.stop_region_ml}) must together be below "
                f"capacity_ml ({self.capacity_ml})"
            )
        if not self.residual_ml <= self.alarms.empty_ml:
            raise ValueError(
                f"alarms.empty_ml ({self.alarms.empty_ml}) lies below residual_ml ({self.residual_ml}): never reached"
            )
        if not self.alarms.low_reservoir_ml + self.alarms.volume_hysteresis_ml < self.capacity_ml:
            raise ValueError(
                "alarms.low_reservoir_ml and its hysteresis must lie below capacity_ml, or it never clears"
            )
        return self


def load_profile(path: Path) -> PumpProfile:
    """The pump profile at ``path``. Raises ConfigurationError with file, line and key."""
    return load_toml(path, PumpProfile)


def nanolitres(volume_ml: float) -> int:
    """A volume in mL as whole nanolitres, the unit in which volumes are counted. Raises ValueError for NaN."""
    if not math.isfinite(volume_ml):
        raise ValueError(f"a volume must be finite, got {volume_ml} mL")
    return round(volume_ml * 1_000_000)
