"""Which conditions hold: n-of-m debounce and hysteresis, the same for every row of the table."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from firmware_model.firmware.alarms import CONDITIONS, Condition, Quantity, Rhythm
from firmware_model.firmware.configuration import Configuration

__all__ = ["AlarmState", "ConditionState", "Edge", "Marks", "judged_under"]

Marks = Mapping[tuple[int, bool], Sequence[int]]
"""Of conditions by number, active or not: the rising numbers of all renewals in which one that is not active is there;
or in which one that is active is over."""


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
    fewest: int
    whole: int
    n: int
    m: int


@lru_cache(maxsize=64)
def judged_under(configuration: Configuration) -> tuple[_Judged, ...]:
    """Every condition that readings decide on, under a configuration."""
    return tuple(_judged(number, row, configuration) for number, row in enumerate(CONDITIONS) if row.terms)


def _judged(number: int, condition: Condition, configuration: Configuration) -> _Judged:
    quantities = tuple(term.quantity for term in condition.terms)
    n, m = condition.debounce(configuration)
    return _Judged(
        number,
        condition,
        quantities,
        raising=tuple(Edge(t.quantity, t.above, t.raise_at(configuration)) for t in condition.terms),
        staying=tuple(Edge(t.quantity, t.above, t.clear_at(configuration)) for t in condition.terms),
        fewest=max(quantity.fewest or quantity.reach for quantity in quantities),
        whole=max(quantity.reach for quantity in quantities),
        n=n,
        m=m,
    )


class ConditionState:
    """One condition's limits, and what it remembers: at most the last ``m`` renewals."""

    def __init__(self, judged: _Judged) -> None:
        """Begin with the condition not there."""
        self.number, self.condition, self.quantities = judged.number, judged.condition, judged.quantities
        self.rhythm = judged.condition.rhythm
        self.raising = judged.raising
        """While these all hold, the condition is there."""
        self.staying = judged.staying
        """Once it was, it stays while these all hold."""
        self.fewest = judged.fewest
        """So many samples since the windows began does it take to be judged ..."""
        self.whole = judged.whole
        """... and with so many the windows are whole."""
        self.n, self.m = judged.n, judged.m
        self.active = False
        self.hits = deque[int]()
        """Renewals, by number, in which it was there."""
        self.stayed_at = 0
        """Number of the last renewal in which it was not over, while it is active."""

    def judge(self, number: int, quantities: Mapping[Quantity, int]) -> bool:
        """Take renewal ``number``; gives whether the condition became active, or ceased to be."""
        if self.active:
            return self._ends(number, quantities)
        for quantity, above, limit in self.raising:
            value = quantities.get(quantity)
            if value is None or (value <= limit if above else value >= limit):
                return False
        return self._begins(number)

    def _begins(self, number: int) -> bool:
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

    def recent(self, number: int) -> Sequence[int]:
        """Renewals before ``number`` that count towards its beginning; or, if it is active, towards its end."""
        return range(max(self.stayed_at + 1, number - self.m), number) if self.active else self.hits

    def pass_over(self, first: int, last: int, marked: Sequence[int]) -> None:
        """Take renewals ``first`` to ``last`` without a look.

        In those that are ``marked``, and in no others, it was there; or, if it is active, was over.
        """
        if not self.active:
            self.hits.extend(marked[-self.m :])
            while self.hits and self.hits[0] <= last - self.m:
                self.hits.popleft()
            return
        stayed_at = last
        for number in reversed(marked):
            if number != stayed_at:
                break
            stayed_at -= 1
        if stayed_at >= first:
            self.stayed_at = stayed_at


class AlarmState:
    """The state of every condition in the table that readings decide on."""

    def __init__(self, configuration: Configuration, before: "AlarmState | None" = None) -> None:
        """Nothing holds, and nothing was there, but for what did and was under another configuration ``before``."""
        states = [ConditionState(judged) for judged in judged_under(configuration)]
        for state, was in zip(states, before.by_number.values() if before is not None else (), strict=False):
            state.active, state.stayed_at, state.hits = was.active, was.stayed_at, was.hits
        self.active_numbers = frozenset(state.number for state in states if state.active)
        """Places in the table of the conditions that hold."""
        self.by_number: Mapping[int, ConditionState] = {state.number: state for state in states}
        self.of: Mapping[Rhythm, list[ConditionState]] = {
            rhythm: [s for s in states if s.rhythm is rhythm] for rhythm in Rhythm
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

    def pass_over(self, first: int, last: int, marks: Marks, *, restarted_at: int, in_service: bool) -> None:
        """Take samples ``first`` to ``last`` without a look; ``marks`` say what it would have found in whole windows.

        Those have begun with sample number ``restarted_at``. Before they are whole, there is nothing to be found.
        """
        for number in {*self.active_numbers, *(number for number, _ in marks)}:
            state = self.by_number[number]
            rhythm = state.rhythm
            begin, end = -(-first // rhythm), last // rhythm
            if begin <= end and (state.condition.in_service or not in_service):
                marked = marks.get((number, state.active), ())
                whole = max(begin, -(-(restarted_at + state.whole - 1) // rhythm))
                state.pass_over(begin, end, marked[bisect_left(marked, whole) : bisect_right(marked, end)])

    def forget(self, quantity: Quantity) -> None:
        """What a quantity is measured from was set anew: so its conditions do not hold, and nothing counts for them."""
        for state in self.by_number.values():
            if quantity in state.quantities:
                state.active = False
                state.hits.clear()
                self.active_numbers -= {state.number}

    def active_for(self, alarm: int) -> bool:
        """Whether any condition of an alarm is active."""
        return any(s.active and s.condition.alarm == alarm for states in self.of.values() for s in states)
