"""Samples by their number: one, or any many, of any time that the plant still remembers."""

import numpy as np
from numpy.typing import NDArray

from firmware_model.battery import Battery
from firmware_model.compiled import compiled
from firmware_model.estimation import MEAN_SAMPLES, mean_reading
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS
from firmware_model.plant import Plant
from firmware_model.readings import readings_of
from firmware_model.sensors import Readings, Sensors

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
        ends = hours * HOUR_SAMPLES
        counts = np.minimum(MEAN_SAMPLES, ends - since_sample + 1)
        samples = np.maximum(ends[:, None] + np.arange(1 - MEAN_SAMPLES, 1), 0)
        return Readings(*_means_of_last(self._read(samples, sensors), counts))

    def _read(self, samples: Times, sensors: int) -> Times:
        """Many samples, of the shape (sensors, *that of samples)."""
        flat = samples.ravel()
        times_ms, numbers = self.started_ms + flat * SAMPLE_PERIOD_MS, self.first + flat
        truth = self._plant.table(int(times_ms[-1]))
        columns = readings_of(times_ms, numbers, sensors, truth, self.sensors.table, self.battery.table)
        return columns.reshape(-1, *samples.shape)


@compiled
def _means_of_last(readings: Times, counts: Times) -> Times:
    """Means of the last ``counts`` of readings of the shape (sensors, hours, samples); shape (sensors, hours)."""
    means = np.empty(readings.shape[:2], np.int64)
    for sensor in range(readings.shape[0]):
        for hour in range(counts.size):
            total = 0
            for place in range(readings.shape[2] - counts[hour], readings.shape[2]):
                total += readings[sensor, hour, place]
            means[sensor, hour] = mean_reading(total, counts[hour])
    return means
