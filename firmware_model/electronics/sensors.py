"""The pump's sensors: what the firmware gets to see of the truth, as integers, for one sample or for many at once."""

import bisect
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.noise import noise_share, seed_of
from firmware_model.electronics.readings import MS_PER_DAY, ErrorRow, sensor_readings
from firmware_model.faults.table import SENSOR_FAULTS, SENSOR_NAMES
from firmware_model.profile import PumpProfile, SensorProfile

__all__ = ["SENSORS", "Reading", "ReadingLaw", "Readings", "Sensor", "Sensors"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]
Reading = Any
"""An int, or an array of them: the firmware's arithmetic is the same for one sample and for many."""

SENSORS = tuple(SENSOR_NAMES)
_NATIVE = {"C": 1000, "kPa": 1000, "mL": 1_000_000, "mV": 1}
"""Units of a fault's value in those of the sensor's reading."""


class Readings(NamedTuple):
    """Readings of all sensors, in the order of ``SENSORS`` and the units of the wire: ints, or arrays of one shape."""

    temperature_mc: Reading
    reservoir_pa: Reading
    outlet_pa: Reading
    ambient_pa: Reading
    bellows_nl: Reading
    battery_mv: Reading


@dataclass(frozen=True)
class _Error:
    """What a sensor does to the truth from a time on, beyond its profile; in the unit of its reading."""

    since_ms: int
    bias: float = 0.0
    drift_per_day: float = 0.0
    drift_since_ms: int = 0
    noise: float = 0.0
    stuck_at: int | None = None
    is_open: bool = False


class ReadingLaw(NamedTuple):
    """Bounds of a sensor's readings, in their unit: gain times truth, and what is added to that at least and at most.

    While a fault holds it (for some of the time, or all of it) it reads what it is held at; infinite are those that do
    not apply. Always it stays in its range.
    """

    gain: float
    below: float
    above: float
    held_low: float
    held_high: float
    lower: float
    upper: float

    def bounds(self, low: Values, high: Values) -> tuple[Values, Values]:
        """The least and the most of the readings, for truths between ``low`` and ``high``; all of one shape."""
        least = np.minimum(low * self.gain + self.below, self.held_low)
        most = np.maximum(high * self.gain + self.above, self.held_high)
        return np.clip(least, self.lower, self.upper), np.clip(most, self.lower, self.upper)

    def extremes(self, low: float, high: float) -> tuple[float, float]:
        """The same for one truth."""
        least = min(low * self.gain + self.below, self.held_low)
        most = max(high * self.gain + self.above, self.held_high)
        return min(max(least, self.lower), self.upper), min(max(most, self.lower), self.upper)


class Sensor:
    """One sensor of one pump; ``index`` sets its noise apart from that of its neighbours."""

    def __init__(self, profile: SensorProfile, *, seed: int, index: int) -> None:
        """Take the errors from ``profile``."""
        self.profile = profile
        self.seed = seed_of(seed, index)
        self._noise = seed, index
        self._errors = [_Error(-1)]

    def fail(self, now_ms: int, kind: str, value: float, last_reading: int) -> None:
        """Have a fault (bias, drift, noise, stuck, open) take a value from ``now_ms`` on."""
        error = replace(self._errors[-1], since_ms=now_ms)
        match kind:
            case "bias":
                error = replace(error, bias=value)
            case "drift":
                error = replace(error, drift_per_day=value, drift_since_ms=now_ms)
            case "noise":
                error = replace(error, noise=value)
            case "stuck":
                error = replace(error, stuck_at=last_reading if value else None)
            case _:
                error = replace(error, is_open=bool(value))
        self._errors.append(error)

    @property
    def has_failed(self) -> bool:
        """Whether it ever had a fault."""
        return len(self._errors) > 1

    def responds(self, now_ms: int) -> bool:
        """Whether the reading follows the sensor's own test stimulus at a time."""
        error = self._error_at(now_ms)
        return error.stuck_at is None and not error.is_open

    def responds_between(self, start_ms: int, end_ms: int) -> tuple[bool, bool]:
        """Whether it responds all the time between two times, and whether it does so at any."""
        each = [error.stuck_at is None and not error.is_open for error in self._errors_between(start_ms, end_ms)]
        return all(each), any(each)

    def changed_after(self, now_ms: int) -> int | None:
        """When a fault of this sensor last changed, if that was after ``now_ms``."""
        since_ms = self._errors[-1].since_ms
        return since_ms if since_ms > now_ms and self.has_failed else None

    @property
    def drifts(self) -> bool:
        """Whether its error grows by more than its noise within a day."""
        return abs(self._errors[-1].drift_per_day) + abs(self.profile.drift_per_day) > self.profile.noise

    def is_rough_by(self, start_ms: int, end_ms: int) -> float:
        """How many times its own noise a fault adds to it at most, between two times."""
        floor = self.profile.noise + self.profile.resolution / 2
        return max(error.noise for error in self._errors_between(start_ms, end_ms)) / floor

    def slack(self, start_ms: int, end_ms: int, span_ms: int) -> float:
        """How much two readings of the same truth, ``span_ms`` apart at most, can differ between two times."""
        errors = self._errors_between(start_ms, end_ms)
        if len(errors) > 1:
            return math.inf
        drift_per_day = abs(self.profile.drift_per_day) + abs(errors[0].drift_per_day)
        drifted = drift_per_day * span_ms / MS_PER_DAY
        return 2 * (self.profile.noise + errors[0].noise) + self.profile.resolution + drifted + 1e-6

    def law(self, start_ms: int, end_ms: int) -> "ReadingLaw":
        """The least and the most that it can make of a truth between two times."""
        sensor = self.profile
        below, above, held_low, held_high = math.inf, -math.inf, math.inf, -math.inf
        for error in self._errors_between(start_ms, end_ms):
            held_at = sensor.upper if error.is_open else error.stuck_at
            if held_at is not None:
                held_low, held_high = min(held_low, held_at), max(held_high, held_at)
                continue
            first, last = self._bias(error, start_ms), self._bias(error, end_ms)
            slack = sensor.noise + error.noise + sensor.resolution / 2 + 1e-6
            below, above = min(below, min(first, last) - slack), max(above, max(first, last) + slack)
        return ReadingLaw(sensor.gain, below, above, held_low, held_high, sensor.lower, sensor.upper)

    def bounds(self, low: Values, high: Values, start_ms: int, end_ms: int) -> tuple[Values, Values]:
        """The least and the most that it can read between two times, for a truth between ``low`` and ``high``."""
        return self.law(start_ms, end_ms).bounds(low, high)

    def reading(self, true_value: float, now_ms: int, sample: int) -> int:
        """Reading number ``sample``: a multiple of the resolution next to ``true_value``, or an end of the range."""
        sensor, error = self.profile, self._error_at(now_ms)
        if error.is_open:
            return sensor.upper
        if error.stuck_at is not None:
            return error.stuck_at
        bias = self._bias(error, now_ms)
        noise = (sensor.noise + error.noise) * noise_share(*self._noise, sample)
        steps = math.floor((noise + (true_value * sensor.gain + bias)) / sensor.resolution + 0.5)
        return int(min(sensor.upper, max(sensor.lower, steps * sensor.resolution)))

    def readings(self, true_values: Values, times_ms: Times, samples: Times) -> Times:
        """The same for many rising times at once; all shapes are (times,)."""
        found = np.empty(times_ms.size, dtype=np.int64)
        sensor_readings(true_values, 1.0, times_ms, samples, np.array(self.rows), self.seed, found)
        return found

    @property
    def rows(self) -> list[ErrorRow]:
        """What it makes of the truth, as long as that is the same."""
        sensor = self.profile
        return [
            ErrorRow(
                since_ms=error.since_ms,
                gain=sensor.gain,
                bias=sensor.bias + error.bias,
                ageing_per_day=sensor.drift_per_day,
                drift_per_day=error.drift_per_day,
                drift_since_ms=error.drift_since_ms,
                noise=sensor.noise + error.noise,
                resolution=sensor.resolution,
                lower=sensor.lower,
                upper=sensor.upper,
                held_at=sensor.upper if error.is_open else math.nan if error.stuck_at is None else error.stuck_at,
            )
            for error in self._errors
        ]

    def _bias(self, error: _Error, now_ms: int) -> float:
        """What is added to gain times truth at a time."""
        bias = self.profile.bias + error.bias
        if self.profile.drift_per_day:
            bias = bias + self.profile.drift_per_day * now_ms / MS_PER_DAY
        if error.drift_per_day:
            bias = bias + error.drift_per_day * (now_ms - error.drift_since_ms) / MS_PER_DAY
        return bias

    def _error_at(self, now_ms: int) -> _Error:
        """What holds at a time; a fault that begins just then is not there yet."""
        return self._errors[bisect.bisect_left(self._errors, now_ms, key=lambda each: each.since_ms) - 1]

    def _errors_between(self, start_ms: int, end_ms: int) -> list[_Error]:
        if len(self._errors) == 1:
            return self._errors
        first = bisect.bisect_right(self._errors, start_ms, key=lambda each: each.since_ms) - 1
        last = bisect.bisect_left(self._errors, end_ms, key=lambda each: each.since_ms)
        return self._errors[max(0, first) : max(1, last)]


class Sensors:
    """All sensors of one pump."""

    def __init__(self, profile: PumpProfile, *, seed: int) -> None:
        """Noise depends on ``seed``, sensor and sample number. Raises ValueError for a negative seed."""
        if seed < 0:
            raise ValueError(f"a seed must be >= 0, got {seed}")
        table = profile.sensors
        self.each = tuple(
            Sensor(getattr(table, name.replace("-", "_")), seed=seed, index=index) for index, name in enumerate(SENSORS)
        )
        self._table: tuple[Values, Times, NDArray[np.uint64]] | None = None

    @property
    def bellows(self) -> Sensor:
        """The one that tells the volume."""
        return self.each[4]

    @property
    def table(self) -> tuple[Values, Times, NDArray[np.uint64]]:
        """What ``readings_of`` takes."""
        if self._table is None:
            rows = [sensor.rows for sensor in self.each]
            begins = np.cumsum([0, *map(len, rows)])
            self._table = np.concatenate(rows), begins, np.array([sensor.seed for sensor in self.each])
        return self._table

    def fail(self, now_ms: int, fault: str, value: float, last: Readings) -> None:
        """Have a fault of ``SENSOR_FAULTS`` take a value; ``last`` is what was read before."""
        sensor, _, kind = fault.partition("-sensor-")
        index = SENSORS.index(sensor)
        unit = SENSOR_FAULTS[fault].unit.removesuffix("/day")
        self.each[index].fail(now_ms, kind, value * _NATIVE.get(unit, 1), last[index])
        self._table = None

    def unresponsive(self, now_ms: int) -> int:
        """How many sensors do not answer to their test stimulus."""
        return sum(not sensor.responds(now_ms) for sensor in self.each if sensor.has_failed)
