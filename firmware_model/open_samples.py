"""In which samples something may happen: as arrays of the shape (6, intervals)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from firmware_model.compiled import compiled

__all__ = [
    "DECIDED",
    "EVER",
    "NOTHING",
    "OpenSamples",
    "Spans",
    "beyond",
    "first_open",
    "open_spans",
    "single_samples",
    "together",
    "undecided_samples",
]

Times = NDArray[np.int64]
Spans = NDArray[np.int64]
"""Rows: first and last sample, rising; and because of what was at which sample, so that nothing can happen any more
once the windows begin after that."""
OpenSamples = NDArray[np.int64]
"""Rows: those of ``Spans``; how many samples there must be since the windows began, at least and at most; and the
number of the condition that a closer look would decide on, or ``DECIDED``."""

EVER = 1 << 60
"""A sample that never comes."""
DECIDED = -1
NOTHING: OpenSamples = np.empty((6, 0), dtype=np.int64)
_FIRST, _LAST, _CAUSE, _FEWEST, _MOST, _UNDECIDED = range(6)


def single_samples(samples: Times) -> Spans:
    """One span for each sample."""
    spans = np.empty((3, samples.size), dtype=np.int64)
    spans[_FIRST] = spans[_LAST] = samples
    spans[_CAUSE] = EVER
    return spans


def open_spans(spans: Spans, *, fewest: int, most: int = EVER, undecided: int = DECIDED) -> OpenSamples:
    """Spans that are open while the windows hold so many samples."""
    found = np.empty((6, spans.shape[1]), dtype=np.int64)
    found[:_FEWEST] = spans
    found[_FEWEST], found[_MOST], found[_UNDECIDED] = fewest, most, undecided
    return found


def together(parts: Iterable[OpenSamples]) -> OpenSamples:
    """All of them in one."""
    some = [part for part in parts if part.size]
    return np.concatenate(some, axis=1) if some else NOTHING


@compiled
def first_open(open_: OpenSamples, sample: int, restarted_at: int) -> tuple[int, int]:
    """The first open sample from ``sample`` on, or ``EVER`` if there is none; and its last row."""
    found, undecided = EVER, DECIDED
    for place in range(open_.shape[1]):
        begin = max(sample, open_[_FIRST, place], restarted_at + open_[_FEWEST, place] - 1)
        end = min(open_[_LAST, place], restarted_at + open_[_MOST, place] - 1)
        is_open = begin <= end and restarted_at <= open_[_CAUSE, place]
        if is_open and (begin < found or (begin == found and open_[_UNDECIDED, place] == DECIDED)):
            found, undecided = begin, open_[_UNDECIDED, place]
    return found, undecided


@compiled
def undecided_samples(open_: OpenSamples, sample: int, last: int, restarted_at: int, most: int) -> Times:
    """The undecided ones from ``sample`` to ``last``, as windows begin now; of ``most`` the first so many."""
    found, count = np.empty(most, np.int64), 0
    for place in range(open_.shape[1]):
        if open_[_UNDECIDED, place] != DECIDED and restarted_at <= open_[_CAUSE, place]:
            each = max(sample, open_[_FIRST, place])
            while each <= min(last, open_[_LAST, place]) and count < most:
                found[count] = each
                count, each = count + 1, each + 1
    return found[:count]


@compiled
def beyond(open_: OpenSamples, sample: int, decided: int) -> OpenSamples:
    """What is left to come from ``sample`` on, once all undecided samples up to ``decided`` are decided."""
    left, count = np.empty_like(open_), 0
    for place in range(open_.shape[1]):
        first, last = open_[_FIRST, place], open_[_LAST, place]
        if open_[_UNDECIDED, place] != DECIDED:
            first = max(first, decided + 1)
        if max(first, sample) <= last:
            left[:, count] = open_[:, place]
            left[_FIRST, count] = first
            count += 1
    return left[:, :count].copy()
