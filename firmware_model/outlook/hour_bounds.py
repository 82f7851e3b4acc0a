"""Bounds of what the conditions of every hour look at, for many hours at once.

At each hour the mean of the last samples lies between two bounds, since the truth is known leg by leg and noise is
bounded; and so does whatever the firmware makes of these means.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.firmware.estimation import (
    FLOW_WINDOW_HOURS,
    MEAN_SAMPLES,
    CalibrationTables,
    drive_deviation_pa,
    pressure_flow_nl_per_day,
)
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS
from firmware_model.physics.truth import TruthLegs
from protocols.compiled import compiled

__all__ = [
    "DRIVE_PRESSURE",
    "FLOW",
    "HOUR_MS",
    "OUTLET",
    "RESERVE",
    "ROUGHNESS",
    "UNEXPLAINED_FLOW",
    "VOLUME",
    "WINDOW_MS",
    "bounds_of_hours",
]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

HOUR_MS = HOUR_SAMPLES * SAMPLE_PERIOD_MS
WINDOW_MS = (MEAN_SAMPLES - 1) * SAMPLE_PERIOD_MS
"""From the first to the last of the samples that a mean is taken of."""
FLOW, UNEXPLAINED_FLOW, DRIVE_PRESSURE, VOLUME, OUTLET, RESERVE, ROUGHNESS = range(7)
"""Rows of ``bounds_of_hours``."""

_T, _R, _O, _A, _V = range(5)
_EARLIER = FLOW_WINDOW_HOURS - 1
_KINK_MS = 28 / 15 * SAMPLE_PERIOD_MS
"""A kink amid the window moves the mean of its 15 samples by its change of slope times no more than this."""
_SOUND_ROUGHNESS = 501.0
"""The most that a sound sensor's noise comes to, in permille of what is allowed."""


class _Places(NamedTuple):
    """For each hour its end, the leg of its last sample, and that of the first sample of its mean; shape (hours,)."""

    end_ms: Times
    leg: Times
    early: Times


@compiled
def bounds_of_hours(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    first_hour: int,
    count: int,
    started_ms: int,
    legs: TruthLegs,
    laws: Values,
    tables: CalibrationTables,
    label: tuple[int, int, int],
    rough_by: float,
    roughness_scales: Values,
) -> tuple[Values, Values]:
    """Bounds at ``count`` hours from ``first_hour`` on, shape (rows, 2, hours); and least and most, shape (rows, 2).

    The flows are unknown at the first five hours, which least and most of them leave out. ``laws`` are those of the
    five sensors of the flow path, from the units of the truth; ``label`` are residual volume, reserve in nL and reserve
    in hours. A fault makes readings rougher by ``rough_by`` times their noise, at most; ``roughness_scales`` make
    permille of the truth's bends.
    """
    starts, ends = legs.start_ms, legs.end_ms
    places = _places(first_hour, count, started_ms, starts)
    bounds = np.empty((7, 2, count))
    temperature, reservoir, ambient, explained = (
        np.empty((2, count)),
        np.empty((2, count)),
        np.empty((2, count)),
        np.empty((2, count)),
    )
    volume, outlet = bounds[VOLUME], bounds[OUTLET]
    _mean_truth(starts, ends, legs.temperature_c, legs.temperature_c, places, temperature)
    _mean_truth(starts, ends, legs.reservoir_start_kpa, legs.reservoir_end_kpa, places, reservoir)
    _mean_truth(starts, ends, legs.outlet_start_kpa, legs.outlet_end_kpa, places, outlet)
    _mean_truth(starts, ends, legs.ambient_kpa, legs.ambient_kpa, places, ambient)
    _mean_truth(starts, ends, legs.start_nl, legs.end_nl, places, volume)
    _sharpen(starts, ends, legs.start_nl, legs.end_nl, places, volume)
    _read(laws[_T], temperature)
    _read(laws[_R], reservoir)
    _read(laws[_O], outlet)
    _read(laws[_A], ambient)
    _read(laws[_V], volume)
    _pressures(tables, temperature, reservoir, outlet, ambient, volume, explained, bounds[DRIVE_PRESSURE])
    _flows(volume, explained, bounds[FLOW], bounds[UNEXPLAINED_FLOW])
    _reserve(label, volume, bounds[FLOW], bounds[RESERVE])
    rough, least = bounds[ROUGHNESS], _SOUND_ROUGHNESS + 500 * rough_by
    rough[0], rough[1] = -1.0, least
    _bend(starts, ends, legs.temperature_c, legs.temperature_c, places, roughness_scales[_T], least, rough)
    _bend(starts, ends, legs.reservoir_start_kpa, legs.reservoir_end_kpa, places, roughness_scales[_R], least, rough)
    _bend(starts, ends, legs.outlet_start_kpa, legs.outlet_end_kpa, places, roughness_scales[_O], least, rough)
    _bend(starts, ends, legs.ambient_kpa, legs.ambient_kpa, places, roughness_scales[_A], least, rough)
    _bend(starts, ends, legs.start_nl, legs.end_nl, places, roughness_scales[_V], least, rough)
    return bounds, _extremes(bounds)


@compiled
def _places(first_hour: int, count: int, started_ms: int, start_ms: Times) -> _Places:
    end_ms, leg, early = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    last = first = 0
    for hour in range(count):
        now_ms = started_ms + (first_hour + hour) * HOUR_MS
        while last + 1 < start_ms.size and start_ms[last + 1] < now_ms:
            last += 1
        while first < last and start_ms[first + 1] < now_ms - WINDOW_MS:
            first += 1
        end_ms[hour], leg[hour], early[hour] = now_ms, last, first
    return _Places(end_ms, leg, early)


@compiled
def _mean_truth(  # noqa: PLR0917
    start_ms: Times, end_ms: Times, start: Values, end: Values, places: _Places, found: Values
) -> None:
    """Least and most that the truth's mean over the samples of an hour can be, written to ``found``.

    On one leg the truth is a straight line: its mean is its value half-way. On more it is between the least and the
    most of them.
    """
    ends, legs, early_legs = places
    for hour in range(ends.size):
        leg, early, now_ms = legs[hour], early_legs[hour], ends[hour]
        begin = start[leg]
        slope = (end[leg] - begin) / (end_ms[leg] - start_ms[leg])
        if early == leg:
            found[0, hour] = found[1, hour] = begin + slope * (now_ms - WINDOW_MS // 2 - start_ms[leg])
            continue
        last = begin + slope * (now_ms - start_ms[leg])
        low, high = min(begin, last), max(begin, last)
        for each in range(early, leg):
            first = start[each]
            if each == early:
                first += (end[each] - first) * ((now_ms - WINDOW_MS - start_ms[each]) / (end_ms[each] - start_ms[each]))
            low, high = min(low, first, end[each]), max(high, first, end[each])
        found[0, hour], found[1, hour] = low, high


@compiled
def _sharpen(  # noqa: PLR0917
    start_ms: Times, end_ms: Times, start: Values, end: Values, places: _Places, found: Values
) -> None:
    """The same for a truth that goes on where a leg ends: on two legs it is a line with one kink.

    Its mean is quite near its value half-way.
    """
    ends, legs, early_legs = places
    for hour in range(ends.size):
        leg, early = legs[hour], early_legs[hour]
        if leg != early + 1 or end[early] != start[leg]:
            continue
        slope = (end[leg] - start[leg]) / (end_ms[leg] - start_ms[leg])
        early_slope = (end[early] - start[early]) / (end_ms[early] - start_ms[early])
        after_ms = ends[hour] - WINDOW_MS // 2 - start_ms[leg]
        middle = start[leg] + (slope if after_ms > 0 else early_slope) * after_ms
        off = _KINK_MS * abs(slope - early_slope) + 1
        found[0, hour], found[1, hour] = middle - off, middle + off


@compiled
def _read(law: Values, found: Values) -> None:
    """From the truth's mean to that of whole readings."""
    gain, below, above, held_low, held_high, lower, upper = law[0], law[1], law[2], law[3], law[4], law[5], law[6]
    for hour in range(found.shape[1]):
        found[0, hour] = min(max(min(found[0, hour] * gain + below, held_low), lower), upper) - 0.5
        found[1, hour] = min(max(found[1, hour] * gain + above, held_high, lower), upper) + 0.5


@compiled
def _pressures(  # noqa: PLR0917
    tables: CalibrationTables,
    temperature: Values,
    reservoir: Values,
    outlet: Values,
    ambient: Values,
    volume: Values,
    flow: Values,
    drive: Values,
) -> None:
    """The flow that the pressures explain, and the drive pressure's deviation.

    Warmth thins the infusate: it makes more of a flow forwards, and more of one backwards. Warmer infusate should be at
    a higher pressure, a fuller bellows too: so the bounds cross.
    """
    for hour in range(flow.shape[1]):
        cold, warm = math.floor(temperature[0, hour]), math.ceil(temperature[1, hour])
        low, high = math.floor(reservoir[0, hour]), math.ceil(reservoir[1, hour])
        outlet_low, outlet_high = math.floor(outlet[0, hour]), math.ceil(outlet[1, hour])
        ambient_low, ambient_high = math.floor(ambient[0, hour]), math.ceil(ambient[1, hour])
        least = pressure_flow_nl_per_day(tables, cold, low, outlet_high, ambient_high)
        most = pressure_flow_nl_per_day(tables, warm, high, outlet_low, ambient_low)
        if least < 0:
            least = min(least, pressure_flow_nl_per_day(tables, warm, low, outlet_high, ambient_high))
            most = max(most, pressure_flow_nl_per_day(tables, cold, high, outlet_low, ambient_low))
        flow[0, hour], flow[1, hour] = least - 1.0, most + 1.0
        drive[0, hour] = drive_deviation_pa(tables, warm, low, math.ceil(volume[1, hour])) - 2.0
        drive[1, hour] = drive_deviation_pa(tables, cold, high, math.floor(volume[0, hour])) + 2.0


@compiled
def _flows(volume: Values, explained: Values, flow: Values, unexplained: Values) -> None:
    """Over six hours, at the last of them: the slope of the volume, and what of it the pressures do not explain."""
    low, high = volume[0], volume[1]
    for hour in range(volume.shape[1]):
        if hour < _EARLIER:
            flow[0, hour] = unexplained[0, hour] = -np.inf
            flow[1, hour] = unexplained[1, hour] = np.inf
            continue
        at = hour - _EARLIER
        falls_low = 5 * low[at] + 3 * low[at + 1] + low[at + 2] - high[at + 3] - 3 * high[at + 4] - 5 * high[at + 5]
        falls_high = 5 * high[at] + 3 * high[at + 1] + high[at + 2] - low[at + 3] - 3 * low[at + 4] - 5 * low[at + 5]
        flow[0, hour], flow[1, hour] = falls_low * 24 / 35 - 1, falls_high * 24 / 35 + 1
        unexplained[0, hour] = flow[0, hour] - _weighted(explained[1], at) - 1
        unexplained[1, hour] = flow[1, hour] - _weighted(explained[0], at) + 1


@compiled
def _weighted(flow: Values, at: int) -> float:
    """Mean of six flows, weighted as the slope of the volume weights them."""
    inner = 13 * (flow[at + 1] + flow[at + 4]) + 17 * (flow[at + 2] + flow[at + 3])
    mean: float = (5 * (flow[at] + flow[at + 5]) + inner) / 70
    return mean


@compiled
def _reserve(label: tuple[int, int, int], volume: Values, flow: Values, found: Values) -> None:
    residual_nl, reserve_nl, reserve_hours = label
    for hour in range(volume.shape[1]):
        fastest = flow[1, hour] if hour >= _EARLIER else 0.0  # in the first hours no flow is valid
        most_nl = max(float(reserve_nl), fastest * reserve_hours / 24 + 1)
        found[0, hour] = volume[0, hour] - residual_nl - most_nl
        found[1, hour] = volume[1, hour] - residual_nl - reserve_nl


@compiled
def _bend(  # noqa: PLR0917
    start_ms: Times,
    end_ms: Times,
    start: Values,
    end: Values,
    places: _Places,
    scale: float,
    least: float,
    found: Values,
) -> None:
    """Raise the most that roughness can be, in permille of what is allowed, by what jumps and kinks of a truth make.

    Each counts twice, for the samples that see it; and 7 second differences of 13 reach the median.
    """
    ends, legs, early_legs = places
    for hour in range(ends.size):
        leg, early = legs[hour], early_legs[hour]
        if early == leg:
            continue
        bent = 0.0
        slope = (end[early] - start[early]) / (end_ms[early] - start_ms[early])
        for each in range(early + 1, leg + 1):
            before, slope = slope, (end[each] - start[each]) / (end_ms[each] - start_ms[each])
            bent += 2 * abs(start[each] - end[each - 1]) + 2 * SAMPLE_PERIOD_MS * abs(slope - before)
        found[1, hour] = max(found[1, hour], least + 2 * bent * scale)


@compiled
def _extremes(bounds: Values) -> Values:
    """Least and most of every row."""
    extremes = np.empty((bounds.shape[0], 2))
    for row in range(bounds.shape[0]):
        low, high = np.inf, -np.inf
        for hour in range(_EARLIER if row <= UNEXPLAINED_FLOW else 0, bounds.shape[2]):
            low, high = min(low, bounds[row, 0, hour]), max(high, bounds[row, 1, hour])
        extremes[row, 0], extremes[row, 1] = low, high
    return extremes
