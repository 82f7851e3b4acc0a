"""Samples by their number: one, or any many, of any time that the plant still remembers."""

import numpy as np
from numpy.typing import NDArray

from firmware_model.battery import Battery
from firmware_model.estimation import MEAN_SAMPLES, mean_reading
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS
from firmware_model.plant import Plant
from firmware_model.sensors import Readings, Sensors

__all__ = ["Sampler"]

Times = NDArray[np.int64]

_ALL = 0b111111
_BATTERY = 0b100000


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
        now_ms, number = self.time_ms(sample), self.first + sample
        true = self._plant.truth_at(now_ms)
        return self.sensors.read(true, self.battery.voltage_mv(now_ms, number), now_ms, number)

    def read_at(self, now_ms: int, sample: int) -> Readings:
        """All sensors out of turn, at any time, with the noise of a sample."""
        number = self.first + sample
        return self.sensors.read(self._plant.truth_at(now_ms), self.battery.voltage_mv(now_ms, number), now_ms, number)

    def bellows_at(self, now_ms: int, sample: int) -> int:
        """Reading of the bellows out of turn, at any time, with the noise of a sample; nL."""
        true = self._plant.truth_at(now_ms)
        return self.sensors.bellows.reading(true.volume_nl, now_ms, self.first + sample)

    def read_many(self, samples: Times, sensors: int = _ALL) -> Readings:
        """Many samples, by rising numbers: arrays of the shape of ``samples``; 0 for sensors whose bit is not set."""
        flat = samples.ravel()
        times_ms = self.started_ms + flat * SAMPLE_PERIOD_MS
        numbers = self.first + flat
        true = self._plant.truth(times_ms)
        battery_mv = self.battery.voltage_mv(times_ms, numbers) if sensors & _BATTERY else 0.0
        readings = self.sensors.read_many(true, battery_mv, times_ms, numbers, sensors)
        return Readings(*(column.reshape(samples.shape) if np.ndim(column) else 0 for column in readings))

    def hour_means(self, hours: Times, since_sample: Times, sensors: int = _ALL) -> Readings:
        """Means at the ends of ``hours``, of the last samples but of none before ``since_sample``; shape (hours,).

        0 for sensors whose bit is not set in ``sensors``.
        """
        ends = hours * HOUR_SAMPLES
        counts = np.minimum(MEAN_SAMPLES, ends - since_sample + 1)
        samples = ends[:, None] + np.arange(1 - MEAN_SAMPLES, 1)
        readings = self.read_many(np.maximum(samples, 0), sensors)
        if (counts == MEAN_SAMPLES).all():
            return Readings(
                *(mean_reading(np.sum(column, axis=1), MEAN_SAMPLES) if np.ndim(column) else 0 for column in readings)
            )
        counted = np.arange(MEAN_SAMPLES) >= MEAN_SAMPLES - counts[:, None]
        return Readings(
            *(mean_reading(np.sum(column * counted, axis=1), counts) if np.ndim(column) else 0 for column in readings)
        )
