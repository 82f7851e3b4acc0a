"""Individuals and moving ranges (I-MR): whether what differs from run to run is chance.

Limits are three standard deviations from the mean; the standard deviation is estimated from the mean moving range of
two neighbours, which a slow drift does not widen (NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

__all__ = ["ControlChart", "Signal", "control_chart"]

_D2 = 1.128
"""Mean range of two normal values over their standard deviation."""
_D4 = 3.267
"""Upper limit of ranges of two over their mean."""
_RUN = 8
"""So many in a row on one side of the mean are no chance (Western Electric, rule 4)."""


@dataclass(frozen=True)
class Signal:
    """A value, by its place, that is not explained by chance, and why."""

    place: int
    why: str


@dataclass(frozen=True)
class ControlChart:
    """n values with their limits, and the n - 1 moving ranges with theirs."""

    values: tuple[float, ...]
    ranges: tuple[float, ...]
    centre: float
    lower: float
    upper: float
    mean_range: float
    range_upper: float
    signals: tuple[Signal, ...]


def control_chart(values: Sequence[float]) -> ControlChart:
    """The chart of ``values`` in their order. Raises ValueError for fewer than two."""
    if len(values) < 2:
        raise ValueError(f"a control chart needs at least 2 values, got {len(values)}")
    ranges = tuple(abs(after - before) for before, after in pairwise(values))
    centre, mean_range = mean(values), mean(ranges)  # rounded once: of equal values exactly that value, unlike fmean
    reach = 3 * mean_range / _D2
    lower, upper, range_upper = centre - reach, centre + reach, _D4 * mean_range
    signals = [Signal(n, "beyond its limits") for n, value in enumerate(values) if not lower <= value <= upper]
    signals += [Signal(n + 1, "far from the one before") for n, each in enumerate(ranges) if each > range_upper]
    signals += [Signal(n, f"{_RUN} in a row on one side") for n in _ends_of_runs(values, centre)]
    return ControlChart(
        tuple(values), ranges, centre, lower, upper, mean_range, range_upper, tuple(sorted(signals, key=_place))
    )


def _ends_of_runs(values: Sequence[float], centre: float) -> list[int]:
    """Where a run on one side of the centre becomes too long."""
    ends, length, side = [], 0, 0
    for place, value in enumerate(values):
        here = (value > centre) - (value < centre)
        length = length + 1 if here and here == side else abs(here)
        side = here
        if length == _RUN:
            ends.append(place)
    return ends


def _place(signal: Signal) -> int:
    return signal.place
