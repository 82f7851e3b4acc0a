"""Until when nothing can happen: bounds of everything that the alarms look at, for a long stretch of samples at once.

Noise is bounded and the truth is known leg by leg, so that on each leg (and at each hour) every quantity lies between
two bounds. A condition that is not there cannot begin where its terms cannot all hold; one that is there cannot end
where they all must. Samples for which this is true of every condition are *quiet*: to take them would change nothing
but the windows, and those can be filled from the last samples before the next one that matters.

Where the bounds of an hour's quantities do not decide, the quantities themselves are worked out, exactly.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model import hour_bounds
from firmware_model.alarm_state import ConditionState, Edge, judged_under
from firmware_model.alarms import Quantity, Rhythm
from firmware_model.compiled import compiled
from firmware_model.configuration import Configuration
from firmware_model.estimation import FLOW_WINDOW_HOURS, MEAN_SAMPLES, Calibration, flow_nl_per_day
from firmware_model.estimation import pressure_flow_over_window as window_flow
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.hour_bounds import HOUR_MS, WINDOW_MS, bounds_of_hours
from firmware_model.leg_bounds import EVER, further_apart_than
from firmware_model.sampler import Sampler
from firmware_model.sensors import Readings
from firmware_model.truth import TruthLegs
from firmware_model.windows import first_full_hour
from protocols.messages import Mode

__all__ = ["REACH_MS", "Outlook"]

Values = NDArray[Any]
Times = NDArray[np.int64]

REACH_MS = FLOW_WINDOW_HOURS * HOUR_MS + WINDOW_MS
"""So far back do the windows reach."""
_SCALE = (1000, 1000, 1000, 1000, 1)
"""Units of the truth in those of the readings: C, kPa, kPa, kPa, nL."""
_BATTERY = 5
_NOTHING = np.empty((4, 0), dtype=np.int64)
_SENSOR = {
    Quantity.TEMPERATURE: 0,
    Quantity.OUTLET: 2,
    Quantity.AMBIENT: 3,
    Quantity.VOLUME: 4,
    Quantity.VOLUME_STEP: 4,
    Quantity.OUTLET_PULSE: 2,
}
"""Whose readings, at one time or at several, a quantity of every sample is."""
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


class Range(NamedTuple):
    """The least and the most that something can be: floats, or arrays of one shape."""

    low: Any
    high: Any

    def may_hold(self, edge: Edge) -> Any:
        """Where a term may hold."""
        return self.high > edge.limit if edge.above else self.low < edge.limit

    def must_hold(self, edge: Edge) -> Any:
        """Where a term must hold."""
        return self.low > edge.limit if edge.above else self.high < edge.limit


class Outlook:
    """What can happen to one firmware from one of its samples to another, as long as nobody interferes.

    Open samples are kept as arrays of the shape (4, intervals): first and last sample in which something may happen;
    because of what was at which sample, so that nothing can any more once the windows begin after that; and what it
    takes to be judged, as in ``ConditionState.needs``.
    """

    def __init__(
        self,
        legs: TruthLegs,
        sampler: Sampler,
        calibration: Calibration,
        configuration: Configuration,
        *,
        first: int,
        last: int,
    ) -> None:
        """Look from sample ``first`` to sample ``last``; the ``legs`` reach as far."""
        self.first, self.last = first, last
        self._sampler = sampler
        self._calibration = calibration
        self._configuration = configuration
        self._start_ms, self._end_ms = sampler.time_ms(first) - REACH_MS, sampler.time_ms(last)
        begin = max(0, int(legs.start_ms.searchsorted(self._start_ms)) - 1)
        end = int(legs.start_ms.searchsorted(self._end_ms))
        self._legs = legs = TruthLegs._make([column[begin:end] for column in legs])
        self._truths = (
            (legs.temperature_c, legs.temperature_c),
            (legs.reservoir_start_kpa, legs.reservoir_end_kpa),
            (legs.outlet_start_kpa, legs.outlet_end_kpa),
            (legs.ambient_kpa, legs.ambient_kpa),
            (legs.start_nl, legs.end_nl),
        )
        self._laws = [sensor.law(self._start_ms, self._end_ms) for sensor in sampler.sensors.each]
        self._readings = self._reading_ranges()
        self._first_hour = max(1, -(-first // HOUR_SAMPLES) - FLOW_WINDOW_HOURS + 1)
        self._hours = max(0, last // HOUR_SAMPLES + 1 - self._first_hour)
        self._ranges = self._ranges_of_samples()
        """Of every quantity over all of the stretch, by its number; those of hours are not there if there are none."""
        self._bounds: dict[int, Range] = {}
        """Of those quantities of hours that need a closer look, hour by hour, by their row."""
        if self._hours:
            self._look_at_hours()
        self._open: dict[tuple[int, bool], Times] = {}
        self._apart_by: dict[tuple[Quantity, int], Times] = {}
        self._merged: dict[tuple[bool, frozenset[int]], Times] = {}

    def next_sample(self, firmware: Firmware) -> int:
        """The first sample, not yet taken, in which something might happen; one beyond the last if there is none."""
        sample, restarted_at = firmware.sample_count, firmware.restarted_at
        if firmware.mode is Mode.SELF_TEST:
            return sample
        found = self.last + 1
        if firmware.memory.is_suspect or firmware.clock.has_jumped:
            found = min(found, -(-max(sample, 1) // HOUR_SAMPLES) * HOUR_SAMPLES)
        timer_ms = firmware.next_timer_ms
        if timer_ms is not None:
            found = min(found, max(sample, -((self._sampler.started_ms - timer_ms) // SAMPLE_PERIOD_MS)))
        key = (firmware.mode is Mode.SERVICE, firmware.state.active_numbers)
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = self._merged_for(firmware)
        if not merged.size:
            return found
        full = first_full_hour(restarted_at)
        return int(_next_open(merged, found, sample, restarted_at, full, full + FLOW_WINDOW_HOURS - 1))

    def _merged_for(self, firmware: Firmware) -> Times:
        """What is open for all conditions as they are now, in one; worked out once for every state of them."""
        of, in_service = firmware.state.of, firmware.mode is Mode.SERVICE
        judged = [state for state in of[Rhythm.SAMPLE] if state.condition.in_service or not in_service]
        each = map(self._open_for, [*judged, *of[Rhythm.HOUR]])
        return np.concatenate([_NOTHING, *(open_ for open_ in each if open_.size)], axis=1)

    def _open_for(self, state: ConditionState) -> Times:
        """Samples in which a condition may begin to hold; or, if it does hold, may cease to."""
        key = (state.number, state.active)
        found = self._open.get(key)
        if found is None:
            hourly = state.quantities[0].rhythm is Rhythm.HOUR
            if (hourly and not self._hours) or self._is_settled(
                state.staying if state.active else state.raising, state.active
            ):
                found = _NOTHING
            else:
                found = self._open_hours(state) if hourly else self._open_samples(state)
            self._open[key] = found
        return found

    def _is_settled(self, edges: tuple[Edge, ...], active: bool) -> bool:
        """Whether terms must always all hold, of a condition that does; or else whether they never can."""
        ranges = self._ranges
        if active:
            return all(ranges[edge.quantity.number].must_hold(edge) for edge in edges)
        return not all(ranges[edge.quantity.number].may_hold(edge) for edge in edges)

    def _reading_ranges(self) -> list[Range]:
        """Of each sensor's readings, over all of the stretch."""
        ranges = []
        for sensor, (start, end) in enumerate(self._truths):
            low, high = float(start.min()), float(start.max())
            if start is not end:
                low, high = min(low, float(end.min())), max(high, float(end.max()))
            ranges.append(Range(*self._laws[sensor].extremes(low * _SCALE[sensor], high * _SCALE[sensor])))
        return [*ranges, self._battery_range()]

    def _ranges_of_samples(self) -> list[Range]:
        temperature, _, outlet, ambient, volume, _ = self._readings
        step_nl, pulse_pa = volume.high - volume.low, outlet.high - outlet.low
        at_end = [
            (range_.high <= lower or range_.low >= upper, range_.low <= lower or range_.high >= upper)
            for range_, (lower, upper) in zip(self._readings, self._calibration.ranges, strict=True)
        ]
        return [
            temperature,
            outlet,
            ambient,
            _widened(volume),
            Range(-step_nl, step_nl),
            Range(-pulse_pa, pulse_pa),
            Range(sum(must for must, _ in at_end), sum(may for _, may in at_end)),
        ]

    def _readings_on_legs(self, sensor: int) -> Range:
        """Of one sensor's readings, on each leg."""
        (start, end), scale = self._truths[sensor], _SCALE[sensor]
        law = self._laws[sensor]
        return Range(*law.bounds(np.minimum(start, end) * scale, np.maximum(start, end) * scale))

    def _battery_range(self) -> Range:
        """Of all of the stretch: a primary cell's voltage only ever falls."""
        sampler = self._sampler
        early = max(0, self.first - MEAN_SAMPLES)
        fresh, spent = (
            float(sampler.battery.voltage_mv(sampler.time_ms(sample), sampler.first + sample))
            for sample in (early, self.last)
        )
        return Range(*self._laws[_BATTERY].extremes(spent, fresh))

    # Every sample, leg by leg.

    def _open_samples(self, state: ConditionState) -> Times:
        quantity = state.quantities[0]
        if quantity in {Quantity.VOLUME_STEP, Quantity.OUTLET_PULSE}:
            return self._apart(state, quantity)
        if quantity is Quantity.AT_END_OF_RANGE:
            bounds = self._ends_of_range()
        else:
            bounds = _widened(self._readings_on_legs(_SENSOR[quantity]))
        open_ = ~bounds.must_hold(state.staying[0]) if state.active else bounds.may_hold(state.raising[0])
        return self._samples_on(open_, quantity.reach - 1)

    def _ends_of_range(self) -> Range:
        """How many sensors must, and can, be at an end of their range, on each leg."""
        low = np.zeros(self._legs.start_ms.size, dtype=np.int64)
        high = low.copy()
        for sensor, (lower, upper) in enumerate(self._calibration.ranges):
            bounds = self._readings[sensor]
            if bounds.low <= lower or bounds.high >= upper:
                if sensor != _BATTERY:
                    bounds = self._readings_on_legs(sensor)
                low += (bounds.high <= lower) | (bounds.low >= upper)
                high += (bounds.low <= lower) | (bounds.high >= upper)
        return Range(low, high)

    def _apart(self, state: ConditionState, quantity: Quantity) -> Times:
        """Samples at which one sensor's readings can be so far apart: the truth jumped lately, or runs fast."""
        if state.active:
            return self._samples_on(np.ones(self._legs.start_ms.size, dtype=bool), 0)
        key = (quantity, abs(state.raising[0].limit))
        if key not in self._apart_by:
            self._apart_by[key] = self._further_apart_than(*key)
        return self._apart_by[key]

    def _further_apart_than(self, quantity: Quantity, limit: int) -> Times:
        sensor, legs = _SENSOR[quantity], self._legs
        span_ms = (quantity.reach - 1) * SAMPLE_PERIOD_MS
        return further_apart_than(
            float(limit),
            span_ms,
            self._laws[sensor].gain * _SCALE[sensor],
            self._sampler.sensors.each[sensor].slack(self._start_ms, self._end_ms, span_ms),
            self._sampler.started_ms,
            legs.start_ms,
            legs.end_ms,
            *self._truths[sensor],
        )

    def _samples_on(self, open_: Values, tail: int) -> Times:
        """Samples on open legs, and ``tail`` more for as long as the windows reach back to one of them."""
        if not open_.any():
            return _NOTHING
        legs, started_ms = self._legs, self._sampler.started_ms
        first = (legs.start_ms[open_] - started_ms) // SAMPLE_PERIOD_MS + 1
        last = (legs.end_ms[open_] - started_ms) // SAMPLE_PERIOD_MS
        rows = [np.array([first, last, np.full(first.size, EVER), np.zeros(first.size, dtype=np.int64)])]
        if tail:
            rows.append(np.array([last + 1, last + tail, last, np.zeros(first.size, dtype=np.int64)]))
        found = np.concatenate(rows, axis=1)
        return found[:, found[0] <= found[1]]

    # Every hour.

    def _open_hours(self, state: ConditionState) -> Times:
        """Ends of the hours in which a condition may be there; or, if it is, may be over."""
        hours = self._decided(state)
        if not hours.size:
            return _NOTHING
        ends = (self._first_hour + hours) * HOUR_SAMPLES
        return np.array([ends, ends, np.full(ends.size, EVER), np.full(ends.size, state.needs)])

    def _decided(self, state: ConditionState) -> Times:
        """The same hours, counted from the first."""
        edges = state.staying if state.active else state.raising
        may, must = np.ones(self._hours, dtype=bool), np.ones(self._hours, dtype=bool)
        for edge in edges:
            bounds = self._bounds.get(_ROW.get(edge.quantity, -1), self._ranges[edge.quantity.number])
            may &= bounds.may_hold(edge)
            must &= bounds.must_hold(edge)
        if state.needs == 2:  # there is no valid flow in the first hours, or they are over already
            may[: FLOW_WINDOW_HOURS - 1], must[: FLOW_WINDOW_HOURS - 1] = False, True
        open_ = ~must if state.active else may
        undecided = np.flatnonzero(may & ~must)
        if undecided.size and all(edge.quantity in _EXACT for edge in edges):
            open_[undecided] = self._exactly(undecided, state, edges)
        return np.flatnonzero(open_)

    def _exactly(self, hours: Times, state: ConditionState, edges: tuple[Edge, ...]) -> Values:
        """In which of ``hours`` the terms do hold; or, of a condition that is there, do not all hold."""
        window = hours[:, None] + np.arange(1 - FLOW_WINDOW_HOURS if state.needs == 2 else 0, 1)
        needed, place = np.unique(window, return_inverse=True)
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

    def _look_at_hours(self) -> None:
        """Work out bounds at each hour, and keep what may be asked for."""
        sensors, calibration, configuration = self._sampler.sensors.each, self._calibration, self._configuration
        flow_path = range(len(self._truths))
        laws = np.array(self._laws[:_BATTERY])
        laws[:, 0] *= _SCALE
        bounds, extremes = bounds_of_hours(
            self._first_hour,
            self._hours,
            self._sampler.started_ms,
            self._legs,
            laws,
            calibration.tables,
            (configuration.residual_nl, configuration.low_reservoir_nl, configuration.low_reservoir_hours),
            max([sensors[sensor].is_rough_by(self._start_ms, self._end_ms) for sensor in flow_path]),
            laws[:, 0] * 1000 / calibration.allowed_roughness,
        )
        gain_ms = int(np.abs(self._legs.crystal_ppb).max()) * HOUR_MS // 10**9 + 2
        dead = [sensor.responds_between(self._start_ms, self._end_ms) for sensor in sensors]
        *early, rough = [Range(low, high) for low, high in extremes.tolist()]
        battery = self._readings[_BATTERY]
        self._ranges += [
            *early,
            Range(battery.low - 1, battery.high + 1),
            rough,
            Range(dead.count((False, False)), len(dead) - dead.count((True, True))),
            Range(-gain_ms, gain_ms),
            Range(0, 0),
        ]
        for row in self._rows_to_keep():
            self._bounds[row] = Range(*bounds[row].copy())

    def _rows_to_keep(self) -> set[int]:
        """Rows of the quantities on which a condition depends that is not settled once and for all."""
        ranges, rows = self._ranges, set()
        for judged in judged_under(self._configuration):
            if judged.quantities[0].rhythm is Rhythm.HOUR:
                for edges, active in ((judged.raising, False), (judged.staying, True)):
                    if not self._is_settled(edges, active):
                        rows |= {
                            _ROW[edge.quantity]
                            for edge in edges
                            if edge.quantity in _ROW
                            and ranges[edge.quantity.number].may_hold(edge)
                            and not ranges[edge.quantity.number].must_hold(edge)
                        }
        return rows


def _widened(bounds: Range) -> Range:
    """By what a mean may be off for being whole."""
    return Range(bounds.low - 0.5, bounds.high + 0.5)


@compiled
def _next_open(open_: Times, found: int, sample: int, restarted_at: int, full: int, valid: int) -> int:  # noqa: PLR0917
    """The first open sample from ``sample`` on, or ``found`` if there is none before it.

    What needs a mean is judged from hour ``full`` on, what needs a flow from hour ``valid`` on.
    """
    for place in range(open_.shape[1]):
        needs = open_[3, place]
        begin = sample
        if needs:
            begin = max(begin, HOUR_SAMPLES * (full if needs == 1 else valid))
        if open_[1, place] >= begin and open_[2, place] >= restarted_at:
            found = min(found, max(begin, open_[0, place]))
    return found
