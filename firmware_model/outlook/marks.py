"""In which renewals a condition is there: exactly, from the readings, for many renewals at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.sampler import Sampler
from firmware_model.firmware.alarm_state import ConditionState
from firmware_model.firmware.alarms import Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import FLOW_WINDOW_HOURS, MEAN_SAMPLES, Calibration, mean_reading
from firmware_model.outlook.hour_quantities import HOURLY, hourly_quantities
from protocols.compiled import compiled

__all__ = ["ExactMarks"]

Values = NDArray[Any]
Times = NDArray[np.int64]

_FLOW_PATH = 0b011111
_OTHERS = {Quantity.UNRESPONSIVE, Quantity.CLOCK_STEP, Quantity.DAMAGE}
"""Quantities that do not come from readings."""


class ExactMarks:
    """What the firmware would make of readings while its windows are whole."""

    def __init__(
        self,
        sampler: Sampler,
        calibration: Calibration,
        configuration: Configuration,
        *,
        may_be_out_of_range: int,
        awake_since: int,
    ) -> None:
        """Of sensors, one bit each, some of whose readings ``may_be_out_of_range``, at samples ``awake_since`` on."""
        self._sampler = sampler
        self._calibration = calibration
        self._label = configuration.residual_nl, configuration.low_reservoir_nl, configuration.low_reservoir_hours
        self._may_be_out_of_range = may_be_out_of_range
        self._awake_since = awake_since

    @staticmethod
    def can_tell(state: ConditionState) -> bool:
        """Whether a condition comes from readings alone."""
        return not any(quantity in _OTHERS for quantity in state.quantities)

    def among(self, samples: Times, state: ConditionState, out_of_range_at: Sequence[int]) -> Times:
        """Those of rising ``samples`` with which a condition is there; or, if it is active, is over.

        ``out_of_range_at`` is what the firmware remembers of each sensor's last reading at an end of its range.
        """
        edges = state.staying if state.active else state.raising
        sensors = 0
        for edge in edges:
            sensors |= edge.quantity.sensors
        values = self._of_hours if state.rhythm is Rhythm.HOUR else self._of_samples
        holds = np.ones(samples.size, dtype=bool)
        for edge, value in zip(edges, values(samples, [edge.quantity for edge in edges], sensors), strict=True):
            holds &= value > edge.limit if edge.above else value < edge.limit
        marked = ~holds if state.active else holds
        for quantity in state.quantities:
            for sensor, out_at in enumerate(out_of_range_at):
                if quantity.sensors & self._may_be_out_of_range & (1 << sensor):
                    last = self._last_out_of_range(samples, sensor, quantity.reach, out_at)
                    marked &= last <= samples - quantity.reach
        return samples[marked]

    # Quantities.

    def _of_samples(self, samples: Times, quantities: Sequence[Quantity], sensors: int) -> list[Values]:
        """Of conditions of every sample, which have one quantity."""
        (quantity,) = quantities
        needed, place = _reaching_back(samples, quantity.reach)
        if quantity is Quantity.AT_END_OF_RANGE:
            return [sum((self._are_out_of_range(needed, s) for s in range(6)), np.zeros(needed.size, dtype=np.int64))]
        column = self._sampler.read_many(needed, sensors)[sensors.bit_length() - 1]
        begin, middle = place - quantity.reach + 1, place - quantity.reach // 2
        match quantity:
            case Quantity.VOLUME:
                return [mean_reading(_windows(column, place, MEAN_SAMPLES).sum(axis=1), MEAN_SAMPLES)]
            case Quantity.VOLUME_STEP:
                return [column[place] - column[begin]]
            case Quantity.OUTLET_PULSE:
                return [column[middle] - np.maximum(column[place], column[begin])]
        return [column]

    def _of_hours(self, samples: Times, quantities: Sequence[Quantity], sensors: int) -> list[Values]:
        if quantities[0] is Quantity.ROUGHNESS:
            return [self._roughness(samples)]
        spans_flow = any(quantity.reach > MEAN_SAMPLES for quantity in quantities)
        hours, place = _reaching_back(samples // Rhythm.HOUR, FLOW_WINDOW_HOURS if spans_flow else 1)
        means = self._sampler.table_of_means(hours, np.zeros_like(hours), sensors)
        values = hourly_quantities(means, place, spans_flow, self._calibration.tables, self._label)
        return [values[HOURLY.index(quantity)] for quantity in quantities]

    def _roughness(self, samples: Times) -> Values:
        needed, place = _reaching_back(samples, MEAN_SAMPLES)
        readings = np.array(self._sampler.read_many(needed, _FLOW_PATH)[:-1])
        bends = np.abs(np.diff(_windows(readings, place, MEAN_SAMPLES), n=2, axis=-1))
        count = bends.shape[-1]
        median = np.partition(bends, count // 2, axis=-1)[..., count // 2]
        allowed = np.array(self._calibration.allowed_roughness)[:, None]
        return np.asarray((1000 * count * median // allowed).max(axis=0))

    # Ends of ranges.

    def _are_out_of_range(self, samples: Times, sensor: int) -> Values:
        if not self._may_be_out_of_range >> sensor & 1:
            return np.zeros(samples.size, dtype=bool)
        lower, upper = self._calibration.ranges[sensor]
        readings = self._sampler.read_many(samples, 1 << sensor)[sensor]
        return np.asarray((readings <= lower) | (readings >= upper))

    def _last_out_of_range(self, samples: Times, sensor: int, reach: int, out_at: int) -> Times:
        """When a sensor was last at an end of its range, as far as ``reach`` samples see it."""
        needed, place = _reaching_back(samples, reach)
        is_out = self._are_out_of_range(np.maximum(needed, 0), sensor) & (needed >= self._awake_since)
        return np.asarray(np.maximum.accumulate(np.where(is_out, needed, out_at))[place])


def _windows(values: Values, place: Times, size: int) -> Values:
    """The last ``size`` of values up to each place, along another axis behind the last."""
    return values[..., place[:, None] + np.arange(1 - size, 1)]


@compiled
def _reaching_back(numbers: Times, reach: int) -> tuple[Times, Times]:
    """All that is less than ``reach`` before one of rising ``numbers``, rising; and the place of each number in it."""
    needed, place = np.empty(numbers.size * reach, np.int64), np.empty(numbers.size, np.int64)
    count, following = 0, numbers[0] - reach + 1
    for index in range(numbers.size):
        following = max(following, numbers[index] - reach + 1)
        while following <= numbers[index]:
            needed[count] = following
            count, following = count + 1, following + 1
        place[index] = count - 1
    return needed[:count], place
