"""Readings of many samples at once: truth, errors and noise of all sensors in one pass over the samples."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.battery import BatteryTable, voltages_mv
from firmware_model.electronics.noise import shares_from
from firmware_model.physics.truth import truth_of
from protocols.compiled import compiled

__all__ = ["MS_PER_DAY", "SENSOR_COUNT", "ErrorRow", "readings_of", "sensor_readings"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

MS_PER_DAY = 86_400_000
SENSOR_COUNT = 6
_BATTERY = 5
_SINCE_MS, _GAIN, _BIAS, _AGEING, _DRIFT, _DRIFT_SINCE_MS, _NOISE, _RESOLUTION, _LOWER, _UPPER, _HELD_AT = range(11)
"""Columns of a table of ``ErrorRow``."""
_SCALES = (1000.0, 1000.0, 1000.0, 1000.0, 1.0, 1.0)
"""Units of the truth in those of the readings: C, kPa, kPa, kPa, nL, mV."""


class ErrorRow(NamedTuple):
    """What a sensor makes of the truth from a time on, in the unit of its reading; a row of a table of floats."""

    since_ms: float
    gain: float
    bias: float
    ageing_per_day: float
    """Since bench time 0."""
    drift_per_day: float
    drift_since_ms: float
    noise: float
    resolution: float
    lower: float
    upper: float
    held_at: float
    """Whatever the truth is; NaN if nothing holds it."""


@compiled
def sensor_readings(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    true: Values, scale: float, times_ms: Times, samples: Times, errors: Values, seed: Any, found: Times
) -> None:
    """Write the readings of one sensor at rising times: multiples of the resolution, or ends of the range.

    An error that begins just at a time is not there yet.
    """
    shares = shares_from(seed, samples)
    row = 0
    for place in range(times_ms.size):
        now_ms = times_ms[place]
        while row + 1 < errors.shape[0] and errors[row + 1, _SINCE_MS] < now_ms:
            row += 1
        if not np.isnan(errors[row, _HELD_AT]):
            found[place] = int(errors[row, _HELD_AT])
            continue
        bias, resolution = errors[row, _BIAS], errors[row, _RESOLUTION]
        if errors[row, _AGEING] != 0:
            bias += errors[row, _AGEING] * now_ms / MS_PER_DAY
        if errors[row, _DRIFT] != 0:
            bias += errors[row, _DRIFT] * (now_ms - errors[row, _DRIFT_SINCE_MS]) / MS_PER_DAY
        ideal = errors[row, _NOISE] * shares[place] + (true[place] * scale * errors[row, _GAIN] + bias)
        steps = np.floor(ideal / resolution + 0.5)
        found[place] = int(min(errors[row, _UPPER], max(errors[row, _LOWER], steps * resolution)))


@compiled
def readings_of(  # noqa: PLR0917
    times_ms: Times,
    samples: Times,
    wanted: int,
    truth: tuple[Times, Values, int],
    errors: tuple[Values, Times, Any],
    battery: BatteryTable,
) -> Times:
    """Readings of the ``wanted`` sensors, one bit each, shape (sensors, samples); 0 of the others.

    ``truth`` is a table of legs with their number; ``errors`` are the rows of all sensors, where those of each begin,
    and their seeds.
    """
    whole, real, count = truth
    rows, begins, seeds = errors
    loads, fed_mv, load_count, charges_pc, curve = battery
    found = np.zeros((SENSOR_COUNT, times_ms.size), np.int64)
    true = truth_of(times_ms, whole, real, count)
    for sensor in range(SENSOR_COUNT):
        if wanted >> sensor & 1:
            own = rows[begins[sensor] : begins[sensor + 1]]
            if sensor == _BATTERY:
                voltage_mv = voltages_mv(times_ms, samples, loads, fed_mv, load_count, charges_pc, curve)
                sensor_readings(voltage_mv, 1.0, times_ms, samples, own, seeds[sensor], found[sensor])
            else:
                sensor_readings(true[sensor], _SCALES[sensor], times_ms, samples, own, seeds[sensor], found[sensor])
    return found
