"""What went wrong with one pump, and a scenario that demands that it does not."""

from dataclasses import dataclass

from firmware_model.fleet.judgement import GRACE_MS
from firmware_model.fleet.life import DAY_MS, HOUR_MS
from firmware_model.fleet.population import Population
from firmware_model.fleet.result import FaultRow, PumpResult
from firmware_model.scenario.expectation import Expect, Expected
from firmware_model.scenario.scenario import Scenario

__all__ = ["Complaint", "complaint_of", "expecting"]


@dataclass(frozen=True)
class Complaint:
    """One thing that went wrong: a simulation that raised, a fault that was missed or seen late, or a false alarm."""

    kind: str
    """``problem``, ``missed`` or ``false``."""
    name: str
    """Of the error, the fault or the alarm."""
    text: str
    known_by_ms: int
    """By then it has gone wrong."""
    alarm: str | None = None
    """The right one, of a fault that was missed."""
    at_ms: int = 0
    within_ms: int | None = None

    def is_of(self, result: PumpResult) -> bool:
        """Whether the same goes wrong with another pump (or with this one, less eventful)."""
        match self.kind:
            case "problem":
                return result.problem is not None and result.problem.partition(":")[0] == self.name
            case "missed":
                return result.problem is None and any(
                    row.fault == self.name and row.at_ms == self.at_ms and _is_missed(row, self.within_ms)
                    for row in result.faults
                )
            case _:
                return result.problem is None and any(
                    event.judgement == "false" and event.alarm == self.name for event in result.events
                )

    def demanding(self, scenario: Scenario) -> Scenario:
        """The scenario, with what must come of it and does not."""
        title = {"problem": "It can be simulated", "missed": f"{self.name} is detected"}.get(
            self.kind, f"No false alarm {self.name}"
        )
        expect: tuple[Expect, ...] = ()
        if self.kind == "missed" and self.alarm is not None:
            end_ms = round(scenario.days * DAY_MS)
            until_ms = end_ms if self.within_ms is None else min(end_ms, self.at_ms + self.within_ms)
            expect = (Expect.model_construct(alarm=self.alarm, between=(self.at_ms, until_ms)),)
        elif self.kind == "false":
            expect = (Expect.model_construct(alarm=self.name, count=0),)
        only = Expected.model_construct(only=False)
        return scenario.model_copy(update={"title": title, "expect": expect, "expected": only})


def complaint_of(result: PumpResult, population: Population) -> Complaint | None:
    """The worst that went wrong with a pump; None if nothing did. A fault is missed if a criterion allows less time."""
    if result.problem is not None:
        name = result.problem.partition(":")[0]
        return Complaint("problem", name, f"The simulation raises: {result.problem}.", result.watched_ms)
    right = {each.name: each.right_alarms for each in population.fault}
    for row in sorted(result.faults, key=lambda each: not each.is_failure):
        within_ms = _allowed_ms(row, population)
        if _is_missed(row, within_ms) and right.get(row.fault):
            when = "" if within_ms is None else f" within {within_ms / HOUR_MS:g} h"
            shows_ms = row.watched_ms if row.until_ms is None else row.until_ms + GRACE_MS - row.at_ms
            known_ms = shows_ms if within_ms is None else within_ms
            return Complaint(
                kind="missed",
                name=row.fault,
                text=f"{row.fault} {row.value} was not detected{when}.",
                known_by_ms=row.at_ms + min(known_ms, row.watched_ms) + HOUR_MS,
                alarm=right[row.fault][0],
                at_ms=row.at_ms,
                within_ms=within_ms,
            )
    false = next((event for event in result.events if event.judgement == "false"), None)
    if false is None or false.alarm is None:
        return None
    text = f"False alarm {false.alarm} at {false.time_ms / DAY_MS:.3f} d."
    return Complaint("false", false.alarm, text, false.time_ms + GRACE_MS)


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
