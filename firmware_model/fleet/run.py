"""One pump of a fleet through its life, under one variant of the firmware."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from firmware_model.events import EventKind, PumpEvent, kebab
from firmware_model.faults.table import FLOW_PATH_FAULTS, REFILL_FAULTS
from firmware_model.fleet.judgement import GRACE_MS, Judgement, judged
from firmware_model.fleet.life import DAY_MS, HOUR_MS, Life, Occurrence, pump_life
from firmware_model.fleet.population import LoadedPopulation, Variant
from firmware_model.fleet.result import EventRow, FaultRow, PumpResult, RefillRow
from firmware_model.profile import PumpProfile
from firmware_model.pump import Pump
from firmware_model.scenario.run import ScenarioRun
from protocols.messages import Alarms

__all__ = ["log_digest", "run_life", "run_pump"]

_PART_MS = 366 * DAY_MS
"""Run at once, and then looked at."""
_LOOKED_BACK_MS = 50 * DAY_MS
"""From its beginning, at least; as far as to the refill before, which may be longer ago."""
_OF_ALARMS = frozenset(kind for kind in EventKind if kind.name.startswith("ALARM"))
_NAMES = {kind: kind.name.lower().replace("_", "-") for kind in EventKind}
_ALARM_NAMES = {place: kebab(Alarms(1 << place)) for place in range(len(Alarms))}
_OF_THE_FLOW = frozenset({*FLOW_PATH_FAULTS, *REFILL_FAULTS})
"""Those after which less (or more) than usual is there to flow, or flows."""
_ENTRY = struct.Struct("<qQIqqHqq")

MakePump = Callable[..., Pump]


def run_pump(
    loaded: LoadedPopulation, seed: int, pump: int, days: float, *, make_pump: MakePump = Pump
) -> list[PumpResult]:
    """What comes of pump number ``pump``, once for each variant."""
    life = pump_life(loaded, seed, pump, days)
    return [run_life(loaded, life, variant, make_pump=make_pump) for variant in loaded.population.variant]


def run_life(
    loaded: LoadedPopulation,
    life: Life,
    variant: Variant,
    *,
    make_pump: MakePump = Pump,
    at_end: Callable[[Pump, int], None] = lambda _pump, _now_ms: None,
) -> PumpResult:
    """What comes of one life. A simulation that raises does not raise here: the pump counts, with its ``problem``.

    ``at_end`` is given the pump and the time when all is over.
    """
    failure, around = life.failure, life.scenario.surroundings
    result = PumpResult(
        pump=life.pump,
        variant=variant.name,
        seed=life.seed,
        watched_ms=round(life.scenario.days * DAY_MS),
        end=life.end,
        failure=None if failure is None else failure.fault,
        failure_ms=None if failure is None else failure.at_ms,
        restrictor_percent=life.restrictor_percent,
        weight_kg=life.weight_kg,
        temperature_c=around.temperature_c,
        altitude_m=around.altitude_m or 0.0,
        outlet_kpa=around.outlet_kpa,
    )
    hashed = hashlib.sha256()
    try:
        run = ScenarioRun(
            life.scenario_for(variant),
            seed=life.seed,
            days=life.scenario.days,
            profile=life.profile_for(variant, loaded.profile),
            make_pump=make_pump,
            part_ms=_PART_MS,
            follows_drug=False,
        )
        longest_ms = max(at - since for since, at in pairwise((0, *life.refills_ms, run.end_ms)))
        run.pump.plant.kept_ms = _PART_MS + max(_LOOKED_BACK_MS, longest_ms)
        while run.now_ms < run.end_ms:
            begin_ms = run.now_ms
            events = run.run_part()
            _hash(hashed, events)
            result.events += _event_rows(events, life, run.pump, loaded.profile)
            result.refills += _refill_rows(life, run.pump, loaded.profile, begin_ms, run.now_ms)
        _keep_last_interval(result, life, run.pump, loaded.profile, run.now_ms)
        at_end(run.pump, run.now_ms)
    except Exception as error:  # noqa: BLE001 - whatever it was: the pump must not fall out of the count
        result.problem = f"{type(error).__name__}: {error}"
    result.faults = [_fault_row(each, result) for each in life.occurrences]
    result.digest = hashed.hexdigest()
    return result


def log_digest(events: Sequence[PumpEvent]) -> str:
    """SHA-256 of an event log, as it stands in a fleet's results."""
    hashed = hashlib.sha256()
    _hash(hashed, events)
    return hashed.hexdigest()


def _hash(hashed: "hashlib._Hash", events: Sequence[PumpEvent]) -> None:
    for event in events:
        entry = event.entry
        numbers = (event.time_ms, entry.seq, entry.boot_count, entry.uptime_ms, entry.utc_ms)
        hashed.update(_ENTRY.pack(*numbers, entry.kind, entry.detail, entry.value))


def _event_rows(events: Sequence[PumpEvent], life: Life, pump: Pump, profile: PumpProfile) -> list[EventRow]:
    rows = []
    for event in events:
        entry = event.entry
        alarm = _ALARM_NAMES[entry.detail] if entry.kind in _OF_ALARMS else None
        worth = None
        if alarm is not None and entry.kind is EventKind.ALARM_RAISED:
            worth = judged(alarm, event.time_ms, life.occurrences, pump.plant, profile).value
        rows.append(EventRow(event.time_ms, _NAMES[entry.kind], alarm, entry.detail, entry.value, worth))
    return rows


def _refill_rows(life: Life, pump: Pump, profile: PumpProfile, begin_ms: int, end_ms: int) -> list[RefillRow]:
    """Of the refills that were begun meanwhile."""
    begun = [(since, at) for since, at in pairwise((0, *life.refills_ms)) if begin_ms < at <= end_ms]
    if not begun:
        return []
    delivered = pump.plant.delivered_at(np.array([begun[0][0], *(at_ms for _, at_ms in begun)], dtype=np.int64))
    rows = []
    for (since_ms, at_ms), drawn_nl in zip(begun, np.diff(delivered).tolist(), strict=True):
        delivered_nl, left_nl = round(drawn_nl), pump.plant.volume_nl(at_ms)
        flow = delivered_nl / (at_ms - since_ms) * DAY_MS / 1e6
        rows.append(
            RefillRow(
                at_ms=at_ms,
                interval_ms=at_ms - since_ms,
                delivered_nl=delivered_nl,
                returned_nl=left_nl - round(profile.residual_ml * 1e6),
                flow_error_percent=round(100 * (flow / profile.label_flow_ml_per_day - 1), 4),
                empty_ms=_empty_ms(pump, profile, since_ms, at_ms, left_nl),
                is_healthy=not any(_is_there(each, since_ms, at_ms) for each in life.occurrences),
            )
        )
    return rows


def _keep_last_interval(result: PumpResult, life: Life, pump: Pump, profile: PumpProfile, end_ms: int) -> None:
    """After the last refill: nobody comes any more while somebody looks."""
    since_ms = life.refills_ms[-1] if life.refills_ms else 0
    result.last_interval_ms = end_ms - since_ms
    result.last_empty_ms = _empty_ms(pump, profile, since_ms, end_ms, pump.plant.volume_nl(end_ms))
    result.last_is_healthy = not any(_is_there(each, since_ms, end_ms) for each in life.occurrences)


def _is_there(each: Occurrence, since_ms: int, until_ms: int) -> bool:
    over_ms = until_ms if each.until_ms is None else each.until_ms
    return each.fault in _OF_THE_FLOW and each.at_ms < until_ms and over_ms > since_ms


def _empty_ms(pump: Pump, profile: PumpProfile, since_ms: int, at_ms: int, left_nl: int) -> int:
    """For how long less was left than the bellows can press out at full pressure; at the end there was ``left_nl``."""
    touches_nl = round((profile.residual_ml + profile.stop_region_ml) * 1e6)
    if left_nl >= touches_nl:
        return 0
    hours = np.arange(since_ms + HOUR_MS, at_ms, HOUR_MS, dtype=np.int64)
    return int((pump.plant.truth(hours).volume_nl < touches_nl).sum()) * HOUR_MS


def _fault_row(each: Occurrence, result: PumpResult) -> FaultRow:
    shows_until = result.watched_ms if each.until_ms is None else min(result.watched_ms, each.until_ms + GRACE_MS)
    first = next(
        (
            event
            for event in result.events
            if event.judgement == Judgement.RIGHT
            and event.alarm in each.right_alarms
            and each.at_ms <= event.time_ms <= shows_until
        ),
        None,
    )
    return FaultRow(
        fault=each.fault,
        value=each.value,
        at_ms=each.at_ms,
        until_ms=each.until_ms,
        is_failure=each.is_failure,
        detected_by=None if first is None else first.alarm,
        latency_ms=None if first is None else first.time_ms - each.at_ms,
        watched_ms=result.watched_ms - each.at_ms,
    )
