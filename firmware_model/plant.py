"""The flow path and what acts on it: propellant, bellows, restrictor, catheter, refills, and their faults.

Nothing that the firmware does changes the flow. So what will be can be worked out as far ahead as the surroundings and
the interventions are known: as a table of legs, which answers for many times at once. An intervention that nobody
foresaw voids what was worked out for later.
"""

import bisect
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_model.bellows import Bellows
from firmware_model.course import Course
from firmware_model.faults.table import FLOW_PATH_FAULTS, REFILL_FAULTS
from firmware_model.flow_table import FlowTable
from firmware_model.interventions import Aspiration, BolusChange, Condition, FaultChange, Filling, Intervention
from firmware_model.profile import PumpProfile
from firmware_model.reservoir import Drive, Reservoir
from firmware_model.surroundings import Surroundings
from firmware_model.thermal import HOUR_MS, Legs, ThermalLag, with_decaying
from firmware_model.truth import FlownLegs, Truth, TruthLegs, TruthTable

__all__ = ["Plant"]

Values = NDArray[np.float64]
Times = NDArray[np.int64]

_KEPT_MS = 50 * 24 * HOUR_MS
"""What was longer ago is forgotten: the firmware's own memory reaches back six weeks."""
_SETTLED_C = 1e-4
"""A refill's cold is over when no more of it is left."""
_SEPTUM_KPA = 57.0
"""Gauge pressure of the propellant R-11 at 37 degrees Celsius and sea level, at which a septum's leak is stated."""
_NL_PER_ML, _MS_PER_DAY = 1_000_000, 86_400_000
_WATER_J_PER_ML_K = 4.18


@dataclass(frozen=True, eq=False)
class _Stretch:
    """From one intervention to the next."""

    start_ms: int
    start_nl: float
    condition: Condition


@dataclass(frozen=True, eq=False)
class _Driven:
    """Legs, and what a healthy pump has on them to drive and to limit its flow; arrays of the shape (legs,)."""

    legs: Legs
    vapour_kpa: Values
    conductance_nl_per_ms_kpa: Values

    def from_leg(self, first: int) -> "_Driven":
        legs = self.legs.part(first, self.legs.start_ms.size)
        return _Driven(legs, self.vapour_kpa[first:], self.conductance_nl_per_ms_kpa[first:])

    def then(self, other: "_Driven") -> "_Driven":
        if not other.legs.start_ms.size:
            return self
        return _Driven(
            Legs.joined([self.legs, other.legs]),
            np.concatenate([self.vapour_kpa, other.vapour_kpa]),
            np.concatenate([self.conductance_nl_per_ms_kpa, other.conductance_nl_per_ms_kpa]),
        )

    def between(self, start_ms: int, end_ms: int) -> "_Driven":
        first, last = self.legs.places(start_ms, end_ms)
        return _Driven(
            self.legs.between(start_ms, end_ms),
            self.vapour_kpa[first:last],
            self.conductance_nl_per_ms_kpa[first:last],
        )


class Plant:
    """A pump without its electronics, in bench time."""

    def __init__(
        self, profile: PumpProfile, *, now_ms: int, surroundings: Surroundings | Course, volume_nl: int
    ) -> None:
        """Start in thermal equilibrium with the surroundings. Raises ValueError for an impossible volume."""
        self._profile = profile
        self._bellows = Bellows.of(profile)
        self._flow_table = FlowTable(profile)
        self._reservoir = Reservoir(self._bellows, volume_nl)
        course = surroundings if isinstance(surroundings, Course) else Course.constant(now_ms, surroundings)
        self._surroundings = surroundings
        self._thermal = ThermalLag(course, now_ms=now_ms, time_constant_ms=profile.thermal_time_constant_min * 60_000)
        self._ahead: _Driven | None = None
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
        """Forget what the firmware cannot ask for any more."""
        self._extend(now_ms)
        self._table.forget(now_ms - _KEPT_MS)
        first = max(0, bisect.bisect_right(self._stretches, now_ms - _KEPT_MS, key=lambda each: each.start_ms) - 1)
        del self._stretches[:first]
        self._done = [each for each in self._done if each.at_ms > now_ms - _KEPT_MS]

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
        self._reservoir.set_volume(stretch.start_nl if jumped or last_nl is None else last_nl)

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
        condition, tau_ms = self._stretches[-1].condition, self._thermal.time_constant_ms
        driven = self._undisturbed(start_ms, end_ms)
        if condition.cold_c:
            over_ms = condition.cold_since_ms + math.ceil(tau_ms * math.log(abs(condition.cold_c) / _SETTLED_C))
            over = int(driven.legs.end_ms.searchsorted(over_ms)) + 1
            if start_ms < over_ms:
                cold = with_decaying(driven.legs.part(0, over), condition.cold_c, condition.cold_since_ms, tau_ms)
                driven = self._driven(cold).then(driven.from_leg(over))
        self._flow(driven, condition)
        self._until_ms = end_ms

    def _undisturbed(self, start_ms: int, end_ms: int) -> "_Driven":
        """Legs as the surroundings alone make them."""
        ahead = self._ahead
        if ahead is None or self._thermal.until_ms < end_ms:
            fresh = self._thermal.extend(max(end_ms, self._wanted_ms) - 1)
            left = [] if ahead is None else [ahead.legs.between(start_ms, int(ahead.legs.end_ms[-1]))]
            self._ahead = ahead = self._driven(Legs.joined([*left, fresh]) if left else fresh)
        return ahead.between(start_ms, end_ms)

    def _driven(self, legs: Legs) -> "_Driven":
        return _Driven(
            legs,
            self._flow_table.vapour_kpa(legs.temperature_c),
            self._flow_table.conductance_nl_per_ms_kpa(legs.temperature_c),
        )

    def _flow(self, driven: "_Driven", condition: Condition) -> None:
        legs, faults = driven.legs, condition.faults
        vapour_kpa, conductance, node_kpa = driven.vapour_kpa, driven.conductance_nl_per_ms_kpa, legs.outlet_kpa
        came_off = blocked = leak = 0.0
        if condition.bolus_kpa:
            node_kpa = node_kpa + condition.bolus_kpa
        if condition.is_faulty:
            came_off = faults["catheter-leak"] / 100
            blocked = faults["catheter-occlusion"] / 100
            leak = faults["septum-leak"] * _NL_PER_ML / _MS_PER_DAY / _SEPTUM_KPA
            node_kpa = node_kpa * (1 - came_off) + self._profile.catheter.tissue_kpa * came_off
            vapour_kpa = vapour_kpa * (1 - faults["propellant-loss"] / 100) - faults["bellows-sticking"]
            faster, plugged = faults["restrictor-fast-flow"] / 100, faults["restrictor-plugging"] / 100
            conductance = conductance * ((1 + faster) * (1 - plugged) * (1 - blocked))
        source_kpa = vapour_kpa - legs.ambient_kpa - node_kpa
        flow = self._reservoir.flow(legs.start_ms, legs.end_ms, Drive(source_kpa, node_kpa, conductance, leak))
        temperature_c, ambient_kpa = legs.temperature_c, legs.ambient_kpa
        if flow.leg.size != legs.start_ms.size:  # some legs had to be parted
            temperature_c, ambient_kpa = temperature_c[flow.leg], ambient_kpa[flow.leg]
            source_kpa, node_kpa = source_kpa[flow.leg], node_kpa[flow.leg]
        leaks_nl = flow.leaked_nl
        if came_off:
            leaks_nl = leaks_nl + (flow.start_nl - flow.end_nl - leaks_nl) * came_off
        self._table.append(
            FlownLegs(
                flow.start_ms,
                flow.end_ms,
                temperature_c,
                ambient_kpa,
                node_kpa,
                source_kpa,
                np.full(flow.leg.size, blocked),
                flow.start_nl,
                flow.end_nl,
                leaks_nl,
            )
        )

    def _apply(self, now_ms: int, intervention: Intervention) -> None:
        condition = self._stretches[-1].condition
        match intervention:
            case FaultChange(fault=fault, value=value):
                faults = {**condition.faults, fault: value}
                condition = replace(condition, faults=faults, is_faulty=any(faults.values()))
            case Aspiration():
                condition = self._aspirated(condition)
            case Filling():
                condition = self._filled(now_ms, condition, intervention)
            case BolusChange(volume_nl=volume_nl, pressure_kpa=pressure_kpa):
                condition = replace(condition, bolus_kpa=pressure_kpa, bolused_nl=condition.bolused_nl + volume_nl)
        if self._stretches[-1].start_ms == now_ms:
            self._stretches.pop()
        self._stretches.append(_Stretch(now_ms, self._reservoir.volume_nl, condition))
        self._done.append(intervention)

    def _aspirated(self, condition: Condition) -> Condition:
        volume_nl = self._reservoir.volume_nl
        out_nl = 0 if condition.faults["flipped-pump"] else max(0, math.floor(volume_nl) - self._bellows.stop_nl)
        self._reservoir.set_volume(volume_nl - out_nl)
        return replace(condition, withdrawn_nl=condition.withdrawn_nl + out_nl, returned_nl=out_nl)

    def _filled(self, now_ms: int, condition: Condition, filling: Filling) -> Condition:
        faults, bellows = condition.faults, self._bellows
        volume_nl = self._reservoir.volume_nl
        room_nl = bellows.capacity_nl - math.ceil(volume_nl)
        missed = 1.0 if faults["flipped-pump"] else faults["pocket-fill"] / 100
        in_nl = min(room_nl, round(filling.volume_nl * (1 - missed)))
        if faults["overfill"] and missed < 1:
            in_nl = room_nl + min(bellows.overfill_limit_nl, round(faults["overfill"] * _NL_PER_ML))
        if in_nl <= 0:
            return condition
        infusate_c = faults["cold-refill"] or filling.infusate_c
        before_c = self._temperature_c(now_ms, condition)
        held_j_per_k = self._profile.heat_capacity_j_per_k + volume_nl / _NL_PER_ML * _WATER_J_PER_ML_K
        added_j_per_k = in_nl / _NL_PER_ML * _WATER_J_PER_ML_K
        mixed_c = (held_j_per_k * before_c + added_j_per_k * infusate_c) / (held_j_per_k + added_j_per_k)
        self._reservoir.set_volume(volume_nl + in_nl)
        return replace(
            condition,
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
