"""What is said beforehand of hours holds: readings and estimates lie between their bounds."""

import numpy as np

from firmware_model import hour_bounds
from firmware_model.estimation import FLOW_WINDOW_HOURS, Calibration, flow_nl_per_day, pressure_flow_over_window
from firmware_model.hour_bounds import bounds_of_hours
from tests.bench.ambulatory import DAY_MS, PROFILE, ambulatory_course, ambulatory_pump, run_days

_DAYS = 30


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
