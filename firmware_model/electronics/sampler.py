"""Samples by their number: one, or any many, of any time that the plant still remembers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.battery import Battery
from firmware_model.electronics.readings import readings_of
from firmware_model.electronics.sensors import Readings, Sensors
from firmware_model.firmware.estimation import MEAN_SAMPLES, mean_reading
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS
from firmware_model.physics.plant import Plant
from protocols.compiled import compiled

__all__ = ["Sampler"]

Times = NDArray[np.int64]

_ALL = 0b111111


class Sampler:
    """What the sensors give for sample number n of the firmware that started at ``started_ms``.

    Noise is a function of the sample's number, so that a sample can be had again, or never be had at all.
    """

    def __init__(self, plant: Plant, sensors: Sensors, battery: Battery, *, started_ms: int, first: int) -> None:
        """Number ``first`` is that of sample 0 among all samples since the pump was made."""
        self._plant = plant
        self.sensors = sensors
        self.battery = battery
        self.started_ms = started_ms
        self.first = first

    def time_ms(self, sample: int) -> int:
        """Bench time of a sample."""
        return self.started_ms + sample * SAMPLE_PERIOD_MS

    def read(self, sample: int) -> Readings:
        """One sample."""
        return self.read_at(self.time_ms(sample), sample)

    def read_at(self, now_ms: int, sample: int) -> Readings:
        """All sensors out of turn, at any time, with the noise of a sample."""
        truth = self._plant.table(now_ms)
        times_ms, numbers = np.array([now_ms]), np.array([self.first + sample])
        columns = readings_of(times_ms, numbers, _ALL, truth, self.sensors.table, self.battery.table)
        return Readings(*columns[:, 0].tolist())

    def bellows_at(self, now_ms: int, sample: int) -> int:
        """Reading of the bellows out of turn, at any time, with the noise of a sample; nL."""
        true = self._plant.truth_at(now_ms)
        return self.sensors.bellows.reading(true.volume_nl, now_ms, self.first + sample)

    def read_many(self, samples: Times, sensors: int = _ALL) -> Readings:
        """Many samples, by rising numbers: arrays of the shape of ``samples``; 0 for sensors whose bit is not set."""
        return Readings(*self._read(samples, sensors))

    def hour_means(self, hours: Times, since_sample: Times, sensors: int = _ALL) -> Readings:
        """Means at the ends of ``hours``, of the last samples but of none before ``since_sample``; shape (hours,).

        0 for sensors whose bit is not set in ``sensors``.
        """
        return Readings(*self.table_of_means(hours, since_sample, sensors))

    def table_of_means(self, hours: Times, since_sample: Times, sensors: int = _ALL) -> Times:
        """The same, of the shape (sensors, hours)."""
        truth = self._plant.table(self.time_ms(int(hours[-1]) * HOUR_SAMPLES))
        start = self.started_ms, self.first
        return _hour_means(hours, since_sample, sensors, start, truth, self.sensors.table, self.battery.table)

    def _read(self, samples: Times, sensors: int) -> Times:
        """Many samples, of the shape (sensors, *that of samples)."""
        flat = samples.ravel()
        times_ms, numbers = self.started_ms + flat * SAMPLE_PERIOD_MS, self.first + flat
        truth = self._plant.table(int(times_ms[-1]))
        columns = readings_of(times_ms, numbers, sensors, truth, self.sensors.table, self.battery.table)
        return columns.reshape(-1, *samples.shape)


@compiled
def _hour_means(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    hours: Times, since_sample: Times, sensors: int, start: tuple[int, int], truth: Any, errors: Any, battery: Any
) -> Times:
    samples, counts = np.empty(hours.size * MEAN_SAMPLES, np.int64), np.empty(hours.size, np.int64)
    for hour in range(hours.size):
        end = hours[hour] * HOUR_SAMPLES
        counts[hour] = min(MEAN_SAMPLES, end - since_sample[hour] + 1)
        for place in range(MEAN_SAMPLES):
            samples[hour * MEAN_SAMPLES + place] = max(0, end + 1 - MEAN_SAMPLES + place)
    started_ms, first = start
    times_ms = started_ms + samples * SAMPLE_PERIOD_MS
    readings = readings_of(times_ms, first + samples, sensors, truth, errors, battery)
    means = np.empty((readings.shape[0], hours.size), np.int64)
    for sensor in range(readings.shape[0]):
        for hour in range(hours.size):
            end = (hour + 1) * MEAN_SAMPLES
            means[sensor, hour] = mean_reading(readings[sensor, end - counts[hour] : end].sum(), counts[hour])
    return means
