"""Which conditions hold: n-of-m debounce and hysteresis, the same for every row of the table."""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from firmware_model.alarms import CONDITIONS, Condition, Quantity, Rhythm
from firmware_model.configuration import Configuration

__all__ = ["AlarmState", "ConditionState", "Edge", "judged_under"]


class Edge(NamedTuple):
    """One side of one term, worked out: true where the quantity is beyond ``limit`` (above or below it)."""

    quantity: Quantity
    above: bool
    limit: int

    def holds(self, value: int) -> bool:
        """Whether a value is beyond the limit."""
        return value > self.limit if self.above else value < self.limit


class _Judged(NamedTuple):
    """One condition under one configuration."""

    number: int
    condition: Condition
    quantities: tuple[Quantity, ...]
    raising: tuple[Edge, ...]
    staying: tuple[Edge, ...]
    needs: int
    n: int
    m: int


@lru_cache(maxsize=64)
def judged_under(configuration: Configuration) -> tuple[_Judged, ...]:
    """Every condition that readings decide on, under a configuration."""
    return tuple(_judged(number, row, configuration) for number, row in enumerate(CONDITIONS) if row.terms)


def _judged(number: int, condition: Condition, configuration: Configuration) -> _Judged:
    quantities = tuple(term.quantity for term in condition.terms)
    needs_flow = any(quantity in {Quantity.FLOW, Quantity.UNEXPLAINED_FLOW} for quantity in quantities)
    n, m = condition.debounce(configuration)
    return _Judged(
        number,
        condition,
        quantities,
        raising=tuple(Edge(t.quantity, t.above, t.raise_at(configuration)) for t in condition.terms),
        staying=tuple(Edge(t.quantity, t.above, t.clear_at(configuration)) for t in condition.terms),
        needs=2 if needs_flow else 1 if any(quantity.reach > 1 for quantity in quantities) else 0,
        n=n,
        m=m,
    )


class ConditionState:
    """One condition's limits, and what it remembers: at most the last ``m`` renewals."""

    def __init__(self, judged: _Judged) -> None:
        """Begin with the condition not there."""
        self.number, self.condition, self.quantities = judged.number, judged.condition, judged.quantities
        self.raising = judged.raising
        """While these all hold, the condition is there."""
        self.staying = judged.staying
        """Once it was, it stays while these all hold."""
        self.needs = judged.needs
        """What it takes to be judged: 0 nothing, 1 as many samples as make a mean, 2 a valid flow."""
        self.n, self.m = judged.n, judged.m
        self.active = False
        self.hits = deque[int]()
        """Renewals, by number, in which it was there."""
        self.stayed_at = 0
        """Number of the last renewal in which it was not over, while it is active."""

    def judge(self, number: int, quantities: Mapping[Quantity, int]) -> bool:
        """Take renewal ``number``; gives whether the condition became active, or ceased to be."""
        return self._ends(number, quantities) if self.active else self._begins(number, quantities)

    def _begins(self, number: int, quantities: Mapping[Quantity, int]) -> bool:
        if not all(edge.quantity in quantities and edge.holds(quantities[edge.quantity]) for edge in self.raising):
            return False
        self.hits.append(number)
        while self.hits[0] <= number - self.m:
            self.hits.popleft()
        if len(self.hits) < self.n:
            return False
        self.active = True
        self.stayed_at = number
        self.hits.clear()
        return True

    def _ends(self, number: int, quantities: Mapping[Quantity, int]) -> bool:
        if any(q not in quantities for q in self.quantities) or all(
            edge.holds(quantities[edge.quantity]) for edge in self.staying
        ):
            self.stayed_at = number
        if number - self.stayed_at < self.m:
            return False
        self.active = False
        return True


class AlarmState:
    """The state of every condition in the table that readings decide on."""

    def __init__(self, configuration: Configuration, before: "AlarmState | None" = None) -> None:
        """Nothing holds, but for what held under another configuration ``before``."""
        states = [ConditionState(judged) for judged in judged_under(configuration)]
        if before is not None:
            held = {
                state.number: state.stayed_at for states_ in before.of.values() for state in states_ if state.active
            }
            for state in states:
                state.active, state.stayed_at = state.number in held, held.get(state.number, 0)
        self.active_numbers = frozenset(state.number for state in states if state.active)
        """Places in the table of the conditions that hold."""
        self.of: Mapping[Rhythm, list[ConditionState]] = {
            rhythm: [s for s in states if s.condition.rhythm is rhythm] for rhythm in Rhythm
        }

    def judge(
        self, rhythm: Rhythm, number: int, quantities: Mapping[Quantity, int], *, in_service: bool
    ) -> list[ConditionState]:
        """Take renewal ``number`` of the quantities of one rhythm; gives the conditions that began or ended.

        A quantity that is missing says nothing: its conditions do not begin, and do not end.
        """
        changed = [
            state
            for state in self.of[rhythm]
            if (state.condition.in_service or not in_service) and state.judge(number, quantities)
        ]
        for state in changed:
            self.active_numbers ^= {state.number}
        return changed

    def stay(self, rhythm: Rhythm, number: int, *, in_service: bool) -> None:
        """Have what holds hold on until renewal ``number``, without looking."""
        for state in self.of[rhythm] if self.active_numbers else ():
            if state.active and (state.condition.in_service or not in_service):
                state.stayed_at = number

    def active_for(self, alarm: int) -> bool:
        """Whether any condition of an alarm is active."""
        return any(s.active and s.condition.alarm == alarm for states in self.of.values() for s in states)
