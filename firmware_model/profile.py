"""A pump's profile: every parameter of the model, from one TOML file."""

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from firmware_model.config import FrozenModel, at_key, line_of, load_toml
from firmware_model.errors import ConfigurationError
from firmware_model.physics.fluids import MAX_GLYCERIN_PERCENT, InfusateBase, PropellantName

__all__ = [
    "NANOLITRE_ML",
    "AlarmLimits",
    "BatteryProfile",
    "CatheterProfile",
    "ClockProfile",
    "InfusateProfile",
    "PumpProfile",
    "SensorProfile",
    "SensorsProfile",
    "SerialProfile",
    "find_profile",
    "load_profile",
    "nanolitres",
]

NANOLITRE_ML = 1e-6
"""The least volume that is counted: less would be none."""
MAX_CAPACITY_ML = 200
"""Several times the largest pump of this class; a flow estimated from a bellows of this size fits 32 bits."""

Percent = Annotated[float, Field(gt=0, lt=100)]
Millilitres = Annotated[float, Field(gt=0, le=MAX_CAPACITY_ML)]
Kilopascals = Annotated[float, Field(gt=0, le=10_000)]
"""Of limits, whose bounds are such that a configuration fits the 32 bits that each of its values has on the wire."""
Density = Annotated[float, Field(ge=500, le=2000)]
"""Wide enough for whatever is infused, too narrow for one that was typed in another unit."""
Droop = Annotated[float, Field(ge=0, le=1000)]


class InfusateProfile(FrozenModel):
    """What the reservoir is filled with, thickened with glycerin or not."""

    base: InfusateBase = "water"
    """What it is mostly: water, saline, or floxuridine with heparin and dexamethasone in saline."""
    glycerin_percent: Annotated[float, Field(ge=0, le=MAX_GLYCERIN_PERCENT)] = 0.0
    """Share by mass; it sets the viscosity."""
    density_kg_per_m3: Density
    """At 37 degrees Celsius, where the reservoir's volume counts."""
    density_20c_kg_per_m3: Density
    """At 20 degrees Celsius, where it was weighed into the syringe."""


class SensorProfile(FrozenModel):
    """One sensor: value = quantise(true * gain + bias + drift + noise), cut off at its range. All in ``unit``."""

    unit: Literal["mC", "Pa", "nL", "mV"]
    gain: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    bias: float = 0.0
    drift_per_day: float = 0.0
    """What is added to the bias every day."""
    noise: Annotated[float, Field(ge=0)]
    """Half the width of the uniform noise: bounded on purpose, so that what it can do is provable."""
    resolution: Annotated[int, Field(gt=0)]
    lower: int
    upper: int

    @model_validator(mode="after")
    def _range_is_wide(self) -> Self:
        if self.upper - self.lower < self.resolution:
            problem = f"upper ({self.upper}) must exceed lower ({self.lower}) by a resolution at least"
            raise at_key(problem, "upper")
        return self


_ON_THE_WIRE: Mapping[str, tuple[str, int, int]] = {
    "temperature": ("mC", -1_000_000, 1_000_000),
    "reservoir_pressure": ("Pa", 0, 10_000_000),
    "outlet_pressure": ("Pa", -10_000_000, 10_000_000),
    "ambient_pressure": ("Pa", 0, 10_000_000),
    "bellows": ("nL", 0, MAX_CAPACITY_ML * 1_000_000),
    "battery": ("mV", 0, 65_535),
}
"""Unit and widest range of each sensor, so that neither a reading nor an estimate from it can outgrow its field; what
else is added to a reading is no larger than that."""


class SensorsProfile(FrozenModel):
    """The sensors of a pump of this kind, each in the unit that its reading has on the wire."""

    temperature: SensorProfile
    reservoir_pressure: SensorProfile
    outlet_pressure: SensorProfile
    ambient_pressure: SensorProfile
    bellows: SensorProfile
    battery: SensorProfile

    @model_validator(mode="after")
    def _fit_the_wire(self) -> Self:
        for name, (unit, lowest, highest) in _ON_THE_WIRE.items():
            sensor: SensorProfile = getattr(self, name)
            if sensor.unit != unit:
                raise at_key(f"the unit of {name} must be {unit}, not {sensor.unit}", name, "unit")
            for key, least in (
                ("lower", lowest),
                ("upper", lowest),
                ("bias", -highest),
                ("drift_per_day", -highest),
                ("noise", 0),
            ):
                value = getattr(sensor, key)
                if not least <= value <= highest:
                    raise at_key(f"this must lie in {least} to {highest} {unit}, got {value}", name, key)
        return self


class AlarmLimits(FrozenModel):
    """When the firmware raises and clears its alarms. It judges what it measures and estimates, not the truth."""

    low_reservoir_days: Annotated[float, Field(gt=0, le=3650)]
    """The reservoir lasts no longer than this, at label flow or at the estimated one if that is faster."""
    empty_ml: Millilitres
    volume_hysteresis_ml: Millilitres
    flow_high_percent: Percent
    """Above the label flow by this share: a fast pump."""
    flow_low_percent: Percent
    """Below the label flow by this share: a slow or blocked pump."""
    flow_hysteresis_percent: Annotated[float, Field(ge=0, lt=100)]
    flow_debounce_n: Annotated[int, Field(ge=1, le=24)]
    flow_debounce_m: Annotated[int, Field(ge=1, le=24)]
    """Raised when n of the last m hourly estimates lie beyond the limit."""
    cross_check_percent: Percent
    """Of label flow: how far the two estimates of flow may differ."""
    occlusion_kpa: Kilopascals
    """Outlet pressure, gauge, above which the catheter is taken to be blocked."""
    outlet_low_kpa: Annotated[float, Field(ge=-10_000, le=10_000)]
    """Outlet pressure, gauge, below which the catheter's tip is not where it was."""
    outlet_hysteresis_kpa: Kilopascals
    drive_pressure_kpa: Kilopascals
    """How far the reservoir's pressure may be from that of the propellant at its temperature."""
    over_temperature_c: Annotated[float, Field(gt=0, le=1000)]
    temperature_hysteresis_c: Annotated[float, Field(gt=0, le=1000)]
    ambient_low_kpa: Kilopascals
    ambient_high_kpa: Kilopascals
    ambient_hysteresis_kpa: Kilopascals
    access_ml: Millilitres
    """Change of volume within a quarter of an hour that no flow explains: somebody's needle."""
    outlet_pulse_kpa: Kilopascals
    """Rise of the outlet's pressure for some minutes: something came in by the side port."""
    battery_low_mv: Annotated[int, Field(gt=0, le=65_535)]
    end_of_service_mv: Annotated[int, Field(gt=0, le=65_535)]
    battery_hysteresis_mv: Annotated[int, Field(gt=0, le=65_535)]
    clock_step_s: Annotated[float, Field(gt=0, le=86_400)]
    """Between two hours, by which the clock may differ from the uptime."""
    refill_tolerance_ml: Millilitres
    """Between what the programmer says and what the bellows says at a refill."""
    off_label_percent: Percent
    """Mean flow since the last refill, from label flow."""
    refused_commands: Annotated[int, Field(ge=1, le=1000)]
    """Within an hour, from which on somebody is tampering."""
    repeat_h: Annotated[float, Field(gt=0, le=590)]
    """After which an acknowledged alarm comes again if its condition is still there."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.flow_debounce_n > self.flow_debounce_m:
            problem = f"flow_debounce_n ({self.flow_debounce_n}) must be <= flow_debounce_m ({self.flow_debounce_m})"
            raise at_key(problem, "flow_debounce_n")
        if self.flow_hysteresis_percent >= min(self.flow_high_percent, self.flow_low_percent):
            problem = "flow_hysteresis_percent must be below both flow limits, or an alarm could never clear"
            raise at_key(problem, "flow_hysteresis_percent")
        for low, high, hysteresis in (
            ("outlet_low_kpa", "occlusion_kpa", "outlet_hysteresis_kpa"),
            ("ambient_low_kpa", "ambient_high_kpa", "ambient_hysteresis_kpa"),
            ("end_of_service_mv", "battery_low_mv", "battery_hysteresis_mv"),
        ):
            if getattr(self, high) - getattr(self, low) <= getattr(self, hysteresis):
                problem = f"{low} must be below {high} by more than {hysteresis}, or an alarm could never clear"
                raise at_key(problem, low)
        return self


class ClockProfile(FrozenModel):
    """The pump's real-time clock: a tuning-fork crystal, whose frequency is a parabola of its temperature."""

    drift_ppm: Annotated[float, Field(ge=-1000, le=1000)] = 0.0
    """At the turnover temperature; positive: its UTC runs fast. Uptime, which samples follow, does not drift."""
    turnover_c: Annotated[float, Field(ge=0, le=60)] = 25.0
    curvature_ppm_per_k2: Annotated[float, Field(ge=-1, le=1)] = -0.034


class BatteryProfile(FrozenModel):
    """A primary cell: what is drawn from it, and its voltage under load against how much has been drawn."""

    capacity_mah: Annotated[float, Field(ge=0.001, le=100_000)]
    sleep_ua: Annotated[float, Field(ge=0, le=1e6)]
    sample_uc: Annotated[float, Field(ge=0, le=1e6)]
    """Charge for one sample of all sensors, in microcoulomb."""
    radio_uc_per_byte: Annotated[float, Field(ge=0, le=1e6)]
    """Charge for each byte received or sent, in microcoulomb."""
    discharge: Annotated[
        tuple[Annotated[tuple[Annotated[float, Field(le=200)], int], Field(strict=False)], ...],
        Field(min_length=2, max_length=32, strict=False),
    ]
    """Points of (percent drawn, mV), straight lines between them."""
    brown_out_mv: Annotated[int, Field(gt=0, le=65_535)] = 2000
    """Below this the electronics are held in reset; recordings that are older than this key mean the default."""

    @model_validator(mode="after")
    def _falls(self) -> Self:
        percents = [percent for percent, _ in self.discharge]
        voltages = [voltage_mv for _, voltage_mv in self.discharge]
        if percents[0] != 0 or percents != sorted(set(percents)):
            raise at_key("discharge must begin at 0 percent and go on with rising percents", "discharge")
        if voltages != sorted(voltages, reverse=True) or not 0 <= voltages[-1] <= voltages[0] <= 65_535:
            raise at_key("the voltages of discharge must fall, and lie in 0 to 65535 mV", "discharge")
        return self


class CatheterProfile(FrozenModel):
    """From the restrictor to the vessel."""

    dead_volume_ml: Annotated[float, Field(ge=0, le=MAX_CAPACITY_ML)]
    """What stands in it: the drug of a refill arrives so much later."""
    resistance_kpa_min_per_ml: Annotated[float, Field(ge=0, le=10_000)]
    """It matters for a bolus only: at a mL a day it takes some Pa."""
    tissue_kpa: Annotated[float, Field(ge=-200, le=200)]
    """Gauge, of the tissue into which a leak opens."""


class SerialProfile(FrozenModel):
    """Settings of the programmer's serial port, where nothing else is said."""

    baud: Annotated[int, Field(gt=0, le=12_000_000)] = 115_200
    bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "rts-cts", "xon-xoff"] = "none"


class PumpProfile(FrozenModel):
    """A constant-flow pump: its label, its flow path and its electronics."""

    model: Annotated[str, Field(min_length=1, max_length=24, pattern=r"^[ -~]+$")]
    label_flow_ml_per_day: Annotated[float, Field(ge=0.01, le=MAX_CAPACITY_ML)]
    label_tolerance_percent: Percent

    capacity_ml: Millilitres
    residual_ml: Millilitres
    """What stays in when the bellows is at its stop; no flow ever comes from below it."""
    stop_region_ml: Millilitres
    """Above the stop by so much, the bellows begins to touch it and the pressure collapses, linearly to none."""
    droop_kpa: Droop
    """The bellows' own spring: pressure lost from full to where it touches its stop."""
    below_outlet: Literal["check-valve", "reverse-flow"]
    """What the flow path does when the propellant is too cold to overcome the outlet."""

    propellant: PropellantName
    thermal_time_constant_min: Annotated[float, Field(ge=0.01, le=1440)]
    """In which the propellant follows its surroundings' temperature."""
    restrictor_pa_s_per_m3: Annotated[float, Field(ge=1e12, le=1e20)]
    """Flow resistance of the restrictor for water of 37 degrees Celsius."""

    overfill_kpa_per_ml: Annotated[float, Field(ge=0.01, le=10_000)]
    """Stiffness of the bellows beyond its capacity."""
    overfill_limit_ml: Annotated[float, Field(ge=0, le=MAX_CAPACITY_ML)]
    """So much more than its capacity can be forced in."""
    heat_capacity_j_per_k: Annotated[float, Field(ge=0.1, le=10_000)]
    """Of the pump without infusate: what a cold refill cools."""

    infusate: InfusateProfile
    catheter: CatheterProfile
    sensors: SensorsProfile
    alarms: AlarmLimits
    battery: BatteryProfile
    clock: ClockProfile = ClockProfile()
    serial: SerialProfile = SerialProfile()

    @model_validator(mode="after")
    def _volumes_fit(self) -> Self:
        if not self.residual_ml + self.stop_region_ml < self.capacity_ml:
            raise at_key(
                f"residual_ml ({self.residual_ml}) and stop_region_ml ({self.stop_region_ml}) must together be below "
                f"capacity_ml ({self.capacity_ml})",
                "residual_ml",
            )
        if not self.residual_ml <= self.alarms.empty_ml:
            problem = f"empty_ml ({self.alarms.empty_ml}) lies below residual_ml ({self.residual_ml}): never reached"
            raise at_key(problem, "alarms", "empty_ml")
        low_ml = self.residual_ml + self.alarms.low_reservoir_days * self.label_flow_ml_per_day
        if not low_ml + self.alarms.volume_hysteresis_ml < self.capacity_ml:
            raise at_key(
                f"low_reservoir_days is reached at {low_ml:g} mL: with volume_hysteresis_ml it must lie below "
                f"capacity_ml ({self.capacity_ml}), or it never clears",
                "alarms",
                "low_reservoir_days",
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


def find_profile(path: Path, text: str, name: str, keys: tuple[str, ...] = ("profile",)) -> Path:
    """Where the profile is that a file names under ``keys``. Raises ConfigurationError if it is nowhere."""
    shipped = Path(str(resources.files("fixtures"))) / "pumps"
    is_file = name.endswith(".toml")
    profile = path.parent / name if is_file else shipped / f"{name}.toml"
    known = ", ".join(sorted(file.stem for file in shipped.glob("*.toml")))
    if is_file and not profile.is_file():
        problem = f"names a pump profile that does not exist: {profile}"
    elif not is_file and name not in known.split(", "):
        problem = f"unknown profile {name!r}; known: {known}, or a file's name ending in .toml"
    else:
        return profile
    raise ConfigurationError(path, problem, key=".".join(keys), line=line_of(text, keys))
