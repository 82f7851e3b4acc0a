"""The flow path and what acts on it: propellant, bellows, restrictor, catheter, refills, and their faults.

Nothing that the firmware does changes the flow. So what will be can be worked out as far ahead as the surroundings and
the interventions are known: as a table of legs, which answers for many times at once. An intervention that nobody
foresaw voids what was worked out for later.
"""

import bisect
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.faults.table import FLOW_PATH_FAULTS, REFILL_FAULTS
from firmware_model.physics.bellows import Bellows
from firmware_model.physics.course import Course
from firmware_model.physics.flow_table import FlowTable
from firmware_model.physics.fluids import vapour_pressure_kpa
from firmware_model.physics.interventions import Aspiration, BolusChange, Condition, FaultChange, Filling, Intervention
from firmware_model.physics.reservoir import HEALTHY, Cold, Driven, Effects, Reservoir
from firmware_model.physics.surroundings import Surroundings
from firmware_model.physics.thermal import HOUR_MS, ThermalLag
from firmware_model.physics.truth import Truth, TruthLegs, TruthTable
from firmware_model.profile import PumpProfile

__all__ = ["Plant"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_KEPT_MS = 50 * 24 * HOUR_MS
_SEPTUM_C, _SEA_LEVEL_KPA = 37.0, 101.325
"""At which a septum's leak is stated."""
_SPARE = 2048
"""Legs for which there is room beyond those worked out at once: the ones kept, and more in refills."""
_NL_PER_ML, _MS_PER_DAY = 1_000_000, 86_400_000
_WATER_J_PER_ML_K = 4.18


class _Stretch(NamedTuple):
    """From one intervention to the next."""

    start_ms: int
    start_nl: float
    condition: Condition


class Plant:
    """A pump without its electronics, in bench time."""

    def __init__(
        self, profile: PumpProfile, *, now_ms: int, surroundings: Surroundings | Course, volume_nl: int
    ) -> None:
        """Start in thermal equilibrium with the surroundings. Raises ValueError for an impossible volume."""
        self._profile = profile
        self.kept_ms = _KEPT_MS
        """What was longer ago is forgotten; the firmware's own memory reaches back six weeks."""
        self._bellows = Bellows.of(profile)
        self._septum_kpa = vapour_pressure_kpa(profile.propellant, _SEPTUM_C) - _SEA_LEVEL_KPA
        self._reservoir = Reservoir(self._bellows, FlowTable(profile), volume_nl)
        course = surroundings if isinstance(surroundings, Course) else Course.constant(now_ms, surroundings)
        self._surroundings = surroundings
        self._thermal = ThermalLag(course, now_ms=now_ms, time_constant_ms=profile.thermal_time_constant_min * 60_000)
        self._ahead: Driven | None = None
        self._wanted_ms = now_ms
        self._table = TruthTable(self._bellows, profile.clock)
        self._until_ms = now_ms
        self._queue: list[Intervention] = []
        faults = dict.fromkeys((*FLOW_PATH_FAULTS, *REFILL_FAULTS), 0.0)
        self._stretches = [
            _Stretch(now_ms, float(volume_nl), Condition(faults, False, 0.0, now_ms, 0.0, volume_nl, 0, 0, 0, 0))
        ]
        self._done: list[Intervention] = []

    def follow(self, now_ms: int, surroundings: Surroundings | Course) -> None:
        """Put the pump into other surroundings from ``now_ms`` on; into the same again changes nothing."""
        if surroundings == self._surroundings:
            return
        self._void_after(now_ms)
        self._surroundings = surroundings
        course = surroundings if isinstance(surroundings, Course) else Course.constant(now_ms, surroundings)
        self._thermal.follow(now_ms, course)
        self._ahead = None

    def intervene(self, intervention: Intervention) -> None:
        """Have something happen at its time, which may be long ahead.

        Raises ValueError for a fault that is no fault of the flow path, or a value out of its range.
        """
        if isinstance(intervention, FaultChange):
            _check_fault(intervention)
        if intervention.at_ms < self._until_ms:
            self._void_after(intervention.at_ms)
        bisect.insort(self._queue, intervention, key=lambda each: each.at_ms)

    def legs(self, until_ms: int) -> TruthLegs:
        """The legs worked out so far, at least until ``until_ms``."""
        self._extend(until_ms)
        return self._table.legs

    def table(self, until_ms: int) -> tuple[Times, Values, int]:
        """The same as compiled code takes it: the blocks of a table, and how many legs are in them."""
        self._extend(until_ms)
        table = self._table
        return table.whole, table.real, table.count

    def truth(self, times_ms: Times) -> Truth:
        """What sensors with no error would read at rising times; at that of a change, what was before it."""
        self._extend(int(times_ms[-1]))
        return self._table.at(times_ms)

    def truth_at(self, now_ms: int) -> Truth:
        """What sensors with no error would read at one time; at that of a change, what was before it."""
        self._extend(now_ms)
        return self._table.at_one(now_ms)

    def condition(self, now_ms: int) -> Condition:
        """What interventions up to and at ``now_ms`` left behind."""
        self._extend(now_ms)
        return self._stretch_at(now_ms).condition

    def volume_nl(self, now_ms: int) -> int:
        """What is in the reservoir, in nL."""
        condition = self.condition(now_ms)
        return condition.initial_nl + condition.refilled_nl - condition.withdrawn_nl - self._outflow_nl(now_ms)[0]

    def delivered_nl(self, now_ms: int) -> int:
        """What has left the catheter's tip since the beginning, in nL, but for boluses."""
        outflow_nl, leaked_nl = self._outflow_nl(now_ms)
        return outflow_nl - leaked_nl

    def delivered_at(self, times_ms: Times) -> Values:
        """What has left the catheter's tip until many rising times, in nL with fractions."""
        self._extend(int(times_ms[-1]))
        starts = np.array([stretch.start_ms for stretch in self._stretches])
        put_in_nl = np.array(
            [s.condition.initial_nl + s.condition.refilled_nl - s.condition.withdrawn_nl for s in self._stretches]
        )
        stretch = np.maximum(starts.searchsorted(times_ms, side="right") - 1, 0)
        volume_nl, leaked_nl = self._table.volumes_at(times_ms)
        return put_in_nl[stretch] - volume_nl - leaked_nl

    def leaked_nl(self, now_ms: int) -> int:
        """What has left the reservoir since the beginning and went elsewhere, in nL."""
        return self._outflow_nl(now_ms)[1]

    def crystal_gain_ms(self, now_ms: int) -> int:
        """How much the clock's crystal has gained since the beginning, in ms."""
        self._extend(now_ms)
        return self._table.crystal_gain_ms(now_ms)

    def forget(self, now_ms: int) -> None:
        """Forget what nobody asks for any more; nothing before ``now_ms`` can be changed any more."""
        self._extend(now_ms)
        self._thermal.forget(now_ms)
        if self._ahead is not None:
            times_ms, values = self._ahead
            first = int(times_ms[1].searchsorted(now_ms))
            self._ahead = Driven(times_ms[:, first:].copy(), values[:, first:].copy())
        self._table.forget(now_ms - self.kept_ms)
        first = max(0, bisect.bisect_right(self._stretches, now_ms - self.kept_ms, key=lambda each: each.start_ms) - 1)
        del self._stretches[:first]
        self._done = [each for each in self._done if each.at_ms > now_ms - self.kept_ms]

    def _outflow_nl(self, now_ms: int) -> tuple[int, int]:
        condition = self.condition(now_ms)
        volume_nl, leaked_nl = self._table.volumes_nl(now_ms)
        put_in_nl = condition.initial_nl + condition.refilled_nl - condition.withdrawn_nl
        outflow_nl = put_in_nl - math.ceil(volume_nl - 0.5)
        return outflow_nl, math.floor(leaked_nl + 0.5)

    def _stretch_at(self, now_ms: int) -> _Stretch:
        place = bisect.bisect_right(self._stretches, now_ms, key=lambda each: each.start_ms) - 1
        return self._stretches[max(0, place)]

    def _void_after(self, now_ms: int) -> None:
        """Have it worked out to ``now_ms``, and no further."""
        if now_ms > self._until_ms:
            self._extend(now_ms - 1)
        if now_ms >= self._until_ms:
            return
        self._table.cut(now_ms)
        keep = bisect.bisect_right(self._stretches, now_ms, key=lambda each: each.start_ms)
        del self._stretches[max(1, keep) :]
        again = [each for each in self._done if each.at_ms > now_ms]
        self._done = [each for each in self._done if each.at_ms <= now_ms]
        self._queue = sorted([*again, *self._queue], key=lambda each: each.at_ms)
        self._until_ms = now_ms
        stretch, last_nl = self._stretches[-1], self._table.last_nl
        jumped = stretch.start_ms == now_ms
        self._reservoir.volume_nl = stretch.start_nl if jumped or last_nl is None else last_nl

    def _extend(self, until_ms: int) -> None:
        """Work out legs to beyond ``until_ms``: to a full hour, so that it does not matter who asks for how much."""
        if until_ms < self._until_ms:
            return
        last_ms = self._wanted_ms = (until_ms // HOUR_MS + 1) * HOUR_MS
        while self._until_ms <= until_ms:
            now_ms = self._until_ms
            while self._queue and self._queue[0].at_ms <= now_ms:
                self._apply(now_ms, self._queue.pop(0))
            self._extend_stretch(now_ms, min(last_ms, self._queue[0].at_ms) if self._queue else last_ms)

    def _extend_stretch(self, start_ms: int, end_ms: int) -> None:
        condition = self._stretches[-1].condition
        cold = Cold(condition.cold_c, condition.cold_since_ms, self._thermal.time_constant_ms)
        driven = self._driven_until(end_ms)
        self._reservoir.flow(driven, start_ms, end_ms, (cold, self._effects(condition)), into=self._table)
        self._until_ms = end_ms

    def _driven_until(self, end_ms: int) -> Driven:
        """Legs as the surroundings alone make them, from what was last forgotten at least to ``end_ms``."""
        ahead = self._ahead
        if ahead is None or self._thermal.until_ms < end_ms:
            fresh = self._reservoir.driven(self._thermal.extend(max(end_ms, self._wanted_ms) - 1))
            self._table.make_room(fresh.times_ms.shape[1] + _SPARE)
            if ahead is not None:  # all of it: an intervention may still void what was worked out since long ago
                fresh = Driven(*(np.concatenate([old, new], axis=1) for old, new in zip(ahead, fresh, strict=True)))
            self._ahead = ahead = fresh
        return ahead

    def _effects(self, condition: Condition) -> Effects:
        if not condition.is_faulty:
            return HEALTHY._replace(outlet_plus_kpa=condition.bolus_kpa) if condition.bolus_kpa else HEALTHY
        faults = condition.faults
        came_off, blocked = faults["catheter-leak"] / 100, faults["catheter-occlusion"] / 100
        faster, plugged = faults["restrictor-fast-flow"] / 100, faults["restrictor-plugging"] / 100
        return Effects(
            outlet_share=1 - came_off,
            outlet_plus_kpa=condition.bolus_kpa * (1 - came_off) + self._profile.catheter.tissue_kpa * came_off,
            vapour_share=1 - faults["propellant-loss"] / 100,
            vapour_minus_kpa=faults["bellows-sticking"],
            conductance_share=(1 + faster) * (1 - plugged) * (1 - blocked),
            leak_nl_per_ms_kpa=faults["septum-leak"] * _NL_PER_ML / _MS_PER_DAY / self._septum_kpa,
            came_off=came_off,
            blocked=blocked,
        )

    def _apply(self, now_ms: int, intervention: Intervention) -> None:
        condition = self._stretches[-1].condition
        match intervention:
            case FaultChange(fault=fault, value=value):
                faults = {**condition.faults, fault: value}
                condition = condition._replace(faults=faults, is_faulty=any(faults.values()))
            case Aspiration():
                condition = self._aspirated(condition)
            case Filling():
                condition = self._filled(now_ms, condition, intervention)
            case BolusChange(volume_nl=volume_nl, pressure_kpa=pressure_kpa):
                if condition.faults["flipped-pump"]:
                    volume_nl, pressure_kpa = 0, 0.0
                condition = condition._replace(bolus_kpa=pressure_kpa, bolused_nl=condition.bolused_nl + volume_nl)
        if self._stretches[-1].start_ms == now_ms:
            self._stretches.pop()
        self._stretches.append(_Stretch(now_ms, self._reservoir.volume_nl, condition))
        self._done.append(intervention)

    def _aspirated(self, condition: Condition) -> Condition:
        volume_nl = self._reservoir.volume_nl
        out_nl = 0 if condition.faults["flipped-pump"] else max(0, math.floor(volume_nl) - self._bellows.stop_nl)
        self._reservoir.volume_nl = volume_nl - out_nl
        return condition._replace(withdrawn_nl=condition.withdrawn_nl + out_nl, returned_nl=out_nl)

    def _filled(self, now_ms: int, condition: Condition, filling: Filling) -> Condition:
        faults, bellows = condition.faults, self._bellows
        volume_nl = self._reservoir.volume_nl
        room_nl = bellows.capacity_nl - math.ceil(volume_nl)
        missed = 1.0 if faults["flipped-pump"] else faults["pocket-fill"] / 100
        in_nl = min(room_nl, round(filling.volume_nl * (1 - missed)))
        if faults["overfill"] and missed < 1:
            over_nl = min(bellows.overfill_limit_nl, round(faults["overfill"] * _NL_PER_ML))
            in_nl = round((room_nl + over_nl) * (1 - missed))
        if in_nl <= 0:
            return condition
        infusate_c = faults["cold-refill"] or filling.infusate_c
        before_c = self._temperature_c(now_ms, condition)
        held_j_per_k = self._profile.heat_capacity_j_per_k + volume_nl / _NL_PER_ML * _WATER_J_PER_ML_K
        added_j_per_k = in_nl / _NL_PER_ML * _WATER_J_PER_ML_K
        mixed_c = (held_j_per_k * before_c + added_j_per_k * infusate_c) / (held_j_per_k + added_j_per_k)
        self._reservoir.volume_nl = volume_nl + in_nl
        return condition._replace(
            refilled_nl=condition.refilled_nl + in_nl,
            cold_c=condition.cold_c * self._decay(now_ms, condition) + mixed_c - before_c,
            cold_since_ms=now_ms,
        )

    def _temperature_c(self, now_ms: int, condition: Condition) -> float:
        return self._thermal.temperature_c(now_ms) + condition.cold_c * self._decay(now_ms, condition)

    def _decay(self, now_ms: int, condition: Condition) -> float:
        return math.exp(-(now_ms - condition.cold_since_ms) / self._thermal.time_constant_ms)


def _check_fault(change: FaultChange) -> None:
    kind = FLOW_PATH_FAULTS.get(change.fault) or REFILL_FAULTS.get(change.fault)
    if kind is None:
        raise ValueError(f"{change.fault!r} is no fault of the flow path")
    if not kind.lower <= change.value <= kind.upper:
        raise ValueError(f"{kind.name} must be {kind.lower:g} to {kind.upper:g} {kind.unit}, got {change.value}")
