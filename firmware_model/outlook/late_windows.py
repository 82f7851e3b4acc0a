"""The firmware's windows and readings as they would be, had no sample been passed over: from the last samples alone."""

import numpy as np

from firmware_model.electronics.sampler import Sampler
from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarms import LONGEST_REACH
from firmware_model.firmware.estimation import FLOW_WINDOW_HOURS, Calibration
from firmware_model.firmware.firmware import HOUR_SAMPLES, Firmware
from firmware_model.firmware.windows import RING_SAMPLES, Windows, first_full_hour

__all__ = ["readings_now", "windows_now"]


def windows_now(firmware: Firmware, sampler: Sampler, calibration: Calibration, may_be_out_of_range: int) -> Windows:
    """The windows before the sample that is due next.

    ``may_be_out_of_range`` has a bit for each sensor of which a reading that was passed over may have been at an end of
    its range.
    """
    windows = Windows(calibration)
    begin = max(firmware.restarted_at, firmware.sample_count - RING_SAMPLES)
    if begin < firmware.sample_count:
        readings = np.array(sampler.read_many(np.arange(begin, firmware.sample_count)))
        windows.samples.extend(map(Readings._make, readings.T.tolist()))
    last_hour = (firmware.sample_count - 1) // HOUR_SAMPLES
    hours = np.arange(max(first_full_hour(firmware.restarted_at), last_hour - FLOW_WINDOW_HOURS + 1), last_hour + 1)
    if hours.size:
        means = sampler.table_of_means(hours, np.full(hours.size, firmware.restarted_at))
        windows.hours.extend(map(Readings._make, means.T.tolist()))
    windows.out_of_range_at = _out_of_range_at(firmware, sampler, calibration, may_be_out_of_range)
    return windows


def readings_now(firmware: Firmware, sampler: Sampler) -> Readings:
    """Of the last sample that was due, also if windows were begun anew since; on the shelf none are."""
    was_due = firmware.sample_count > firmware.awake_since
    return sampler.read(firmware.sample_count - 1) if was_due else firmware.readings


def _out_of_range_at(firmware: Firmware, sampler: Sampler, calibration: Calibration, sensors: int) -> list[int]:
    """Of each sensor the last reading at an end of its range: conditions know of it for longer than windows reach."""
    out_at = firmware.windows.out_of_range_at.copy()
    begin = max(firmware.awake_since, firmware.sample_count - LONGEST_REACH)
    if sensors and begin < firmware.sample_count:
        samples = np.arange(begin, firmware.sample_count)
        columns = zip(sampler.read_many(samples, sensors), calibration.ranges, strict=True)
        for sensor, (readings, (lower, upper)) in enumerate(columns):
            if sensors >> sensor & 1:
                out = samples[(readings <= lower) | (readings >= upper)]
                out_at[sensor] = max(out_at[sensor], int(out[-1]) if out.size else out_at[sensor])
    return out_at
