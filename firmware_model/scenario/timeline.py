"""A scenario's timeline: what is done to the pump, one thing after another."""

from collections.abc import Iterator
from dataclasses import dataclass

from firmware_model.faults.table import PUMP_FAULTS
from firmware_model.profile import nanolitres
from firmware_model.scenario.scenario import Fault, Refill, Scenario, Visit

__all__ = ["Action", "Aspirate", "Bolus", "Command", "Fill", "Inject", "timeline"]

_RAMP_STEPS = 64
_SECOND_MS = 1000


@dataclass(frozen=True)
class Inject:
    """A fault takes a value."""

    at_ms: int
    fault: str
    value: float


@dataclass(frozen=True)
class Aspirate:
    """A needle takes out all that comes."""

    at_ms: int


@dataclass(frozen=True)
class Fill:
    """A syringe is emptied through the septum."""

    at_ms: int
    volume_nl: int
    infusate_c: float


@dataclass(frozen=True)
class Bolus:
    """An injection by the side port."""

    at_ms: int
    volume_nl: int
    duration_ms: int


@dataclass(frozen=True)
class Command:
    """Something that somebody does with a programmer."""

    at_ms: int
    verb: str
    """begin-refill, returned, filled, drug, complete-refill, read-status, acknowledge, set-clock or self-test."""
    volume_nl: int | None = None
    """Of returned and filled; None: what truly came out."""
    drug: str = ""
    concentration_ug_per_ml: int = 0


Action = Inject | Aspirate | Fill | Bolus | Command


def timeline(scenario: Scenario) -> tuple[Action, ...]:
    """All that is done in a scenario, by time; at the same time in the order of the file's tables.

    Of faults that is the order in which they begin: one that ends is mended before the next of its name begins.
    """
    faults = sorted(scenario.fault, key=lambda fault: fault.at)
    actions = [
        *(action for fault in faults for action in _fault(fault, _there_before(fault, scenario))),
        *(action for refill in scenario.refill for action in _refill(refill)),
        *(Bolus(bolus.at, nanolitres(bolus.volume_ml), bolus.duration) for bolus in scenario.bolus),
        *(action for visit in scenario.visit for action in _visit(visit)),
    ]
    return tuple(sorted(actions, key=lambda action: action.at_ms))


def _there_before(fault: Fault, scenario: Scenario) -> float | None:
    """What the pump has of the same fault, for good, when this one begins; None if nothing."""
    before = [each for each in scenario.fault if each.name == fault.name and each.at < fault.at]
    lasting = [each for each in before if each.duration is None]
    return max(lasting, key=lambda each: each.at).amount if lasting else None


def _fault(fault: Fault, before: float | None) -> Iterator[Inject]:
    """It grows from what was there ``before``, and leaves that when it is over."""
    begin = before or 0.0
    steps = min(_RAMP_STEPS, max(1, fault.ramp // 60_000)) if fault.ramp else 1
    for step in range(1, steps + 1):
        amount = fault.amount if step == steps else begin + (fault.amount - begin) * step / steps
        yield Inject(fault.at + fault.ramp * step // steps, fault.name, amount)
    if fault.duration is not None:
        after = max(0.0, PUMP_FAULTS[fault.name].lower) if before is None else before
        yield Inject(fault.at + fault.duration, fault.name, after)


def _refill(refill: Refill) -> Iterator[Action]:
    """Begun, emptied after two fifths of the time, filled after seven tenths, told and completed at the end."""
    out_ms, in_ms = (refill.at + refill.duration * tenths // 10 // _SECOND_MS * _SECOND_MS for tenths in (4, 7))
    end_ms = refill.at + refill.duration
    if refill.announced:
        yield Command(refill.at, "begin-refill")
    yield Aspirate(out_ms)
    if refill.announced:
        returned_ml = refill.reported_returned_ml
        yield Command(out_ms, "returned", None if returned_ml is None else nanolitres(returned_ml))
    yield Fill(in_ms, nanolitres(refill.fill_ml), refill.infusate_c)
    if refill.announced:
        told_ml = refill.fill_ml if refill.reported_fill_ml is None else refill.reported_fill_ml
        yield Command(end_ms, "filled", nanolitres(told_ml))
        yield Command(
            end_ms,
            "drug",
            drug=refill.drug,
            concentration_ug_per_ml=round(refill.concentration_mg_per_ml * 1000),
        )
        yield Command(end_ms, "complete-refill")


def _visit(visit: Visit) -> Iterator[Command]:
    for verb in visit.actions:
        yield Command(visit.at, verb)
