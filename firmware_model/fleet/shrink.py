"""The fewest events of a life that still go wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from firmware_model.faults.table import MOMENTARY_FAULTS, REFILL_FAULTS
from firmware_model.fleet.life import DAY_MS, HOUR_MS, Life, Occurrence
from firmware_model.scenario.episode import SurroundingsTable
from firmware_model.scenario.scenario import Scenario
from firmware_model.scenario.unit import UnitTable

__all__ = ["fewest", "shrunk_life"]

Item = TypeVar("Item")
_EVENTS = ("fever", "flight", "altitude", "refill", "visit", "fault")
Kept = tuple[str, int]


def fewest(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """So few of ``items``, in their order, that it fails with them but not with any one of them left out.

    Delta debugging (Zeller and Hildebrandt 2002): larger parts are left out first, then smaller ones.
    Raises ValueError if it does not fail with all of them.
    """
    kept = list(items)
    if not fails(kept):
        raise ValueError("this does not fail with all of them")
    size = max(1, len(kept) // 2)
    while True:
        place, was = 0, len(kept)
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if fails(fewer):
                kept = fewer
            else:
                place += size
        if size == 1 and len(kept) == was:
            return kept
        size = max(1, min(size // 2, len(kept) // 2))


def shrunk_life(life: Life, fails: Callable[[Life], bool], *, end_ms: int) -> Life:
    """The life cut off at ``end_ms``, with the fewest events, and as ordinary as can be, that still ``fails``.

    Raises ValueError if it does not fail like that.
    """
    cut = _cut(life, end_ms)
    if not fails(cut):
        cut = life
    scenario = cut.scenario
    everything: list[Kept] = [(kind, place) for kind in _EVENTS for place in range(len(getattr(scenario, kind)))]
    kept = fewest(everything, lambda some: fails(_with(cut, some)))
    small = _with(cut, kept)
    for plainer in ({"unit": UnitTable()}, {"surroundings": SurroundingsTable()}):
        ordinary = replace(small, scenario=small.scenario.model_copy(update=plainer))
        small = ordinary if fails(ordinary) else small
    return small


def _cut(life: Life, end_ms: int) -> Life:
    end_ms = min(-(-end_ms // HOUR_MS) * HOUR_MS, round(life.scenario.days * DAY_MS))
    scenario = life.scenario
    before = {
        kind: tuple(each for each in getattr(scenario, kind) if each.at < end_ms)
        for kind in _EVENTS
        if kind != "refill"
    }
    refills = tuple(each for each in scenario.refill if each.at + each.duration <= end_ms)
    cut = scenario.model_copy(update={**before, "refill": refills, "days": end_ms / DAY_MS})
    return replace(
        life,
        scenario=cut,
        occurrences=tuple(each for each in life.occurrences if each.at_ms < end_ms),
        refills_ms=tuple(refill.at for refill in refills),
    )


def _with(life: Life, kept: Sequence[Kept]) -> Life:
    """What is kept, and what belongs to its faults: the refill that goes wrong, who looks at the pump after it.

    Without these a fault is missed by any firmware.
    """
    there = {(fault.name, fault.at) for fault in _of(life.scenario, kept).fault}
    occurrences = tuple(each for each in life.occurrences if (each.fault, each.at_ms) in there)
    belongs = {
        *(("refill", place) for place, each in enumerate(life.scenario.refill) if _goes_wrong(each.at, occurrences)),
        *(("visit", place) for place, each in enumerate(life.scenario.visit) if _looks_at(each.at, occurrences)),
    }
    scenario = _of(life.scenario, sorted({*kept, *belongs}))
    return replace(
        life,
        scenario=scenario,
        occurrences=occurrences,
        refills_ms=tuple(refill.at for refill in scenario.refill),
    )


def _goes_wrong(refill_ms: int, occurrences: Sequence[Occurrence]) -> bool:
    return any(each.fault in REFILL_FAULTS and each.at_ms <= refill_ms <= (each.until_ms or 0) for each in occurrences)


def _looks_at(visit_ms: int, occurrences: Sequence[Occurrence]) -> bool:
    return any(each.fault in MOMENTARY_FAULTS and each.until_ms == visit_ms for each in occurrences)


def _of(scenario: Scenario, kept: Sequence[Kept]) -> Scenario:
    some = {kind: tuple(getattr(scenario, kind)[place] for of, place in kept if of == kind) for kind in _EVENTS}
    return scenario.model_copy(update=some)
