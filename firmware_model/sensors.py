"""The pump's sensors: what the firmware gets to see of the truth, as integers."""

import math
from dataclasses import dataclass

from firmware_model.faults.table import TEMPERATURE_SENSOR_BIAS
from firmware_model.plant import PlantState
from firmware_model.profile import PumpProfile, SensorProfile

__all__ = ["Readings", "Sensor", "Sensors", "noise_share"]

_MASK = (1 << 64) - 1
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_MS_PER_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Readings:
    """One sample of all sensors, in the units of the wire."""

    temperature_mc: int
    reservoir_pa: int
    outlet_pa: int
    bellows_nl: int
    battery_mv: int


def noise_share(seed: int, sensor: int, sample: int) -> float:
    """A number in [-1, 1) that depends on nothing but its three arguments.

    Two rounds of the finaliser of splitmix64 (Steele et al., OOPSLA 2014), an integer hash: no generator carries
    state from sample to sample, so samples may be drawn in any order, or not at all.
    """
    stream = _finalise((seed * _GOLDEN_GAMMA + sensor + 1) & _MASK)
    return (_finalise((stream + sample * _GOLDEN_GAMMA) & _MASK) >> 11) / (1 << 52) - 1.0


def _finalise(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Sensor:
    """One sensor of one pump; ``index`` sets its noise apart from that of its neighbours."""

    def __init__(self, profile: SensorProfile, *, seed: int, index: int) -> None:
        """Take the errors from ``profile``."""
        self._profile = profile
        self._seed = seed
        self._index = index

    def reading(self, true_value: float, sample: int) -> int:
        """Reading number ``sample``: a multiple of the resolution next to ``true_value``, or an end of the range."""
        sensor = self._profile
        noise = sensor.noise * noise_share(self._seed, self._index, sample) if sensor.noise else 0.0
        value = true_value * sensor.gain + sensor.bias + noise
        steps = math.floor(value / sensor.resolution + 0.5)
        return min(sensor.upper, max(sensor.lower, steps * sensor.resolution))


class Sensors:
    """All sensors of one pump, and its battery."""

    def __init__(self, profile: PumpProfile, *, seed: int) -> None:
        """Noise depends on ``seed``, sensor and sample number. Raises ValueError for a negative seed."""
        if seed < 0:
            raise ValueError(f"a seed must be >= 0, got {seed}")
        self._battery_profile = profile.battery
        table = profile.sensors
        self._temperature, self._reservoir, self._outlet, self._bellows, self._battery = (
            Sensor(sensor, seed=seed, index=index)
            for index, sensor in enumerate(
                (table.temperature, table.reservoir_pressure, table.outlet_pressure, table.bellows, table.battery)
            )
        )

    def read(self, true: PlantState, faults: dict[str, float], uptime_ms: int, sample: int) -> Readings:
        """Sample number ``sample`` of a pump in the state ``true``."""
        bias_c = faults[TEMPERATURE_SENSOR_BIAS.name]
        battery_mv = self._battery_profile.fresh_mv - self._battery_profile.fade_mv_per_day * uptime_ms / _MS_PER_DAY
        return Readings(
            temperature_mc=self._temperature.reading((true.temperature_c + bias_c) * 1000, sample),
            reservoir_pa=self._reservoir.reading(true.reservoir_kpa * 1000, sample),
            outlet_pa=self._outlet.reading(true.outlet_kpa * 1000, sample),
            bellows_nl=self._bellows.reading(true.volume_nl, sample),
            battery_mv=self._battery.reading(battery_mv, sample),
        )
