"""What the conditions of every hour can come to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.sampler import Sampler
from firmware_model.firmware.alarm_state import ConditionState, judged_under
from firmware_model.firmware.alarms import Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import FLOW_WINDOW_HOURS, Calibration
from firmware_model.firmware.firmware import HOUR_SAMPLES
from firmware_model.outlook import hour_bounds
from firmware_model.outlook.hour_bounds import HOUR_MS, bounds_of_hours
from firmware_model.outlook.open_samples import Spans, spans_of
from firmware_model.outlook.sample_outlook import BATTERY, SCALE, SampleOutlook
from firmware_model.outlook.value_range import Range, settled
from firmware_model.physics.truth import TruthLegs

__all__ = ["HourOutlook"]

Values = NDArray[Any]

_ROW = {
    Quantity.FLOW: hour_bounds.FLOW,
    Quantity.UNEXPLAINED_FLOW: hour_bounds.UNEXPLAINED_FLOW,
    Quantity.DRIVE_PRESSURE: hour_bounds.DRIVE_PRESSURE,
    Quantity.HOURLY_VOLUME: hour_bounds.VOLUME,
    Quantity.HOURLY_OUTLET: hour_bounds.OUTLET,
    Quantity.RESERVE: hour_bounds.RESERVE,
    Quantity.ROUGHNESS: hour_bounds.ROUGHNESS,
}
"""Where the bounds are of what differs from hour to hour; of the rest, they are the same at all hours."""


class HourOutlook:
    """Bounds of what the firmware makes of an hour's readings."""

    def __init__(
        self,
        legs: TruthLegs,
        samples: SampleOutlook,
        sampler: Sampler,
        calibration: Calibration,
        configuration: Configuration,
        *,
        first: int,
        last: int,
    ) -> None:
        """Look at the hours that end from sample ``first`` to sample ``last``, and some before for their windows."""
        self._sampler = sampler
        self._calibration = calibration
        self._first_hour = max(1, -(-first // HOUR_SAMPLES) - FLOW_WINDOW_HOURS + 1)
        self.count = max(0, last // HOUR_SAMPLES + 1 - self._first_hour)
        """Hours looked at."""
        self.ranges = [*samples.ranges]
        """Of every quantity over all of the stretch, by its number; those of hours are not there if there are none."""
        self._bounds: dict[int, Range] = {}
        """Of those quantities of hours that need a closer look, hour by hour, by their row."""
        if self.count:
            self._look(legs, samples, configuration)

    def open(self, state: ConditionState) -> Spans:
        """Samples that end an hour in which the terms of a condition may hold; or, if it is active, may not."""
        edges = state.staying if state.active else state.raising
        bounds = [self._bounds.get(_ROW.get(edge.quantity, -1), self.ranges[edge.quantity.number]) for edge in edges]
        all_of = np.ones(self.count, dtype=bool)
        for edge, each in zip(edges, bounds, strict=True):
            all_of &= each.must_hold(edge) if state.active else each.may_hold(edge)
        open_ = ~all_of if state.active else all_of
        return spans_of(self._first_hour + np.flatnonzero(open_), HOUR_SAMPLES)

    def _look(self, legs: TruthLegs, samples: SampleOutlook, configuration: Configuration) -> None:
        """Work out bounds at each hour, and keep what may be asked for."""
        sensors, calibration = self._sampler.sensors.each, self._calibration
        start_ms, end_ms = samples.start_ms, samples.end_ms
        laws = np.array(samples.laws[:BATTERY])
        laws[:, 0] *= SCALE
        bounds, extremes = bounds_of_hours(
            self._first_hour,
            self.count,
            self._sampler.started_ms,
            legs,
            laws,
            calibration.tables,
            (configuration.residual_nl, configuration.low_reservoir_nl, configuration.low_reservoir_hours),
            max(sensor.is_rough_by(start_ms, end_ms) for sensor in sensors[:BATTERY]),
            laws[:, 0] * 1000 / calibration.allowed_roughness,
        )
        gain_ms = int(np.abs(legs.crystal_ppb).max()) * HOUR_MS // 10**9 + 2
        responding = [sensor.responds_between(start_ms, end_ms) for sensor in sensors]
        *early, rough = [Range(low, high) for low, high in extremes.tolist()]
        battery = samples.readings[BATTERY]
        self.ranges += [
            *early,
            Range(battery.low - 1, battery.high + 1),
            rough,
            Range(responding.count((False, False)), len(sensors) - responding.count((True, True))),
            Range(-gain_ms, gain_ms),
            Range(0, 0),
        ]
        for row in self._rows_to_keep(configuration):
            self._bounds[row] = Range(*bounds[row].copy())

    def _rows_to_keep(self, configuration: Configuration) -> set[int]:
        """Rows of the quantities on which a condition depends that is not settled once and for all."""
        ranges, rows = self.ranges, set()
        for judged in judged_under(configuration):
            if judged.quantities[0].rhythm is Rhythm.HOUR:
                for edges, active in ((judged.raising, False), (judged.staying, True)):
                    if not settled(ranges, edges, active=active):
                        rows |= {
                            _ROW[edge.quantity]
                            for edge in edges
                            if edge.quantity in _ROW
                            and ranges[edge.quantity.number].may_hold(edge)
                            and not ranges[edge.quantity.number].must_hold(edge)
                        }
        return rows
