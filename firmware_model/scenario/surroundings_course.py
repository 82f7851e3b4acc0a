"""A scenario's surroundings as a course: hour by hour, and step by step where something changes quickly."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_model.electronics.noise import noise_shares
from firmware_model.physics.course import Course
from firmware_model.scenario.episode import Episode, SurroundingsTable
from firmware_model.scenario.scenario import Scenario

__all__ = ["surroundings_course"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_STEPS, _MOST_STEPS = 12, 60
"""Of a ramp; its steps are its values half-way through them."""
_WEATHER, _OUTLET = 101, 102
"""Streams of noise, far from those of the sensors."""


def surroundings_course(scenario: Scenario, seed: int, first_h: int, last_h: int) -> Course:
    """The surroundings from hour ``first_h`` to hour ``last_h`` of a scenario.

    Every piece is a function of seed and time, so that any part of a course is the same as in the whole.
    """
    hours = np.arange(first_h, last_h, dtype=np.int64) * _HOUR_MS
    breaks = _breaks_ms(scenario, first_h * _HOUR_MS, last_h * _HOUR_MS)
    start_ms = _rising(np.concatenate([hours, breaks])) if breaks.size else hours
    end_ms = np.concatenate([start_ms[1:], [last_h * _HOUR_MS]])
    middle_ms = (start_ms + end_ms) // 2
    table = scenario.surroundings
    hour = middle_ms // _HOUR_MS
    temperature_c = _circadian(table)[hour % 24]
    ambient_kpa = table.mean_ambient_kpa + table.weather_amplitude_kpa * _weather(seed, middle_ms / _DAY_MS)
    outlet_kpa = table.outlet_kpa + table.outlet_noise_kpa * noise_shares(seed, _OUTLET, hour)
    _act(temperature_c, middle_ms, (*scenario.fever, *scenario.heating_pad), table.temperature_c)
    _act(ambient_kpa, middle_ms, (*scenario.flight, *scenario.altitude, *scenario.dive), table.mean_ambient_kpa)
    _act(outlet_kpa, middle_ms, scenario.outlet, table.outlet_kpa)
    return Course(start_ms, temperature_c, ambient_kpa, outlet_kpa)


def _act(values: Values, middle_ms: Times, episodes: Sequence[Episode], usual: float) -> None:
    """Let ``episodes`` move ``values``, which are usually ``usual``, in place."""
    for episode in episodes:
        values += _share(episode, middle_ms) * episode.shift(usual)


def _circadian(table: SurroundingsTable) -> Values:
    """Temperature in the middle of each of the 24 hours of a day, in degrees Celsius."""
    turns = ((hour + 0.5 - table.circadian_peak_h) / 24 for hour in range(24))
    swing = [math.cos(2 * math.pi * turn) for turn in turns]
    return table.temperature_c + table.circadian_amplitude_c * np.array(swing)


def _weather(seed: int, day: Values) -> Values:
    """From -1 to 1: straight lines from one day's noise to the next one's."""
    whole = np.floor(day).astype(np.int64)
    first = int(whole[0])
    daily = noise_shares(seed, _WEATHER, np.arange(first, int(whole[-1]) + 2))
    today: Values = daily[whole - first]
    return today + (daily[whole - first + 1] - today) * (day - whole)


def _episodes(scenario: Scenario) -> tuple[Episode, ...]:
    return (
        *scenario.fever,
        *scenario.heating_pad,
        *scenario.flight,
        *scenario.altitude,
        *scenario.dive,
        *scenario.outlet,
    )


def _breaks_ms(scenario: Scenario, start_ms: int, end_ms: int) -> Times:
    """Times inside the window at which an episode begins, ends, or takes a step of its ramp."""
    times = {
        time
        for episode in _episodes(scenario)
        for base in (episode.at, episode.end - episode.ramp)
        for steps in (_steps(episode),)
        for time in (base + episode.ramp * step // steps for step in range(steps + 1))
        if start_ms < time < end_ms
    }
    return np.array(sorted(times), dtype=np.int64)


def _steps(episode: Episode) -> int:
    """Of its ramp; in that of a flight one for each sample: longer ones make a sensor look rough."""
    minutes = -(-episode.ramp // _MINUTE_MS)
    return max(_STEPS, minutes if minutes <= _MOST_STEPS else 0)


def _rising(times_ms: Times) -> Times:
    """Each of them once; NumPy's own ``unique`` takes ten times as long for a year of hours."""
    times_ms.sort(kind="stable")
    once: Times = times_ms[np.concatenate([[True], times_ms[1:] > times_ms[:-1]])]
    return once


def _share(episode: Episode, middle_ms: Times) -> Values:
    """How much of an episode is there: 0 outside, 1 when it is full, between them on the ramps."""
    up = (middle_ms - episode.at) / max(1, episode.ramp)
    down = (episode.end - middle_ms) / max(1, episode.ramp)
    share: Values = np.clip(np.minimum(up, down), 0.0, 1.0)
    return share
