"""What conditions of every hour see of the hours' means: exactly, for many hours at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.firmware.alarms import Quantity
from firmware_model.firmware.estimation import (
    FLOW_WINDOW_HOURS,
    CalibrationTables,
    drive_deviation_pa,
    explained_over_window,
    pressure_flow_nl_per_day,
    slope_nl_per_day,
)
from protocols.compiled import compiled

__all__ = ["HOURLY", "hourly_quantities"]

Times = NDArray[np.int64]

HOURLY = (
    Quantity.HOURLY_VOLUME,
    Quantity.HOURLY_OUTLET,
    Quantity.BATTERY,
    Quantity.DRIVE_PRESSURE,
    Quantity.FLOW,
    Quantity.UNEXPLAINED_FLOW,
    Quantity.RESERVE,
)
"""The rows of ``hourly_quantities``; the last three look back over a flow's window."""


@compiled
def hourly_quantities(
    means: Times, place: Times, spans_flow: bool, tables: CalibrationTables, label: tuple[int, int, int]
) -> Any:
    """Quantities, shape (rows, hours), of the hours at ``place`` in means of the shape (sensors, hours).

    ``label`` is residual volume, reserve in nL and reserve in hours. Without ``spans_flow`` no flow is worked out; what
    comes from sensors that were not read says nothing.
    """
    temperature_mc, reservoir_pa, outlet_pa, ambient_pa, bellows_nl, battery_mv = (
        means[0],
        means[1],
        means[2],
        means[3],
        means[4],
        means[5],
    )
    residual_nl, low_nl, low_hours = label
    found = np.zeros((7, place.size), np.int64)
    explained = pressure_flow_nl_per_day(tables, temperature_mc, reservoir_pa, outlet_pa, ambient_pa)
    for hour in range(place.size):
        now = place[hour]
        found[0, hour], found[1, hour], found[2, hour] = bellows_nl[now], outlet_pa[now], battery_mv[now]
        found[3, hour] = drive_deviation_pa(tables, temperature_mc[now], reservoir_pa[now], bellows_nl[now])
        if spans_flow:
            since = now - FLOW_WINDOW_HOURS + 1
            flow = slope_nl_per_day(bellows_nl[since : now + 1])
            found[4, hour], found[5, hour] = flow, flow - explained_over_window(explained[since : now + 1])
            found[6, hour] = bellows_nl[now] - residual_nl - max(low_nl, flow * low_hours // 24)
    return found
