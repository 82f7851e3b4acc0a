"""What the conditions of every hour can come to.

Where the bounds of an hour's quantities do not decide, the quantities themselves can be worked out, exactly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model import hour_bounds
from firmware_model.alarm_state import ConditionState, judged_under
from firmware_model.alarms import Quantity, Rhythm
from firmware_model.configuration import Configuration
from firmware_model.estimation import FLOW_WINDOW_HOURS, Calibration, flow_nl_per_day
from firmware_model.estimation import pressure_flow_over_window as window_flow
from firmware_model.firmware import HOUR_SAMPLES
from firmware_model.hour_bounds import HOUR_MS, bounds_of_hours
from firmware_model.open_samples import DECIDED, OpenSamples, open_hours, together
from firmware_model.sample_outlook import BATTERY, SCALE, SampleOutlook
from firmware_model.sampler import Sampler
from firmware_model.sensors import Readings
from firmware_model.truth import TruthLegs
from firmware_model.value_range import Range, settled

__all__ = ["HourOutlook"]

Values = NDArray[Any]
Times = NDArray[np.int64]

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
_EXACT = {
    Quantity.FLOW,
    Quantity.UNEXPLAINED_FLOW,
    Quantity.DRIVE_PRESSURE,
    Quantity.HOURLY_VOLUME,
    Quantity.HOURLY_OUTLET,
    Quantity.BATTERY,
}
"""Quantities of an hour that are a function of readings only."""


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
        self._hours_at_once = 24
        """So many take a closer look at once."""
        self._bounds: dict[int, Range] = {}
        """Of those quantities of hours that need a closer look, hour by hour, by their row."""
        if self.count:
            self._look(legs, samples, configuration)

    def open(self, state: ConditionState) -> OpenSamples:
        """Samples that end an hour in which a condition may be there; or, if it is, may be over.

        Those that bounds leave undecided are marked, if ``decide`` can do better.
        """
        may, must = self._bounded(state)
        sure, undecided = ~may if state.active else must, may & ~must
        if not self._is_exact(state):
            return self._open_where(sure | undecided, state.needs)
        return together([self._open_where(sure, state.needs), self._open_where(undecided, state.needs, state.number)])

    def decide(self, state: ConditionState, sample: int) -> OpenSamples:
        """The same from ``sample`` on, after a closer look at what comes next; at more of it each time."""
        may, must = self._bounded(state)
        open_, undecided = ~must if state.active else may, may & ~must
        past = max(0, sample // HOUR_SAMPLES - self._first_hour)
        open_[:past] = undecided[:past] = False
        hours = np.flatnonzero(undecided)[: self._hours_at_once]
        self._hours_at_once *= 4
        open_[hours], undecided[hours] = self._exactly(hours, state), False
        rest = self._open_where(undecided, state.needs, state.number)
        return together([self._open_where(open_ & ~undecided, state.needs), rest])

    def _open_where(self, open_: Values, needs: int, undecided: int = DECIDED) -> OpenSamples:
        return open_hours(self._first_hour + np.flatnonzero(open_), needs, undecided)

    @staticmethod
    def _is_exact(state: ConditionState) -> bool:
        """Whether a closer look can decide."""
        return all(quantity in _EXACT for quantity in state.quantities)

    def _bounded(self, state: ConditionState) -> tuple[Values, Values]:
        """Where all terms of a condition may hold, and where they must; shape (hours,)."""
        may, must = np.ones(self.count, dtype=bool), np.ones(self.count, dtype=bool)
        for edge in state.staying if state.active else state.raising:
            bounds = self._bounds.get(_ROW.get(edge.quantity, -1), self.ranges[edge.quantity.number])
            may &= bounds.may_hold(edge)
            must &= bounds.must_hold(edge)
        if state.needs == 2:  # there is no valid flow in the first hours, or they are over already
            may[: FLOW_WINDOW_HOURS - 1], must[: FLOW_WINDOW_HOURS - 1] = state.active, state.active
        return may, must

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

    def _exactly(self, hours: Times, state: ConditionState) -> Values:
        """In which of ``hours`` the terms do hold; or, of a condition that is there, do not all hold."""
        window = hours[:, None] + np.arange(1 - FLOW_WINDOW_HOURS if state.needs == 2 else 0, 1)
        needed, place = np.unique(window, return_inverse=True)
        edges = state.staying if state.active else state.raising
        sensors = 0
        for edge in edges:
            sensors |= edge.quantity.sensors
        means = self._sampler.hour_means(self._first_hour + needed, np.zeros_like(needed), sensors)
        place = place.reshape(window.shape)
        holds = np.ones(hours.size, dtype=bool)
        for edge in edges:
            values = self._exact_values(edge.quantity, means, place)
            holds &= values > edge.limit if edge.above else values < edge.limit
        return ~holds if state.active else holds

    def _exact_values(self, quantity: Quantity, means: Readings, place: Values) -> Values:
        now = place[:, -1]
        match quantity:
            case Quantity.HOURLY_VOLUME:
                return np.asarray(means.bellows_nl[now])
            case Quantity.HOURLY_OUTLET:
                return np.asarray(means.outlet_pa[now])
            case Quantity.BATTERY:
                return np.asarray(means.battery_mv[now])
            case Quantity.DRIVE_PRESSURE:
                return np.asarray(self._calibration.drive_deviation_pa(means)[now])
        flow: Values = flow_nl_per_day(list(means.bellows_nl[place.T]))
        if quantity is Quantity.FLOW:
            return flow
        return np.asarray(flow - window_flow(list(self._calibration.pressure_flow_nl_per_day(means)[place.T])))
