"""The firmware's finite memory of readings: the last samples, and the last hours; and what conditions see of them."""

from collections import deque
from collections.abc import Sequence

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarms import Quantity
from firmware_model.firmware.estimation import (
    FLOW_WINDOW_HOURS,
    MEAN_SAMPLES,
    Calibration,
    flow_nl_per_day,
    mean_reading,
    pressure_flow_over_window,
)

__all__ = ["RING_SAMPLES", "Windows"]

RING_SAMPLES = MEAN_SAMPLES + 1
_PULSE_SAMPLES = 11
_NEVER = -(10**12)


class Windows:
    """Readings since the windows were last begun anew, as far as anything still depends on them."""

    def __init__(self, calibration: Calibration) -> None:
        """Begin with nothing."""
        self._calibration = calibration
        self.samples = deque[Readings](maxlen=RING_SAMPLES)
        self.hours = deque[Readings](maxlen=FLOW_WINDOW_HOURS)
        """Means of the last samples, at the hours' ends."""
        self.out_of_range_at = [_NEVER] * len(Readings._fields)
        """Number of the last sample of each sensor that was at an end of its range."""

    def restart(self) -> None:
        """Begin anew: what comes has nothing to do with what was."""
        self.samples.clear()
        self.hours.clear()

    def add(self, sample: int, readings: Readings) -> int:
        """Take sample number ``sample``; gives how many sensors are at an end of their range."""
        self.samples.append(readings)
        count = 0
        for sensor, (value, (lower, upper)) in enumerate(zip(readings, self._calibration.ranges, strict=True)):
            if value <= lower or value >= upper:
                self.out_of_range_at[sensor] = sample
                count += 1
        return count

    @property
    def is_full(self) -> bool:
        """Whether there are samples enough for a mean."""
        return len(self.samples) >= MEAN_SAMPLES

    @property
    def flow_is_valid(self) -> bool:
        """Whether there are hours enough to estimate the flow."""
        return len(self.hours) == FLOW_WINDOW_HOURS

    def mean(self) -> Readings:
        """Mean of the last samples; of fewer while there are no more."""
        last = list(self.samples)[-MEAN_SAMPLES:]
        return Readings(*(mean_reading(sum(column), len(last)) for column in zip(*last, strict=True)))

    def volume_nl(self) -> int:
        """Estimated volume: mean of the last readings of the bellows."""
        last = [readings.bellows_nl for readings in self.samples][-MEAN_SAMPLES:]
        return int(mean_reading(sum(last), len(last)))

    def flow_nl_per_day(self) -> int:
        """Estimated flow. Only while it is valid."""
        return int(flow_nl_per_day([mean.bellows_nl for mean in self.hours]))

    def unexplained_flow_nl_per_day(self) -> int:
        """Estimated flow less that which the pressures explain. Only while flow is valid."""
        flows = [int(self._calibration.pressure_flow_nl_per_day(mean)) for mean in self.hours]
        return self.flow_nl_per_day() - int(pressure_flow_over_window(flows))

    def sample_quantities(self, at_end_of_range: int) -> dict[Quantity, int]:
        """What the conditions of every sample look at; no step and no pulse before there are samples enough."""
        samples = self.samples
        now = samples[-1]
        quantities = {
            Quantity.TEMPERATURE: now.temperature_mc,
            Quantity.OUTLET: now.outlet_pa,
            Quantity.AMBIENT: now.ambient_pa,
            Quantity.VOLUME: self.volume_nl(),
            Quantity.AT_END_OF_RANGE: at_end_of_range,
        }
        if len(samples) >= _PULSE_SAMPLES:
            ends_pa = max(now.outlet_pa, samples[-_PULSE_SAMPLES].outlet_pa)
            quantities[Quantity.OUTLET_PULSE] = samples[-6].outlet_pa - ends_pa
        if len(samples) == RING_SAMPLES:
            quantities[Quantity.VOLUME_STEP] = now.bellows_nl - samples[0].bellows_nl
        return quantities

    def hour_quantities(self, mean: Readings) -> dict[Quantity, int]:
        """What the conditions of every hour see of readings; nothing of the flow before it is valid."""
        quantities = {
            Quantity.DRIVE_PRESSURE: int(self._calibration.drive_deviation_pa(mean)),
            Quantity.HOURLY_VOLUME: mean.bellows_nl,
            Quantity.HOURLY_OUTLET: mean.outlet_pa,
            Quantity.BATTERY: mean.battery_mv,
            Quantity.ROUGHNESS: self._roughness(),
        }
        if self.flow_is_valid:
            quantities[Quantity.FLOW] = self.flow_nl_per_day()
            quantities[Quantity.UNEXPLAINED_FLOW] = self.unexplained_flow_nl_per_day()
        return quantities

    def _roughness(self) -> int:
        columns = list(zip(*list(self.samples)[-MEAN_SAMPLES:], strict=True))
        allowed = self._calibration.allowed_roughness
        return max(1000 * roughness(column) // most for column, most in zip(columns[:-1], allowed, strict=True))


def first_full_hour(restarted_at: int) -> int:
    """Number of the first hour whose end sees a mean of samples none of which is before ``restarted_at``."""
    return -(-(restarted_at + MEAN_SAMPLES - 1) // 60)


def roughness(readings: Sequence[int]) -> int:
    """Median of the second differences of readings, without their signs, times how many there are.

    Noise shows in it; a slope does not, and neither do some steps.
    """
    bends = sorted(abs(a - 2 * b + c) for a, b, c in zip(readings, readings[1:], readings[2:], strict=False))
    return len(bends) * bends[len(bends) // 2]
