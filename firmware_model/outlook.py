"""Until when nothing can happen: bounds of everything that the alarms look at, for a long stretch of samples at once.

Noise is bounded and the truth is known leg by leg, so that on each leg (and at each hour) every quantity lies between
two bounds. A condition that is not there cannot begin where its terms cannot all hold; one that is there cannot end
where they all must. Where bounds do not decide, the quantities are worked out from the readings themselves; so it is
known in which renewals a condition is there, and where these are so many that it begins (or, if it is active, ends).
Samples in which no condition does are *quiet*: to take them would change nothing but the windows, which can be filled
from the last samples before the next one that matters, and the conditions' memory of where they were there.
"""

import numpy as np
from numpy.typing import NDArray

from firmware_model.alarm_state import ConditionState
from firmware_model.alarms import Rhythm
from firmware_model.configuration import Configuration
from firmware_model.estimation import Calibration
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.hour_outlook import HourOutlook
from firmware_model.marks import ExactMarks
from firmware_model.open_samples import (
    DECIDED,
    EVER,
    NOTHING,
    OpenSamples,
    beyond,
    first_open,
    open_spans,
    single_samples,
    together,
    undecided_samples,
)
from firmware_model.sample_outlook import REACH_MS, SampleOutlook
from firmware_model.sampler import Sampler
from firmware_model.truth import TruthLegs
from firmware_model.value_range import settled
from protocols.messages import Mode

__all__ = ["Outlook"]

Times = NDArray[np.int64]

_FIRST_LOOK = {Rhythm.SAMPLE: 240, Rhythm.HOUR: 24}
"""So many renewals are looked at more closely at first ..."""
_GROWTH, _LARGEST_LOOK = 4, 16_384
"""... then so many times more, each time."""


class Outlook:
    """What can happen to one firmware from one of its samples to another, as long as nobody interferes."""

    def __init__(
        self,
        legs: TruthLegs,
        sampler: Sampler,
        calibration: Calibration,
        configuration: Configuration,
        *,
        first: int,
        last: int,
        awake_since: int,
    ) -> None:
        """Look from sample ``first`` to sample ``last``; the ``legs`` reach as far.

        Sample ``awake_since`` is the first that was taken since the pump left the shelf.
        """
        self.last = last
        self._started_ms = sampler.started_ms
        begin = max(0, int(legs.start_ms.searchsorted(sampler.time_ms(first) - REACH_MS)) - 1)
        end = int(legs.start_ms.searchsorted(sampler.time_ms(last)))
        legs = TruthLegs._make([column[begin:end] for column in legs])
        self._samples = SampleOutlook(legs, sampler, calibration, first=first, last=last)
        self._hours = HourOutlook(legs, self._samples, sampler, calibration, configuration, first=first, last=last)
        self.may_be_out_of_range = self._samples.may_be_out_of_range
        """Sensors, one bit each, some of whose readings may be at an end of their range."""
        self._exact = ExactMarks(
            sampler,
            calibration,
            configuration,
            may_be_out_of_range=self.may_be_out_of_range,
            awake_since=awake_since,
        )
        self.marks: dict[tuple[int, bool], list[int]] = {}
        """Of the samples that were looked at so far."""
        self._open: dict[tuple[int, bool], OpenSamples] = {}
        self._merged: dict[tuple[bool, frozenset[int]], OpenSamples] = {}
        self._at_once: dict[tuple[int, bool], int] = {}
        """Of how many renewals a condition takes a closer look the next time."""

    def next_sample(self, firmware: Firmware) -> int:
        """The first sample, not yet taken, in which something might happen; one beyond the last if there is none."""
        sample = firmware.sample_count
        if firmware.mode is Mode.SELF_TEST:
            return sample
        found = self.last + 1
        if firmware.memory.is_suspect or firmware.clock.has_jumped:
            found = min(found, -(-max(sample, 1) // HOUR_SAMPLES) * HOUR_SAMPLES)
        timer_ms = firmware.next_timer_ms
        if timer_ms is not None:
            found = min(found, max(sample, -((self._started_ms - timer_ms) // SAMPLE_PERIOD_MS)))
        return self._first_open(firmware, found)

    def _first_open(self, firmware: Firmware, found: int) -> int:
        """The first sample that some condition leaves open, or ``found`` if there is none before it."""
        while True:
            merged = self._merged_for(firmware)
            if not merged.size:
                return found
            at, undecided = first_open(merged, found, firmware.sample_count, firmware.restarted_at)
            if undecided == DECIDED:
                return int(at)
            self._look_closer(firmware, firmware.state.by_number[undecided], int(at))

    def _look_closer(self, firmware: Firmware, state: ConditionState, at: int) -> None:
        """Decide on samples from ``at`` on, by their readings; on more of them each time."""
        key, rhythm = (state.number, state.active), state.condition.rhythm
        at_once = self._at_once.get(key, _FIRST_LOOK[rhythm])
        self._at_once[key] = min(_GROWTH * at_once, _LARGEST_LOOK)
        samples = undecided_samples(self._open[key], at, self.last, firmware.restarted_at, at_once)
        marked = self._exact.among(samples, state, firmware.windows.out_of_range_at) // rhythm
        known = self.marks.setdefault(key, [])
        recent = state.recent(-(-firmware.sample_count // rhythm))
        changes = _where_it_changes(state, marked, sorted({*recent, *known[-state.m :]})) if marked.size else marked
        known.extend(marked.tolist())
        decided = EVER if samples.size < at_once else int(samples[-1])
        changed = open_spans(single_samples(changes * rhythm), fewest=state.whole)
        self._open[key] = together([changed, beyond(self._open[key], firmware.sample_count, decided)])
        self._merged.clear()

    def _merged_for(self, firmware: Firmware) -> OpenSamples:
        """What is open for all conditions as they are now, in one; worked out once for every state of them."""
        key = (firmware.mode is Mode.SERVICE, firmware.state.active_numbers)
        merged = self._merged.get(key)
        if merged is None:
            of, in_service = firmware.state.of, key[0]
            judged = [state for state in of[Rhythm.SAMPLE] if state.condition.in_service or not in_service]
            merged = self._merged[key] = together(map(self._open_for, [*judged, *of[Rhythm.HOUR]]))
        return merged

    def _open_for(self, state: ConditionState) -> OpenSamples:
        """Samples in which a condition may begin; or, if it is active, may end."""
        key = (state.number, state.active)
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = NOTHING if self._is_settled(state) else self._unsettled(state)
        return found

    def _unsettled(self, state: ConditionState) -> OpenSamples:
        of = self._hours if state.condition.rhythm is Rhythm.HOUR else self._samples
        spans = of.open(state)
        if not self._exact.can_tell(state):
            return open_spans(spans, fewest=state.fewest)
        undecided = open_spans(spans, fewest=state.whole, undecided=state.number)
        if state.fewest == state.whole:
            return undecided
        return together([undecided, open_spans(spans, fewest=state.fewest, most=state.whole - 1)])

    def _is_settled(self, state: ConditionState) -> bool:
        """Whether a condition can neither begin nor end in all of the stretch."""
        if state.condition.rhythm is Rhythm.HOUR and not self._hours.count:
            return True
        if any(quantity.sensors & self._samples.out_of_range for quantity in state.quantities):
            return True  # what comes from a sensor at the end of its range says nothing
        return settled(self._hours.ranges, state.staying if state.active else state.raising, active=state.active)


def _where_it_changes(state: ConditionState, marked: Times, before: list[int]) -> Times:
    """Those of ``marked`` renewals that complete what it takes to begin or to end, with what was ``before`` them.

    It may be less: what does not count after all is found once that sample is taken.
    """
    takes = state.m if state.active else state.n
    if not state.condition.in_service:  # those that nobody judges count as well
        takes = 1
    known = np.concatenate([np.array(before, dtype=np.int64), marked])
    completes = np.zeros(known.size, dtype=bool)
    completes[takes - 1 :] = known[takes - 1 :] - known[: max(0, known.size - takes + 1)] < state.m
    return marked[completes[len(before) :]]
