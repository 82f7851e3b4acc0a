"""From legs of the truth: the samples on some of them, and those in which readings of one sensor can be far apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_model.firmware.firmware import SAMPLE_PERIOD_MS
from firmware_model.outlook.open_samples import EVER, Spans
from protocols.compiled import compiled

__all__ = ["further_apart_than", "spans_on"]

Values = NDArray[Any]
Times = NDArray[np.int64]


@compiled
def further_apart_than(  # noqa: PLR0917 -- compiled functions take no keyword-only arguments
    limit: float,
    span_ms: int,
    gain: float,
    slack: float,
    started_ms: int,
    start_ms: Times,
    end_ms: Times,
    start: Values,
    end: Values,
) -> Spans:
    """Samples at which two readings within ``span_ms`` can be more than ``limit`` apart.

    The cause is that the truth jumped; where it runs so fast that it needs no jump, the cause is ``EVER``. Readings are
    ``gain`` times the truth, from ``start`` to ``end`` of each leg, but for ``slack``.
    """
    slopes, travelled = np.empty(start.size), np.empty(start.size)
    found = np.empty((3, start.size), np.int64)
    reach, jumped, cause_ms, count = 0, 0.0, start_ms[0], 0
    for leg in range(start.size):
        slopes[leg] = abs(end[leg] - start[leg]) / (end_ms[leg] - start_ms[leg])
        if leg:
            jump = abs(start[leg] - end[leg - 1])
            jumped += jump
            if jump * gain > limit / 100:
                cause_ms = start_ms[leg]
        travelled[leg] = jumped
        while reach < leg and start_ms[reach + 1] <= start_ms[leg] - span_ms:
            reach += 1
        worst = 0.0
        for each in range(reach, leg + 1):
            worst = max(worst, slopes[each])
        worst *= span_ms
        runs_fast = worst * gain + slack > limit
        if runs_fast or (jumped - travelled[reach] + worst) * gain + slack > limit:
            first = (start_ms[leg] - started_ms) // SAMPLE_PERIOD_MS + 1
            last = (end_ms[leg] - started_ms) // SAMPLE_PERIOD_MS
            if first <= last:
                found[0, count], found[1, count] = first, last
                found[2, count] = EVER if runs_fast else (cause_ms - started_ms) // SAMPLE_PERIOD_MS
                count += 1
    return found[:, :count].copy()


@compiled
def spans_on(open_: Values, tail: int, started_ms: int, start_ms: Times, end_ms: Times) -> Spans:
    """Samples on ``open_`` legs; and behind each row of these ``tail`` more, whose cause is the last of the legs."""
    found, count = np.empty((3, 2 * open_.size), np.int64), 0
    for leg in range(open_.size):
        first = (start_ms[leg] - started_ms) // SAMPLE_PERIOD_MS + 1
        last = (end_ms[leg] - started_ms) // SAMPLE_PERIOD_MS
        if not open_[leg] or first > last:
            continue
        if count and found[0, count - 1] == first:  # in the place of the tail, which would begin there
            count -= 2
            first = found[0, count]
        elif count:
            found[1, count - 1] = min(found[1, count - 1], first - 1)
        found[0, count], found[1, count], found[2, count] = first, last, EVER
        found[0, count + 1], found[1, count + 1], found[2, count + 1] = last + 1, last + tail, last
        count += 2
    return found[:, :count].copy()
