"""In which samples something may happen: as arrays of the shape (5, intervals)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from firmware_model.compiled import compiled
from firmware_model.firmware import HOUR_SAMPLES

__all__ = ["DECIDED", "EVER", "NOTHING", "OpenSamples", "first_open", "open_hours", "open_intervals", "together"]

OpenSamples = NDArray[np.int64]
"""Rows: first and last sample in which something may happen; because of what was at which sample, so that nothing can
any more once the windows begin after that; what it takes to be judged, as in ``ConditionState.needs``; and the number
of the condition that a closer look would decide on, or ``DECIDED``."""
Times = NDArray[np.int64]

EVER = 1 << 60
"""A sample that never comes."""
DECIDED = -1
NOTHING: OpenSamples = np.empty((5, 0), dtype=np.int64)


def open_intervals(first: Times, last: Times, cause: Times | int) -> OpenSamples:
    """Of samples from ``first`` to ``last``, without those that have none; it takes nothing to be judged there."""
    found = np.empty((5, first.size), dtype=np.int64)
    found[0], found[1], found[2], found[3], found[4] = first, last, cause, 0, DECIDED
    return found[:, first <= last]


def open_hours(hours: Times, needs: int, undecided: int = DECIDED) -> OpenSamples:
    """Of the samples that end ``hours``."""
    found = np.empty((5, hours.size), dtype=np.int64)
    found[:2] = hours * HOUR_SAMPLES
    found[2], found[3], found[4] = EVER, needs, undecided
    return found


def together(parts: Iterable[OpenSamples]) -> OpenSamples:
    """All of them in one."""
    some = [part for part in parts if part.size]
    return np.concatenate(some, axis=1) if some else NOTHING


@compiled
def first_open(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    open_: OpenSamples, found: int, sample: int, restarted_at: int, full: int, valid: int
) -> tuple[int, int]:
    """The first open sample from ``sample`` on, or ``found`` if there is none before it; and its last row.

    What needs a mean is judged from hour ``full`` on, what needs a flow from hour ``valid`` on.
    """
    undecided = DECIDED
    for place in range(open_.shape[1]):
        needs = open_[3, place]
        begin = sample
        if needs:
            begin = max(begin, HOUR_SAMPLES * (full if needs == 1 else valid))
        if open_[1, place] >= begin and open_[2, place] >= restarted_at:
            at = max(begin, open_[0, place])
            if at < found or (at == found and open_[4, place] == DECIDED):
                found, undecided = at, open_[4, place]
    return found, undecided
