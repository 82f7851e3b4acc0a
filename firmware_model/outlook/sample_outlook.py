"""What the conditions of every sample can come to, leg by leg."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.sampler import Sampler
from firmware_model.firmware.alarm_state import ConditionState
from firmware_model.firmware.alarms import Quantity
from firmware_model.firmware.estimation import FLOW_WINDOW_HOURS, MEAN_SAMPLES, Calibration
from firmware_model.firmware.firmware import SAMPLE_PERIOD_MS
from firmware_model.outlook.hour_bounds import HOUR_MS, WINDOW_MS
from firmware_model.outlook.leg_bounds import further_apart_than, spans_on
from firmware_model.outlook.open_samples import Spans
from firmware_model.outlook.value_range import Range
from firmware_model.physics.truth import TruthLegs

__all__ = ["BATTERY", "REACH_MS", "SCALE", "SampleOutlook"]

Values = NDArray[Any]

REACH_MS = FLOW_WINDOW_HOURS * HOUR_MS + WINDOW_MS
"""So far back do the windows reach."""
SCALE = (1000, 1000, 1000, 1000, 1)
"""Units of the truth in those of the readings: C, kPa, kPa, kPa, nL."""
BATTERY = 5
_SENSOR = {
    Quantity.TEMPERATURE: 0,
    Quantity.OUTLET: 2,
    Quantity.AMBIENT: 3,
    Quantity.VOLUME: 4,
    Quantity.VOLUME_STEP: 4,
    Quantity.OUTLET_PULSE: 2,
}
"""Whose readings, at one time or at several, a quantity is."""


class SampleOutlook:
    """Bounds of readings, from the truth of ``legs`` and what the sensors can make of it."""

    def __init__(self, legs: TruthLegs, sampler: Sampler, calibration: Calibration, *, first: int, last: int) -> None:
        """Look from sample ``first`` to sample ``last``; the ``legs`` begin where the windows reach back to."""
        self._legs = legs
        self._sampler = sampler
        self._end_ranges = calibration.ranges
        self.start_ms, self.end_ms = sampler.time_ms(first) - REACH_MS, sampler.time_ms(last)
        self._truths = (
            (legs.temperature_c, legs.temperature_c),
            (legs.reservoir_start_kpa, legs.reservoir_end_kpa),
            (legs.outlet_start_kpa, legs.outlet_end_kpa),
            (legs.ambient_kpa, legs.ambient_kpa),
            (legs.start_nl, legs.end_nl),
        )
        self.laws = [sensor.law(self.start_ms, self.end_ms) for sensor in sampler.sensors.each]
        """Bounds of each sensor's readings, from the truth."""
        self.readings = [*self._reading_ranges(), self._battery_range(first, last)]
        """Of each sensor, over all of the stretch."""
        self.ranges = self._ranges()
        """Of every quantity of samples over all of the stretch, by its number."""
        self._apart_by: dict[tuple[Quantity, int], Spans] = {}

    def _reading_ranges(self) -> list[Range]:
        """Of each sensor's readings, over all of the stretch."""
        ranges = []
        for sensor, (start, end) in enumerate(self._truths):
            low, high = float(start.min()), float(start.max())
            if start is not end:
                low, high = min(low, float(end.min())), max(high, float(end.max()))
            ranges.append(Range(*self.laws[sensor].extremes(low * SCALE[sensor], high * SCALE[sensor])))
        return ranges

    def _ranges(self) -> list[Range]:
        temperature, _, outlet, ambient, volume, _ = self.readings
        step_nl, pulse_pa = volume.high - volume.low, outlet.high - outlet.low
        at_end = [
            (range_.high <= lower or range_.low >= upper, range_.low <= lower or range_.high >= upper)
            for range_, (lower, upper) in zip(self.readings, self._end_ranges, strict=True)
        ]
        self.out_of_range = sum(must << sensor for sensor, (must, _) in enumerate(at_end))
        """Sensors, one bit each, whose readings are all at an end of their range."""
        self.may_be_out_of_range = sum(may << sensor for sensor, (_, may) in enumerate(at_end))
        """And those of which some may be."""
        return [
            temperature,
            outlet,
            ambient,
            volume.widened(),
            Range(-step_nl, step_nl),
            Range(-pulse_pa, pulse_pa),
            Range(sum(must for must, _ in at_end), sum(may for _, may in at_end)),
        ]

    def _readings_on_legs(self, sensor: int) -> Range:
        """Of one sensor's readings, on each leg."""
        (start, end), scale = self._truths[sensor], SCALE[sensor]
        law = self.laws[sensor]
        return Range(*law.bounds(np.minimum(start, end) * scale, np.maximum(start, end) * scale))

    def _battery_range(self, first: int, last: int) -> Range:
        """Of all of the stretch, and of the samples whose mean its first hour takes."""
        sampler = self._sampler
        begin, end = ((sampler.time_ms(at), sampler.first + at) for at in (max(0, first - MEAN_SAMPLES), last))
        return Range(*self.laws[BATTERY].extremes(*sampler.battery.extremes_mv(begin, end)))

    def open(self, state: ConditionState) -> Spans:
        """Samples in which the terms of a condition may hold; or, if it is active, may not."""
        quantity = state.quantities[0]
        if quantity in {Quantity.VOLUME_STEP, Quantity.OUTLET_PULSE}:
            return self._apart(state, quantity)
        if quantity is Quantity.AT_END_OF_RANGE:
            bounds = self._ends_of_range()
        else:
            bounds = self._readings_on_legs(_SENSOR[quantity]).widened()
        open_ = ~bounds.must_hold(state.staying[0]) if state.active else bounds.may_hold(state.raising[0])
        return self._samples_on(open_, quantity.reach - 1)

    def _ends_of_range(self) -> Range:
        """How many sensors must, and can, be at an end of their range, on each leg."""
        low = np.zeros(self._legs.start_ms.size, dtype=np.int64)
        high = low.copy()
        for sensor, (lower, upper) in enumerate(self._end_ranges):
            bounds = self.readings[sensor]
            if bounds.low <= lower or bounds.high >= upper:
                if sensor != BATTERY:
                    bounds = self._readings_on_legs(sensor)
                low += (bounds.high <= lower) | (bounds.low >= upper)
                high += (bounds.low <= lower) | (bounds.high >= upper)
        return Range(low, high)

    def _apart(self, state: ConditionState, quantity: Quantity) -> Spans:
        """Samples at which one sensor's readings can be so far apart: the truth jumped lately, or runs fast."""
        if state.active:
            return self._samples_on(np.ones(self._legs.start_ms.size, dtype=bool), 0)
        key = (quantity, abs(state.raising[0].limit))
        if key not in self._apart_by:
            self._apart_by[key] = self._further_apart_than(*key)
        return self._apart_by[key]

    def _further_apart_than(self, quantity: Quantity, limit: int) -> Spans:
        sensor, legs = _SENSOR[quantity], self._legs
        span_ms = (quantity.reach - 1) * SAMPLE_PERIOD_MS
        return further_apart_than(
            float(limit),
            span_ms,
            self.laws[sensor].gain * SCALE[sensor],
            self._sampler.sensors.each[sensor].slack(self.start_ms, self.end_ms, span_ms),
            self._sampler.started_ms,
            legs.start_ms,
            legs.end_ms,
            *self._truths[sensor],
        )

    def _samples_on(self, open_: Values, tail: int) -> Spans:
        """Samples on open legs, and ``tail`` more for as long as the windows reach back to one of them."""
        return spans_on(open_, tail, self._sampler.started_ms, self._legs.start_ms, self._legs.end_ms)
