"""When one condition can begin, or end: by bounds at first, and by readings where these do not decide."""

import numpy as np
from numpy.typing import NDArray

from firmware_model.firmware.alarm_state import ConditionState
from firmware_model.firmware.alarms import Rhythm
from firmware_model.firmware.firmware import Firmware
from firmware_model.outlook.marks import ExactMarks
from firmware_model.outlook.open_samples import (
    Spans,
    beyond,
    open_spans,
    spans_of,
    together,
    undecided_samples,
)

__all__ = ["ConditionOutlook"]

Times = NDArray[np.int64]

_FIRST_LOOK = {Rhythm.SAMPLE: 240, Rhythm.HOUR: 48}
"""So many renewals are looked at more closely at first ..."""
_GROWTH, _LARGEST_LOOK = 4, 16_384
"""... then so many times more, each time."""


class ConditionOutlook:
    """One condition, as long as it is active, or is not."""

    def __init__(self, state: ConditionState, spans: Spans, exact: ExactMarks, *, last: int) -> None:
        """Begin with the ``spans`` that bounds leave open; look no further than to sample ``last``."""
        self._exact = exact
        self._last = last
        self._at_once = _FIRST_LOOK[state.rhythm]
        self.marks: list[int] = []
        """Renewals in which the condition is there, or is over if it is active: of all those that were looked at."""
        rhythm = int(state.rhythm)
        self.open = open_spans(spans, rhythm=rhythm, fewest=state.fewest)
        """Samples in which it may change."""
        if exact.can_tell(state):
            self.open = open_spans(spans, rhythm=rhythm, fewest=state.whole, undecided=state.number)
            if state.fewest < state.whole:
                part = open_spans(spans, rhythm=rhythm, fewest=state.fewest, most=state.whole - 1)
                self.open = together([self.open, part])

    def look_closer(self, firmware: Firmware, state: ConditionState, at: int) -> None:
        """Decide on samples from ``at`` on, by their readings; on more of them each time."""
        rhythm = int(state.rhythm)
        samples = undecided_samples(self.open, at, self._last, firmware.restarted_at, self._at_once)
        self._at_once = min(_GROWTH * self._at_once, _LARGEST_LOOK)
        marked = self._exact.among(samples, state, firmware.windows.out_of_range_at) // rhythm
        self.open = beyond(self.open, firmware.sample_count, int(samples[-1]))
        if marked.size:
            before = {*state.recent(-(-firmware.sample_count // rhythm)), *self.marks[-state.m :]}
            changes = spans_of(_completing(state, marked, before), rhythm)
            self.open = together([open_spans(changes, rhythm=rhythm, fewest=state.whole), self.open])
            self.marks += marked.tolist()


def _completing(state: ConditionState, marked: Times, before: set[int]) -> Times:
    """Those of ``marked`` renewals that complete what it takes to begin or to end, with what was ``before`` them.

    It may be less: what does not count after all is found once that sample is taken.
    """
    takes = state.m if state.active else state.n
    if state.active and not state.condition.in_service and state.fewest < state.whole:
        takes = 1  # those in a refill, which nobody judges, count as well; unless windows must be whole again after it
    known = np.concatenate([np.array(sorted(before), dtype=np.int64), marked])
    completes = np.zeros(known.size, dtype=bool)
    completes[takes - 1 :] = known[takes - 1 :] - known[: max(0, known.size - takes + 1)] < state.m
    return marked[completes[len(before) :]]
