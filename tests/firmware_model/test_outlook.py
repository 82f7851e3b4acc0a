"""What is said beforehand of hours holds: readings and estimates lie between their bounds."""

import numpy as np

from firmware_model import hour_bounds
from firmware_model.alarms import Quantity, Rhythm
from firmware_model.configuration import Configuration
from firmware_model.estimation import FLOW_WINDOW_HOURS, Calibration, flow_nl_per_day, pressure_flow_over_window
from firmware_model.hour_bounds import bounds_of_hours
from firmware_model.marks import ExactMarks
from firmware_model.sensors import Readings
from firmware_model.windows import Windows
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


def test_what_is_worked_out_of_many_renewals_is_what_windows_see() -> None:
    """Every quantity of readings, exactly, over two days of a pump whose outlet and bellows sensors are noisy."""
    pump = ambulatory_pump(ambulatory_course(_NOISY_DAYS, seed=3), seed=5)
    for fault, value in (("outlet-pressure-sensor-noise", 5.0), ("bellows-sensor-noise", 0.3)):
        pump.inject(0, fault, value)
    run_days(pump, _NOISY_DAYS)
    configuration, calibration = Configuration.of(PROFILE), Calibration(PROFILE)
    marks = ExactMarks(pump._sampler, calibration, configuration, may_be_out_of_range=0, awake_since=0)
    seen: dict[Quantity, dict[int, int]] = {quantity: {} for quantity in Quantity}
    windows, readings = Windows(calibration), pump._sampler.read_many(np.arange(_NOISY_DAYS * 1440))
    for sample, each in enumerate(map(Readings._make, np.array(readings).T.tolist())):
        quantities = windows.sample_quantities(windows.add(sample, each))
        if sample and sample % 60 == 0:
            windows.hours.append(windows.mean())
            quantities |= windows.hour_quantities(windows.mean())
            if Quantity.FLOW in quantities:
                used_nl = max(4_000_000, quantities[Quantity.FLOW] * 96 // 24)
                quantities[Quantity.RESERVE] = quantities[Quantity.HOURLY_VOLUME] - 2_000_000 - used_nl
        for quantity, value in quantities.items():
            seen[quantity][sample] = value
    for quantity in Quantity:
        whole = {sample: value for sample, value in seen[quantity].items() if sample + 1 >= quantity.reach}
        if whole and quantity is not Quantity.AT_END_OF_RANGE:
            worked_out = marks._of_hours if quantity.rhythm is Rhythm.HOUR else marks._of_samples
            (values,) = worked_out(np.array(list(whole)), [quantity], quantity.sensors)
            assert values.tolist() == list(whole.values()), quantity
    assert sum(map(bool, seen.values())) == len(Quantity) - 3  # a sensor's stimulus, the clock and the memory are left
