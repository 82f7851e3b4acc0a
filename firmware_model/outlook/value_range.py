"""Between which bounds something lies, and what that says of a limit."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from firmware_model.firmware.alarm_state import Edge

__all__ = ["Range", "settled"]


class Range(NamedTuple):
    """The least and the most that something can be: floats, or arrays of one shape."""

    low: Any
    high: Any

    def may_hold(self, edge: Edge) -> Any:
        """Where a term may hold."""
        return self.high > edge.limit if edge.above else self.low < edge.limit

    def must_hold(self, edge: Edge) -> Any:
        """Where a term must hold."""
        return self.low > edge.limit if edge.above else self.high < edge.limit

    def widened(self) -> "Range":
        """By what a mean may be off for being whole."""
        return Range(self.low - 0.5, self.high + 0.5)


def settled(ranges: Sequence[Range], edges: Iterable[Edge], *, active: bool) -> bool:
    """Whether the terms of a condition must always all hold, if it does; or else whether they never can.

    ``ranges`` are those of all quantities, by number.
    """
    for edge in edges:
        bounds = ranges[edge.quantity.number]
        if active and not bounds.must_hold(edge):
            return False
        if not active and not bounds.may_hold(edge):
            return True
    return active
