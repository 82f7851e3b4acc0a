"""What went wrong with one pump, and a scenario that demands that it does not."""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_model.fleet.criterion import Criterion
from firmware_model.fleet.judgement import GRACE_MS
from firmware_model.fleet.life import DAY_MS, HOUR_MS
from firmware_model.fleet.population import Population
from firmware_model.fleet.result import EventRow, FaultRow, PumpResult
from firmware_model.scenario.expectation import Expect, Expected
from firmware_model.scenario.scenario import Scenario

__all__ = ["Complaint", "complaints_of", "expecting"]

_ALARM_WORTH = {"false_alarms_per_pump_year": "false", "misleading_alarms_per_pump_year": "misleading"}


@dataclass(frozen=True)
class Complaint:
    """One thing that went wrong with a pump."""

    kind: str
    """``problem`` (its simulation raised), ``missed`` (a fault), ``false`` or ``misleading`` (an alarm), ``other``."""
    name: str
    """Of the error, the fault or the alarm."""
    text: str
    known_by_ms: int = 0
    """By then it has gone wrong."""
    alarms: tuple[str, ...] = ()
    """The right ones, of a fault that was missed."""
    at_ms: int = 0
    within_ms: int | None = None
    seen: frozenset[str] = frozenset()
    """All alarms that were raised by then."""
    standing: frozenset[str] = frozenset()
    """Those that stood when the fault came which was missed."""

    @property
    def can_be_demanded(self) -> bool:
        """Whether a scenario can say that it must not be: of alarms it can."""
        return self.kind in {"problem", "false", "misleading"} or bool(self.alarms)

    def is_of(self, result: PumpResult) -> bool:
        """Whether the same goes wrong with another pump (or with this one, less eventful), and no alarm tells of more.

        Without its refills a pump is empty: a fault that it then misses is not the one that was missed, also if the
        pump was empty another time.
        """
        if self.kind == "problem":
            return result.problem is not None and result.problem.partition(":")[0] == self.name
        if result.problem is not None or not _raised(result, self.known_by_ms) <= self.seen:
            return False
        if self.kind == "missed":
            return _standing(result, self.at_ms) <= self.standing and any(
                row.fault == self.name and row.at_ms == self.at_ms and _is_missed(row, self.within_ms)
                for row in result.faults
            )
        return any(event.judgement == self.kind and event.alarm == self.name for event in result.events)

    def demanding(self, scenario: Scenario) -> Scenario:
        """The scenario, with what must come of it and does not. Raises ValueError if no scenario can say it."""
        if not self.can_be_demanded:
            raise ValueError(f"no scenario can demand that this is not so: {self.text}")
        title = {"problem": "It can be simulated", "missed": f"{self.name} is detected"}.get(
            self.kind, f"No {self.kind} alarm {self.name}"
        )
        expect: tuple[Expect, ...] = ()
        if self.kind == "missed":
            end_ms = round(scenario.days * DAY_MS)
            until_ms = end_ms if self.within_ms is None else min(end_ms, self.at_ms + self.within_ms)
            expect = (Expect.model_construct(alarm=self.alarms, between=(self.at_ms, until_ms)),)
        elif self.kind != "problem":
            expect = (Expect.model_construct(alarm=self.name, count=0),)
        only = Expected.model_construct(only=False)
        return scenario.model_copy(update={"title": title, "expect": expect, "expected": only})


def complaints_of(result: PumpResult, population: Population, criterion: Criterion | None = None) -> list[Complaint]:
    """All that went wrong with a pump, what a criterion asks for first; or only that by which one ``criterion`` fails.

    A simulation that raised says nothing else.
    """
    if result.problem is not None:
        name = result.problem.partition(":")[0]
        return [Complaint("problem", name, f"The simulation raises: {result.problem}.", result.watched_ms)]
    if criterion is not None:
        return list(dict.fromkeys(_by(criterion, result, population)))
    asked = [each for each in population.criteria if each.metric in {"detected", "latency_h", *_ALARM_WORTH}]
    found = [complaint for each in asked for complaint in _by(each, result, population)]
    for row in sorted(result.faults, key=lambda each: not each.is_failure):
        found += _missed(row, _allowed_ms(row, population), result, population)
    found += _alarms("false", result)
    return [each for each in dict.fromkeys(found) if each.can_be_demanded]


def expecting(scenario: Scenario, result: PumpResult) -> Scenario:
    """The scenario with what came of it, less what should not have: false alarms are not expected."""
    raised = [event for event in result.events if event.judgement is not None and event.alarm is not None]
    alarms = sorted({str(event.alarm) for event in raised})
    counted = tuple(
        Expect.model_construct(
            alarm=alarm, count=sum(event.alarm == alarm and event.judgement != "false" for event in raised)
        )
        for alarm in alarms
    )
    return scenario.model_copy(update={"expect": counted})


def _by(criterion: Criterion, result: PumpResult, population: Population) -> Iterator[Complaint]:
    """What went wrong with the pump in the terms of a criterion, whether others make up for it or not."""
    if criterion.metric in _ALARM_WORTH:
        yield from _alarms(_ALARM_WORTH[criterion.metric], result)
    elif criterion.fault is not None:
        for row in result.faults:
            if row.fault == criterion.fault and criterion.value in {None, row.value}:
                yield from _missed(row, _asked_ms(criterion, row), result, population)
    else:
        yield from _others(criterion, result)


def _others(criterion: Criterion, result: PumpResult) -> Iterator[Complaint]:
    """What no alarm could have mended."""
    match criterion.metric:
        case "flow_error_percent":
            off = [
                each for each in result.refills if each.is_healthy and not criterion.holds(abs(each.flow_error_percent))
            ]
            if off:
                worst = max(off, key=lambda each: abs(each.flow_error_percent))
                said = f"{worst.flow_error_percent:+.2f} % off label before the refill at {_days(worst.at_ms)}"
                yield Complaint("other", "flow", f"The flow was {said}.")
        case "unserved_days_per_pump_year":
            empty_ms = sum(each.empty_ms for each in result.refills if each.is_healthy)
            empty_ms += result.last_empty_ms if result.last_is_healthy else 0
            if empty_ms:
                yield Complaint("other", "empty", f"It stood empty for {_days(empty_ms)}.")
        case "failed":
            if result.failure_ms is not None and result.failure_ms <= (criterion.by_ms or 0):
                yield Complaint("other", "failed", f"It failed of {result.failure} at {_days(result.failure_ms)}.")


def _alarms(worth: str, result: PumpResult) -> Iterator[Complaint]:
    """The first alarm that was worth no more than that."""
    event = next((each for each in result.events if each.judgement == worth and each.alarm is not None), None)
    if event is not None:
        known_ms = event.time_ms + GRACE_MS
        text = f"{worth.capitalize()} alarm {event.alarm} at {_days(event.time_ms)}."
        yield Complaint(worth, str(event.alarm), text, known_ms, seen=_raised(result, known_ms))


def _missed(row: FaultRow, within_ms: int | None, result: PumpResult, population: Population) -> Iterator[Complaint]:
    if not _is_missed(row, within_ms):
        return
    alarms = next(each.right_alarms for each in population.fault if each.name == row.fault)
    when = "" if within_ms is None else f" within {within_ms / HOUR_MS:g} h"
    why = "" if alarms else "; no alarm is right for it"
    shows_ms = row.watched_ms if row.until_ms is None else row.until_ms + GRACE_MS - row.at_ms
    known_ms = row.at_ms + min(shows_ms if within_ms is None else within_ms, row.watched_ms) + HOUR_MS
    yield Complaint(
        kind="missed",
        name=row.fault,
        text=f"{row.fault} {row.value} at {_days(row.at_ms)} was not detected{when}{why}.",
        known_by_ms=known_ms,
        alarms=alarms,
        at_ms=row.at_ms,
        within_ms=within_ms,
        seen=_raised(result, known_ms),
        standing=_standing(result, row.at_ms),
    )


def _asked_ms(criterion: Criterion, row: FaultRow) -> int | None:
    """How long a criterion gives for this fault; a latency that never ended is too long, however brief the watch."""
    if criterion.metric == "latency_h":
        return None if row.latency_ms is None else round(criterion.limit * HOUR_MS)
    return criterion.within_ms


def _allowed_ms(row: FaultRow, population: Population) -> int | None:
    """How long a criterion gives for this fault at the most."""
    times = [
        criterion.within_ms
        for criterion in population.criteria
        if criterion.metric == "detected"
        and criterion.fault == row.fault
        and criterion.value in {None, row.value}
        and criterion.within_ms is not None
    ]
    return min(times, default=None)


def _is_missed(row: FaultRow, within_ms: int | None) -> bool:
    if row.latency_ms is None:
        return within_ms is None or row.watched_ms >= within_ms
    return within_ms is not None and row.latency_ms > within_ms


def _raised(result: PumpResult, until_ms: int) -> frozenset[str]:
    raised: list[EventRow] = [event for event in result.events if event.judgement is not None]
    return frozenset(str(event.alarm) for event in raised if event.time_ms <= until_ms)


def _standing(result: PumpResult, at_ms: int) -> frozenset[str]:
    """Alarms that have been raised by then, and not cleared."""
    standing: set[str] = set()
    for event in result.events:
        if event.time_ms <= at_ms and event.alarm is not None:
            if event.kind == "alarm-raised":
                standing.add(event.alarm)
            elif event.kind == "alarm-cleared":
                standing.discard(event.alarm)
    return frozenset(standing)


def _days(time_ms: int) -> str:
    return f"{time_ms / DAY_MS:.3f} d"
