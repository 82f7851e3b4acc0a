"""What an alarm was worth: right for a fault, called for by the truth, misleading, or false.

Truth is judged by the limits of the pump's profile, whatever limits a variant's firmware works by: so a firmware that
is too nervous cannot call its own alarms right. It is allowed a margin, for what is measured is never the truth.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from firmware_model.fleet.life import DAY_MS, HOUR_MS, MINUTE_MS, Occurrence
from firmware_model.physics.plant import Plant
from firmware_model.profile import PumpProfile

__all__ = ["GRACE_MS", "Judgement", "judged"]

GRACE_MS = 12 * HOUR_MS
"""A fault that is over may show for so long: the firmware looks back six hours, and debounces for some more."""
_MARGIN = 0.8
"""Of the way to its limit: from there on an alarm is called for."""


class Judgement(StrEnum):
    """What an alarm was worth."""

    RIGHT = "right"
    """One of those that are right for a fault that is there."""
    JUSTIFIED = "justified"
    """No fault, but what it says was true: of the flow, the reservoir, the surroundings."""
    MISLEADING = "misleading"
    """A fault is there, but this alarm is not one of the right ones, and what it says was not true."""
    FALSE = "false"
    """Nothing called for it."""


def judged(
    alarm: str, time_ms: int, occurrences: Sequence[Occurrence], plant: Plant, profile: PumpProfile
) -> Judgement:
    """What an alarm was worth that was raised at a time which the plant still remembers."""
    here = [each for each in occurrences if each.at_ms <= time_ms <= _shows_until(each)]
    if any(alarm in each.right_alarms for each in here):
        return Judgement.RIGHT
    if alarm in _CALLED_FOR and _CALLED_FOR[alarm](plant, profile, time_ms):
        return Judgement.JUSTIFIED
    return Judgement.MISLEADING if here else Judgement.FALSE


def _shows_until(each: Occurrence) -> float:
    return float("inf") if each.until_ms is None else each.until_ms + GRACE_MS


def _flows(plant: Plant, time_ms: int) -> tuple[float, float]:
    """Least and largest true mean flow over three hours, in mL/day, in the half day before a time."""
    first_ms = max(0, time_ms - 12 * HOUR_MS)
    times_ms = np.arange(first_ms, time_ms + 1, HOUR_MS, dtype=np.int64)
    if times_ms.size < 4:
        return 0.0, float("inf")
    delivered_nl = plant.delivered_at(times_ms)
    leaked_and_delivered = (delivered_nl[3:] - delivered_nl[:-3]) / (3 * HOUR_MS) * DAY_MS / 1e6
    return float(leaked_and_delivered.min()), float(leaked_and_delivered.max())


def _least_ml(plant: Plant, time_ms: int) -> float:
    """The least that was in the reservoir in the last quarter of an hour, of which the firmware takes the mean.

    During a refill it truly is empty for some minutes.
    """
    minutes = np.arange(max(0, time_ms - 16 * MINUTE_MS), time_ms + 1, MINUTE_MS, dtype=np.int64)
    return float(plant.truth(minutes).volume_nl.min()) / 1e6


def _flow_is_high(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    limit = 1 + _MARGIN * profile.alarms.flow_high_percent / 100
    return _flows(plant, time_ms)[1] > limit * profile.label_flow_ml_per_day


def _flow_is_low(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    limit = 1 - _MARGIN * profile.alarms.flow_low_percent / 100
    return _flows(plant, time_ms)[0] < limit * profile.label_flow_ml_per_day


def _reservoir_is_low(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    usable_ml = _least_ml(plant, time_ms) - profile.residual_ml
    fastest = max(profile.label_flow_ml_per_day, _flows(plant, time_ms)[1] if time_ms > DAY_MS else 0.0)
    return usable_ml <= profile.alarms.low_reservoir_days * fastest / _MARGIN


def _reservoir_is_empty(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    return _least_ml(plant, time_ms) <= profile.alarms.empty_ml + profile.alarms.volume_hysteresis_ml


def _is_hot(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    limit_c = profile.alarms.over_temperature_c - profile.alarms.temperature_hysteresis_c
    return float(plant.truth_at(time_ms).temperature_c) >= limit_c


def _ambient_is_off(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    alarms, ambient_kpa = profile.alarms, float(plant.truth_at(time_ms).ambient_kpa)
    low, high = (
        alarms.ambient_low_kpa + alarms.ambient_hysteresis_kpa,
        alarms.ambient_high_kpa - alarms.ambient_hysteresis_kpa,
    )
    return not low <= ambient_kpa <= high


def _outlet_is_high(plant: Plant, profile: PumpProfile, time_ms: int) -> bool:
    return (
        float(plant.truth_at(time_ms).outlet_kpa) >= profile.alarms.occlusion_kpa - profile.alarms.outlet_hysteresis_kpa
    )


_CALLED_FOR: Mapping[str, Callable[[Plant, PumpProfile, int], bool]] = {
    "flow-high": _flow_is_high,
    "flow-low": _flow_is_low,
    "low-reservoir": _reservoir_is_low,
    "empty": _reservoir_is_empty,
    "over-temperature": _is_hot,
    "ambient-pressure": _ambient_is_off,
    "occlusion": _outlet_is_high,
}
"""The others speak of faults alone."""
