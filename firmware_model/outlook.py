"""Until when nothing can happen: bounds of everything that the alarms look at, for a long stretch of samples at once.

Noise is bounded and the truth is known leg by leg, so that on each leg (and at each hour) every quantity lies between
two bounds. A condition that is not there cannot begin where its terms cannot all hold; one that is there cannot end
where they all must. Samples for which this is true of every condition are *quiet*: to take them would change nothing
but the windows, and those can be filled from the last samples before the next one that matters.

Where the bounds of an hour's quantities do not decide, the quantities themselves are worked out, exactly.
"""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from firmware_model.alarm_state import ConditionState, Edge
from firmware_model.alarms import Quantity, Rhythm
from firmware_model.configuration import Configuration
from firmware_model.estimation import FLOW_WINDOW_HOURS, MEAN_SAMPLES, Calibration, flow_nl_per_day
from firmware_model.estimation import pressure_flow_over_window as window_flow
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.sampler import Sampler
from firmware_model.sensors import Readings
from firmware_model.truth import TruthLegs
from firmware_model.windows import first_full_hour
from protocols.messages import Mode

__all__ = ["Outlook"]

Values = NDArray[Any]

_WINDOW_MS = (MEAN_SAMPLES - 1) * SAMPLE_PERIOD_MS
_HOUR_MS = HOUR_SAMPLES * SAMPLE_PERIOD_MS
REACH_MS = FLOW_WINDOW_HOURS * _HOUR_MS + _WINDOW_MS
"""So far back do the windows reach."""
_KINK_MS = 28 / 15 * SAMPLE_PERIOD_MS
"""A kink amid the window moves the mean of its 15 samples by its change of slope times no more than this."""
_SCALE = (1000, 1000, 1000, 1000, 1)
"""Units of the truth in those of the readings: C, kPa, kPa, kPa, nL."""
_BATTERY = 5
_UNKNOWN = 1e15
_EVER = 1 << 60
_SLOPE_WEIGHTS = np.array([5.0, 3.0, 1.0, -1.0, -3.0, -5.0]) * 24 / 35
_FLOW_WEIGHTS = np.array([5.0, 13.0, 17.0, 17.0, 13.0, 5.0]) / 70
_SPREADING = {Quantity.VOLUME_STEP: 4, Quantity.OUTLET_PULSE: 2}
"""Quantities that compare readings of one sensor at different times."""


class Bounds(NamedTuple):
    """The least and the most that something can be; arrays of one shape."""

    low: Values
    high: Values

    def may_hold(self, edge: Edge) -> Values:
        """Where a term may hold."""
        return self.high > edge.limit if edge.above else self.low < edge.limit

    def must_hold(self, edge: Edge) -> Values:
        """Where a term must hold."""
        return self.low > edge.limit if edge.above else self.high < edge.limit


class Intervals(NamedTuple):
    """Samples in which something may happen; arrays of the shape (intervals,).

    Because of what was at sample ``cause``: once the windows begin after that, nothing can any more.
    """

    first: Values
    last: Values
    cause: Values

    @classmethod
    def of(cls, first: Values, last: Values, cause: Values, tail: int) -> Self | None:
        """Intervals, each with ``tail`` more samples while the windows reach back to its last; None if none is left."""
        if tail:
            first, cause = np.concatenate([first, last + 1]), np.concatenate([cause, last])
            last = np.concatenate([last, last + tail])
        some = first <= last
        return cls(first[some], last[some], cause[some]) if bool(some.any()) else None

    def next_from(self, sample: int, restarted_at: int) -> int | None:
        """The first such sample that is not before ``sample``."""
        valid = (self.last >= sample) & (self.cause >= restarted_at)
        return max(sample, int(self.first[valid].min())) if valid.any() else None


class _Merged(NamedTuple):
    intervals: Intervals | None
    hours: tuple[Values, ...]
    """Open hours of conditions that need no samples before, a mean of them, and a flow."""


class Outlook:
    """What can happen to one firmware from one of its samples to another, as long as nobody interferes."""

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
        self._legs = legs = TruthLegs._make(column[begin:end] for column in legs)
        self._truths = (
            (legs.temperature_c, legs.temperature_c),
            (legs.reservoir_start_kpa, legs.reservoir_end_kpa),
            (legs.outlet_start_kpa, legs.outlet_end_kpa),
            (legs.ambient_kpa, legs.ambient_kpa),
            (legs.start_nl, legs.end_nl),
        )
        self._readings = tuple(
            self._read(sensor, low, high)
            for sensor, (low, high) in enumerate(
                (start, end) if start is end else (np.minimum(start, end), np.maximum(start, end))
                for start, end in self._truths
            )
        )
        self._battery = self._battery_bounds()
        self._hours = np.arange(max(1, -(-first // HOUR_SAMPLES) - FLOW_WINDOW_HOURS + 1), last // HOUR_SAMPLES + 1)
        self._of_hours: dict[Quantity, Bounds] = self._bounds_of_hours() if self._hours.size else {}
        self._intervals: dict[tuple[int, bool], Intervals | None] = {}
        self._open_hours: dict[tuple[int, bool], Values] = {}
        self._apart_by: dict[tuple[Quantity, int], Intervals | None] = {}
        self._extremes: dict[Quantity, tuple[float, float]] = {}
        self._merged: dict[tuple[bool, frozenset[int]], _Merged] = {}

    def next_sample(self, firmware: Firmware) -> int:
        """The first sample, not yet taken, in which something might happen; one beyond the last if there is none."""
        sample, restarted_at = firmware.sample_count, firmware.restarted_at
        if firmware.mode is Mode.SELF_TEST:
            return sample
        found = self.last + 1
        hour = -(-max(sample, 1) // HOUR_SAMPLES)
        if firmware.memory.is_suspect or firmware.clock.has_jumped:
            found = min(found, hour * HOUR_SAMPLES)
        timer_ms = firmware.next_timer_ms
        if timer_ms is not None:
            found = min(found, max(sample, -((self._sampler.started_ms - timer_ms) // SAMPLE_PERIOD_MS)))
        merged = self._merged_for(firmware)
        if merged.intervals is not None:
            possible = merged.intervals.next_from(sample, restarted_at)
            found = found if possible is None else min(found, possible)
        full = first_full_hour(restarted_at)
        for hours, judged in zip(merged.hours, (1, full, full + FLOW_WINDOW_HOURS - 1), strict=True):
            place = int(hours.searchsorted(max(hour, judged))) if hours.size else 0
            found = found if place == hours.size else min(found, int(hours[place]) * HOUR_SAMPLES)
        return found

    def _merged_for(self, firmware: Firmware) -> "_Merged":
        """What is open for all conditions as they are now, in one; worked out once for every state of them."""
        in_service = firmware.mode is Mode.SERVICE
        key = (in_service, firmware.state.active_numbers)
        if key not in self._merged:
            states = firmware.state.of[Rhythm.SAMPLE]
            judged = [state for state in states if state.condition.in_service or not in_service]
            intervals = [each for each in map(self._intervals_of, judged) if each is not None]
            merged = Intervals(*map(np.concatenate, zip(*intervals, strict=True))) if intervals else None
            open_hours: tuple[list[Values], ...] = ([], [], [])
            for state in firmware.state.of[Rhythm.HOUR]:
                open_hours[state.needs].append(self._open_hours_of(state))
            self._merged[key] = _Merged(merged, tuple(np.unique(np.concatenate(each)) for each in open_hours))
        return self._merged[key]

    def _read(self, sensor: int, low: Values, high: Values) -> Bounds:
        scale = _SCALE[sensor]
        if scale != 1:
            low, high = low * scale, high * scale
        return Bounds(*self._sampler.sensors.each[sensor].bounds(low, high, self._start_ms, self._end_ms))

    def _battery_bounds(self) -> Bounds:
        """Of all of the stretch: a primary cell's voltage only ever falls."""
        sampler = self._sampler
        early = max(0, self.first - MEAN_SAMPLES)
        fresh, spent = (
            np.array([float(sampler.battery.voltage_mv(sampler.time_ms(sample), sampler.first + sample))])
            for sample in (early, self.last)
        )
        return Bounds(*sampler.sensors.each[_BATTERY].bounds(spent, fresh, self._start_ms, self._end_ms))

    # Every sample, leg by leg.

    def _intervals_of(self, state: ConditionState) -> Intervals | None:
        key = (state.number, state.active)
        if key not in self._intervals:
            quantity = state.quantities[0]
            if quantity in _SPREADING:
                self._intervals[key] = self._apart(state, quantity)
            else:
                bounds = self._ends_of_range() if quantity is Quantity.AT_END_OF_RANGE else self._of_sample(quantity)
                open_ = ~bounds.must_hold(state.staying[0]) if state.active else bounds.may_hold(state.raising[0])
                self._intervals[key] = self._samples_on(open_, quantity.reach - 1)
        return self._intervals[key]

    def _of_sample(self, quantity: Quantity) -> Bounds:
        temperature, _, outlet, ambient, volume = self._readings
        return {
            Quantity.TEMPERATURE: temperature,
            Quantity.OUTLET: outlet,
            Quantity.AMBIENT: ambient,
            Quantity.VOLUME: Bounds(volume.low - 0.5, volume.high + 0.5),
        }[quantity]

    def _ends_of_range(self) -> Bounds:
        """How many sensors must, and can, be at an end of their range, on each leg."""
        low = np.zeros(self._legs.start_ms.size, dtype=np.int64)
        high = low.copy()
        for bounds, (lower, upper) in zip((*self._readings, self._battery), self._calibration.ranges, strict=True):
            if bounds.low.min(initial=upper) <= lower or bounds.high.max(initial=lower) >= upper:
                low += (bounds.high <= lower) | (bounds.low >= upper)
                high += (bounds.low <= lower) | (bounds.high >= upper)
        return Bounds(low, high)

    def _apart(self, state: ConditionState, quantity: Quantity) -> Intervals | None:
        """Samples at which one sensor's readings can be so far apart: the truth jumped lately, or runs fast."""
        if state.active:
            return self._samples_on(np.ones(self._legs.start_ms.size, dtype=bool), 0)
        key = (quantity, abs(state.raising[0].limit))
        if key not in self._apart_by:
            self._apart_by[key] = self._further_apart_than(*key)
        return self._apart_by[key]

    def _further_apart_than(self, quantity: Quantity, limit: int) -> Intervals | None:
        sensor, legs = _SPREADING[quantity], self._legs
        bounds = self._readings[sensor]
        if float(bounds.high.max() - bounds.low.min()) <= limit:
            return None
        start, end = self._truths[sensor]
        tail = quantity.reach - 1
        span_ms = tail * SAMPLE_PERIOD_MS
        gain = self._sampler.sensors.each[sensor].profile.gain * _SCALE[sensor]
        slack = self._sampler.sensors.each[sensor].slack(self._start_ms, self._end_ms)
        jumps = np.zeros(start.size)
        np.abs(start[1:] - end[:-1], out=jumps[1:])
        reach = np.maximum(legs.start_ms.searchsorted(legs.start_ms - span_ms, side="right") - 1, 0)
        worst = _running_max(np.abs(end - start) / (legs.end_ms - legs.start_ms), reach) * span_ms
        travelled = np.cumsum(jumps)
        jumped = travelled - travelled[reach]
        runs_fast = worst * gain + slack > limit
        has_jumped = ((jumped + worst) * gain + slack > limit) & ~runs_fast
        jump = np.maximum.accumulate(np.where(jumps * gain > limit / 100, np.arange(jumps.size), 0))
        first, last = self._numbers(legs.start_ms, legs.end_ms)
        cause = (legs.start_ms[jump] - self._sampler.started_ms) // SAMPLE_PERIOD_MS
        open_ = runs_fast | has_jumped
        return Intervals.of(first[open_], last[open_], np.where(runs_fast, _EVER, cause)[open_], 0)

    def _samples_on(self, open_: Values, tail: int) -> Intervals | None:
        if not open_.any():
            return None
        first, last = self._numbers(self._legs.start_ms[open_], self._legs.end_ms[open_])
        return Intervals.of(first, last, np.full(first.size, _EVER), tail)

    def _numbers(self, start_ms: Values, end_ms: Values) -> tuple[Values, Values]:
        """Numbers of the first and the last sample after ``start_ms`` and up to ``end_ms``."""
        started_ms = self._sampler.started_ms
        return (start_ms - started_ms) // SAMPLE_PERIOD_MS + 1, (end_ms - started_ms) // SAMPLE_PERIOD_MS

    # Every hour.

    def _open_hours_of(self, state: ConditionState) -> Values:
        """Numbers of the hours in which a condition may be there; or, if it is, may be over."""
        key = (state.number, state.active)
        if key not in self._open_hours:
            self._open_hours[key] = self._decided(state)
        return self._open_hours[key]

    def _decided(self, state: ConditionState) -> Values:
        edges = state.staying if state.active else state.raising
        if not self._hours.size or (not state.active and not all(map(self._is_possible, edges))):
            return self._hours[:0]
        may = np.logical_and.reduce([self._of_hours[edge.quantity].may_hold(edge) for edge in edges])
        if not state.active and not may.any():
            return self._hours[:0]
        must = np.logical_and.reduce([self._of_hours[edge.quantity].must_hold(edge) for edge in edges])
        open_: Values = ~must if state.active else may
        undecided = np.flatnonzero(may & ~must)
        if undecided.size and all(edge.quantity in _EXACT for edge in edges):
            open_[undecided] = self._exactly(self._hours[undecided], state, edges)
        hours: Values = self._hours[open_]
        return hours

    def _is_possible(self, edge: Edge) -> bool:
        """Whether a term may hold at any hour: most never may, and need no closer look."""
        if edge.quantity not in self._extremes:
            bounds = self._of_hours[edge.quantity]
            self._extremes[edge.quantity] = float(bounds.low.min()), float(bounds.high.max())
        low, high = self._extremes[edge.quantity]
        return high > edge.limit if edge.above else low < edge.limit

    def _exactly(self, hours: Values, state: ConditionState, edges: tuple[Edge, ...]) -> Values:
        """In which of ``hours`` the terms do hold; or, of a condition that is there, do not all hold."""
        open_ = np.ones(hours.size, dtype=bool)
        known = np.flatnonzero(hours >= self._hours[0] + FLOW_WINDOW_HOURS - 1)
        if not known.size:
            return open_
        window = hours[known][:, None] + np.arange(1 - FLOW_WINDOW_HOURS, 1)
        needed, place = np.unique(window, return_inverse=True)
        sensors = 0
        for edge in edges:
            sensors |= edge.quantity.sensors
        means = self._sampler.hour_means(needed, np.zeros_like(needed), sensors)
        place = place.reshape(window.shape)
        holds = np.ones(known.size, dtype=bool)
        for edge in edges:
            values = self._exact_values(edge.quantity, means, place)
            holds &= values > edge.limit if edge.above else values < edge.limit
        open_[known] = ~holds if state.active else holds
        return open_

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

    def _bounds_of_hours(self) -> dict[Quantity, Bounds]:
        hours, legs, configuration = self._hours, self._legs, self._configuration
        end_ms = self._sampler.started_ms + hours * _HOUR_MS
        leg = np.maximum(legs.start_ms.searchsorted(end_ms) - 1, 0)
        early_leg = np.maximum(legs.start_ms.searchsorted(end_ms - _WINDOW_MS) - 1, 0)
        blurred = np.flatnonzero(early_leg != leg)
        temperature, reservoir, outlet, ambient, volume = (
            self._mean_bounds(sensor, end_ms, leg, early_leg, blurred) for sensor in range(len(self._truths))
        )
        flow = _weighted_bounds(_SLOPE_WEIGHTS, volume, 1)
        pressure_flow = self._pressure_flow_bounds(temperature, reservoir, outlet, ambient)
        gain_ms = int(np.abs(legs.crystal_ppb).max()) * _HOUR_MS // 10**9 + 2
        dead = [s.responds_between(self._start_ms, self._end_ms) for s in self._sampler.sensors.each]
        none = np.zeros(hours.size)
        above_nl = Bounds(volume.low - configuration.residual_nl, volume.high - configuration.residual_nl)
        fastest = np.where(flow.high < _UNKNOWN, flow.high, 0)  # unknown in the first hours: no flow is valid then
        reserve_nl = np.maximum(configuration.low_reservoir_nl, fastest * configuration.low_reservoir_hours / 24 + 1)
        return {
            Quantity.FLOW: flow,
            Quantity.UNEXPLAINED_FLOW: Bounds(flow.low - pressure_flow.high, flow.high - pressure_flow.low),
            Quantity.DRIVE_PRESSURE: self._drive_bounds(temperature, reservoir, volume),
            Quantity.HOURLY_VOLUME: volume,
            Quantity.HOURLY_OUTLET: outlet,
            Quantity.RESERVE: Bounds(above_nl.low - reserve_nl, above_nl.high - configuration.low_reservoir_nl),
            Quantity.BATTERY: Bounds(none + self._battery.low - 1, none + self._battery.high + 1),
            Quantity.ROUGHNESS: Bounds(none - 1, self._roughness(leg, early_leg, blurred)),
            Quantity.UNRESPONSIVE: Bounds(
                none + dead.count((False, False)), none + len(dead) - dead.count((True, True))
            ),
            Quantity.CLOCK_STEP: Bounds(none - gain_ms, none + gain_ms),
            Quantity.DAMAGE: Bounds(none, none),
        }

    def _mean_bounds(self, sensor: int, end_ms: Values, leg: Values, early_leg: Values, blurred: Values) -> Bounds:
        """Of the mean of the last 15 readings at each hour's end.

        On one leg the truth is a straight line: its mean is its value half-way. Where the 15 samples lie on two legs it
        is between the least and the most of them, or for a line with one kink quite near the middle; on more legs
        nothing is said.
        """
        legs = self._legs
        start, end = self._truths[sensor]
        middle_ms = end_ms - _WINDOW_MS // 2
        begin = start[leg]
        if start is end:
            low = high = begin
        else:
            slope = (end[leg] - begin) / (legs.end_ms[leg] - legs.start_ms[leg])
            low = high = begin + slope * (middle_ms - legs.start_ms[leg])
        if blurred.size:
            low, high = low.copy(), high.copy()
            low[blurred], high[blurred] = self._blurred(sensor, end_ms[blurred], leg[blurred], early_leg[blurred])
        low, high = self._read(sensor, low, high)
        return Bounds(low - 0.5, high + 0.5)

    def _blurred(self, sensor: int, end_ms: Values, leg: Values, early_leg: Values) -> tuple[Values, Values]:
        legs = self._legs
        start, end = self._truths[sensor]
        slope, early_slope = self._slope(sensor, leg), self._slope(sensor, early_leg)
        values = (
            start[early_leg] + early_slope * (end_ms - _WINDOW_MS - legs.start_ms[early_leg]),
            end[early_leg],
            start[leg],
            start[leg] + slope * (end_ms - legs.start_ms[leg]),
        )
        low, high = np.minimum.reduce(values), np.maximum.reduce(values)
        if sensor == len(self._truths) - 1:
            middle_ms = end_ms - _WINDOW_MS // 2
            late = start[leg] + slope * (middle_ms - legs.start_ms[leg])
            early = start[early_leg] + early_slope * (middle_ms - legs.start_ms[early_leg])
            middle = np.where(legs.start_ms[leg] < middle_ms, late, early)
            off = _KINK_MS * np.abs(slope - early_slope) + 1
            smooth = end[early_leg] == start[leg]
            low, high = np.where(smooth, middle - off, low), np.where(smooth, middle + off, high)
        many = leg > early_leg + 1
        return np.where(many, -_UNKNOWN, low), np.where(many, _UNKNOWN, high)

    def _slope(self, sensor: int, leg: Values) -> Values:
        start, end = self._truths[sensor]
        slope: Values = (end[leg] - start[leg]) / (self._legs.end_ms[leg] - self._legs.start_ms[leg])
        return slope

    def _pressure_flow_bounds(self, temperature: Bounds, reservoir: Bounds, outlet: Bounds, ambient: Bounds) -> Bounds:
        """Warmth thins the infusate: it makes more of a flow forwards, and more of one backwards."""
        flow_of = self._calibration.pressure_flow_nl_per_day
        cold, warm = _whole(temperature.low, False), _whole(temperature.high, True)
        least = Readings(
            cold, _whole(reservoir.low, False), _whole(outlet.high, True), _whole(ambient.high, True), 0, 0
        )
        most = Readings(warm, _whole(reservoir.high, True), _whole(outlet.low, False), _whole(ambient.low, False), 0, 0)
        low, high = flow_of(least), flow_of(most)
        if low.min() < 0:
            low = np.minimum(low, flow_of(least._replace(temperature_mc=warm)))
            high = np.maximum(high, flow_of(most._replace(temperature_mc=cold)))
        return _weighted_bounds(_FLOW_WEIGHTS, Bounds(low - 1.0, high + 1.0), 1)

    def _drive_bounds(self, temperature: Bounds, reservoir: Bounds, volume: Bounds) -> Bounds:
        """Warmer infusate should be at a higher pressure, a fuller bellows too: so the bounds cross."""
        low = Readings(_whole(temperature.high, True), _whole(reservoir.low, False), 0, 0, _whole(volume.high, True), 0)
        high = Readings(
            _whole(temperature.low, False), _whole(reservoir.high, True), 0, 0, _whole(volume.low, False), 0
        )
        deviation = self._calibration.drive_deviation_pa
        return Bounds(deviation(low) - 2, deviation(high) + 2)

    def _roughness(self, leg: Values, early_leg: Values, blurred: Values) -> Values:
        """The most that it can come to, in permille of what is allowed: half of it from a sound sensor's noise."""
        sensors = self._sampler.sensors.each
        extra = max(sensor.is_rough_by(self._start_ms, self._end_ms) for sensor in sensors[:_BATTERY])
        most = np.full(self._hours.size, 501 + 500 * extra)
        if not blurred.size:
            return most
        first, last = early_leg[blurred], leg[blurred]
        deepest = int((last - first).max())
        for sensor, (start, end) in enumerate(self._truths):
            bent = np.zeros(blurred.size)
            for step in range(deepest):
                here = np.minimum(first + step, last - 1)
                jump = np.abs(start[here + 1] - end[here])
                turn = SAMPLE_PERIOD_MS * np.abs(self._slope(sensor, here + 1) - self._slope(sensor, here))
                bent += np.where(first + step < last, 2 * jump + 2 * turn, 0)
            scale = _SCALE[sensor] * sensors[sensor].profile.gain * 1000 / self._calibration.allowed_roughness[sensor]
            most[blurred] = np.maximum(most[blurred], 501 + 500 * extra + 2 * bent * scale)  # 7 of 13 reach a median
        return most
        legs = self._legs
        for sensor, (start, end) in enumerate(self._truths):
            slope = (end - start) / (legs.end_ms - legs.start_ms)
            bends = np.zeros(start.size)
            bends[1:] = 2 * np.abs(start[1:] - end[:-1]) + 2 * SAMPLE_PERIOD_MS * np.abs(np.diff(slope))
            bent = np.cumsum(bends)
            scale = _SCALE[sensor] * sensors[sensor].profile.gain * 1000 / self._calibration.allowed_roughness[sensor]
            truly = (bent[leg[blurred]] - bent[early_leg[blurred]]) * scale
            most[blurred] = np.maximum(most[blurred], 501 + 500 * extra + truly)
        return most


_EXACT = {
    Quantity.FLOW,
    Quantity.UNEXPLAINED_FLOW,
    Quantity.DRIVE_PRESSURE,
    Quantity.HOURLY_VOLUME,
    Quantity.HOURLY_OUTLET,
    Quantity.BATTERY,
}
"""Quantities of an hour that are a function of readings only."""


def _weighted_bounds(weights: Values, of_hours: Bounds, slack: float) -> Bounds:
    """Of a weighted sum over six hours, at the last of them; unknown at the first five."""
    low, high = np.full(of_hours.low.size, -_UNKNOWN), np.full(of_hours.low.size, _UNKNOWN)
    if of_hours.low.size >= weights.size:
        middle = np.correlate((of_hours.low + of_hours.high) / 2, weights, "valid")
        half = np.correlate((of_hours.high - of_hours.low) / 2, np.abs(weights), "valid") + slack
        low[weights.size - 1 :], high[weights.size - 1 :] = middle - half, middle + half
    return Bounds(low, high)


def _whole(values: Values, upwards: bool) -> Values:
    return (np.ceil(values) if upwards else np.floor(values)).astype(np.int64)


def _running_max(values: Values, first: Values) -> Values:
    """For each place, the largest of the values from place ``first`` up to it."""
    worst = values.copy()
    reach = np.arange(values.size) - first
    for back in range(1, int(reach.max(initial=0)) + 1):
        place = np.flatnonzero(reach >= back)
        worst[place] = np.maximum(worst[place], values[place - back])
    return worst
