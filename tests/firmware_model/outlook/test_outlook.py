"""What is said beforehand of hours holds: readings and estimates lie between their bounds."""

import itertools

import numpy as np
import pytest

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarm_state import AlarmState
from firmware_model.firmware.alarms import Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import (
    FLOW_WINDOW_HOURS,
    Calibration,
    flow_nl_per_day,
    pressure_flow_over_window,
)
from firmware_model.firmware.windows import Windows
from firmware_model.outlook import hour_bounds
from firmware_model.outlook.hour_bounds import bounds_of_hours
from firmware_model.outlook.hour_outlook import HourOutlook
from firmware_model.outlook.marks import ExactMarks
from firmware_model.outlook.sample_outlook import SampleOutlook
from firmware_model.pump import Pump
from tests.bench.ambulatory import DAY_MS, PROFILE, ambulatory_course, ambulatory_pump, run_days

_DAYS = 30
_NOISY_DAYS = 2


def test_hours_lie_between_their_bounds() -> None:
    """Through a month with a refill, at every hour: volume, outlet, drive pressure, flow and what explains it."""
    pump = ambulatory_pump(ambulatory_course(_DAYS, seed=3), seed=5)
    run_days(pump, _DAYS)
    legs, sampler, calibration = pump.plant.legs(_DAYS * DAY_MS), pump._sampler, Calibration(PROFILE)
    laws = np.array([sensor.law(0, _DAYS * DAY_MS) for sensor in sampler.sensors.each[:5]])
    laws[:, 0] *= (1000, 1000, 1000, 1000, 1)
    hours = np.arange(1, _DAYS * 24 + 1)
    bounds, extremes = bounds_of_hours(1, hours.size, 0, legs, laws, calibration.tables, (0, 0, 0), 0.0, np.zeros(5))
    means = sampler.hour_means(hours, np.zeros_like(hours))
    windows = np.arange(hours.size)[:, None] + np.arange(1 - FLOW_WINDOW_HOURS, 1)
    windows = windows[FLOW_WINDOW_HOURS - 1 :]
    flow = flow_nl_per_day(list(means.bellows_nl[windows.T]))
    explained = pressure_flow_over_window(list(calibration.pressure_flow_nl_per_day(means)[windows.T]))
    for row, values in (
        (hour_bounds.VOLUME, means.bellows_nl),
        (hour_bounds.OUTLET, means.outlet_pa),
        (hour_bounds.DRIVE_PRESSURE, calibration.drive_deviation_pa(means)),
        (hour_bounds.FLOW, flow),
        (hour_bounds.UNEXPLAINED_FLOW, flow - explained),
    ):
        low, high = bounds[row][:, -values.size :]
        assert (low <= values).all()
        assert (values <= high).all()
        assert extremes[row].tolist() == [low.min(), high.max()]


def _troubled_pump() -> Pump:
    """Noisy at first; later its catheter leaks, and then is narrow."""
    pump = ambulatory_pump(ambulatory_course(_NOISY_DAYS, seed=3), seed=5)
    for at_h, fault, value in (
        (0, "outlet-pressure-sensor-noise", 5.0),
        (0, "bellows-sensor-noise", 0.3),
        (12, "catheter-leak", 80.0),
        (30, "catheter-leak", 0.0),
        (31, "catheter-occlusion", 40.0),
        (40, "temperature-sensor-bias", 6.0),
    ):
        pump.inject(at_h * 3_600_000, fault, value)
    run_days(pump, _NOISY_DAYS)
    return pump


def _seen(pump: Pump) -> dict[Quantity, dict[int, int]]:
    """What windows make of each reading in turn: of every quantity, by the number of the sample."""
    seen: dict[Quantity, dict[int, int]] = {quantity: {} for quantity in Quantity}
    windows, readings = Windows(Calibration(PROFILE)), pump._sampler.read_many(np.arange(_NOISY_DAYS * 1440))
    for sample, each in enumerate(map(Readings._make, np.array(readings).T.tolist())):
        quantities = windows.sample_quantities(windows.add(sample, each))
        if sample and sample % 60 == 0:
            windows.hours.append(windows.mean())
            quantities |= windows.hour_quantities(windows.mean())
            if Quantity.FLOW in quantities:
                used_nl = max(4_000_000, quantities[Quantity.FLOW] * 96 // 24)
                quantities[Quantity.RESERVE] = quantities[Quantity.HOURLY_VOLUME] - 2_000_000 - used_nl
        for quantity, value in quantities.items():
            if sample + 1 >= quantity.reach:
                seen[quantity][sample] = value
    assert sum(map(bool, seen.values())) == len(Quantity) - 3  # a sensor's stimulus, the clock and the memory are left
    return seen


def test_what_is_worked_out_of_many_renewals_is_what_windows_see() -> None:
    """Every quantity of readings, exactly, over two days of a pump with noise and faults."""
    pump = _troubled_pump()
    configuration, calibration = Configuration.of(PROFILE), Calibration(PROFILE)
    marks = ExactMarks(pump._sampler, calibration, configuration, may_be_out_of_range=0, awake_since=0)
    for quantity, seen in _seen(pump).items():
        if seen and quantity is not Quantity.AT_END_OF_RANGE:
            worked_out = marks._of_hours if quantity.rhythm is Rhythm.HOUR else marks._of_samples
            (values,) = worked_out(np.array(list(seen)), [quantity], quantity.sensors)
            assert values.tolist() == list(seen.values()), quantity


@pytest.mark.parametrize(("first", "last"), [(1, 2879), (361, 1500), (2000, 2500)])
def test_bounds_leave_open_whatever_happens(first: int, last: int) -> None:
    """Every quantity lies in its range; where a condition is there, or is over, its samples are open."""
    pump, configuration, calibration = _troubled_pump(), Configuration.of(PROFILE), Calibration(PROFILE)
    legs = pump.plant.legs(_NOISY_DAYS * DAY_MS)
    samples = SampleOutlook(legs, pump._sampler, calibration, first=first, last=last)
    hours = HourOutlook(legs, samples, pump._sampler, calibration, configuration, first=first, last=last)
    seen = {
        quantity: {sample: value for sample, value in values.items() if first <= sample <= last}
        for quantity, values in _seen(pump).items()
    }
    for quantity, values in seen.items():
        if values:
            range_ = hours.ranges[quantity.number]
            assert range_.low <= min(values.values()) <= max(values.values()) <= range_.high, quantity
    for state, active in itertools.product(AlarmState(configuration).by_number.values(), (False, True)):
        state.active = active
        spans = (hours if state.rhythm is Rhythm.HOUR else samples).open(state)
        for sample in set.intersection(*({*seen[quantity]} for quantity in state.quantities)):
            holds = all(
                edge.holds(seen[edge.quantity][sample]) for edge in (state.staying if active else state.raising)
            )
            if holds != active:
                assert ((spans[0] <= sample) & (sample <= spans[1])).any(), (state.condition.name, active, sample)
