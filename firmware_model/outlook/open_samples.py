"""In which samples something may happen: as arrays of the shape (7, intervals)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from protocols.compiled import compiled

__all__ = [
    "DECIDED",
    "EVER",
    "NOTHING",
    "OpenSamples",
    "Spans",
    "beyond",
    "first_open",
    "open_spans",
    "spans_of",
    "together",
    "undecided_samples",
]

Times = NDArray[np.int64]
Spans = NDArray[np.int64]
"""Rows: first and last sample, rising; and because of what was at which sample, so that nothing can happen any more
once the windows begin after that. Of conditions of every hour only the samples that end one are meant."""
OpenSamples = NDArray[np.int64]
"""Rows: those of ``Spans``; how many samples there must be since the windows began, at least and at most; the number of
the condition that a closer look would decide on, or ``DECIDED``; and its rhythm."""

EVER = 1 << 60
"""A sample that never comes."""
DECIDED = -1
NOTHING: OpenSamples = np.empty((7, 0), dtype=np.int64)
_FIRST, _LAST, _CAUSE, _FEWEST, _MOST, _UNDECIDED, _RHYTHM = range(7)


@compiled
def spans_of(renewals: Times, rhythm: int) -> Spans:
    """The samples of rising renewals: one span for each run of them."""
    found, count = np.empty((3, renewals.size), np.int64), 0
    for place in range(renewals.size):
        sample = renewals[place] * rhythm
        if not count or found[_LAST, count - 1] != sample - rhythm:
            found[_FIRST, count], found[_CAUSE, count] = sample, EVER
            count += 1
        found[_LAST, count - 1] = sample
    return found[:, :count].copy()


def open_spans(spans: Spans, *, rhythm: int, fewest: int, most: int = EVER, undecided: int = DECIDED) -> OpenSamples:
    """Spans that are open while the windows hold so many samples."""
    found = np.empty((7, spans.shape[1]), dtype=np.int64)
    found[:_FEWEST] = spans
    found[_FEWEST], found[_MOST], found[_UNDECIDED], found[_RHYTHM] = fewest, most, undecided, rhythm
    return found


def together(parts: Iterable[OpenSamples]) -> OpenSamples:
    """All of them in one."""
    some = [part for part in parts if part.size]
    return np.concatenate(some, axis=1) if some else NOTHING


@compiled
def _at_or_after(sample: int, rhythm: int) -> int:
    """The first sample of a rhythm from ``sample`` on."""
    return -(-sample // rhythm) * rhythm


@compiled
def first_open(open_: OpenSamples, sample: int, restarted_at: int) -> tuple[int, int]:
    """The first open sample from ``sample`` on, or ``EVER`` if there is none; and its last row."""
    found, undecided = EVER, DECIDED
    for place in range(open_.shape[1]):
        begin = max(sample, open_[_FIRST, place], restarted_at + open_[_FEWEST, place] - 1)
        begin = _at_or_after(begin, open_[_RHYTHM, place])
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
            rhythm = open_[_RHYTHM, place]
            each = _at_or_after(max(sample, open_[_FIRST, place]), rhythm)
            while each <= min(last, open_[_LAST, place]) and count < most:
                found[count] = each
                count, each = count + 1, each + rhythm
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
