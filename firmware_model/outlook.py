"""Until when nothing can happen: bounds of everything that the alarms look at, for a long stretch of samples at once.

Noise is bounded and the truth is known leg by leg, so that on each leg (and at each hour) every quantity lies between
two bounds. A condition that is not there cannot begin where its terms cannot all hold; one that is there cannot end
where they all must. Samples for which this is true of every condition are *quiet*: to take them would change nothing
but the windows, and those can be filled from the last samples before the next one that matters.
"""

from firmware_model.alarm_state import ConditionState
from firmware_model.alarms import Rhythm
from firmware_model.configuration import Configuration
from firmware_model.estimation import FLOW_WINDOW_HOURS, Calibration
from firmware_model.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.hour_outlook import HourOutlook
from firmware_model.open_samples import DECIDED, NOTHING, OpenSamples, first_open, together
from firmware_model.sample_outlook import REACH_MS, SampleOutlook
from firmware_model.sampler import Sampler
from firmware_model.truth import TruthLegs
from firmware_model.value_range import settled
from firmware_model.windows import first_full_hour
from protocols.messages import Mode

__all__ = ["Outlook"]


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
    ) -> None:
        """Look from sample ``first`` to sample ``last``; the ``legs`` reach as far."""
        self.last = last
        self._started_ms = sampler.started_ms
        begin = max(0, int(legs.start_ms.searchsorted(sampler.time_ms(first) - REACH_MS)) - 1)
        end = int(legs.start_ms.searchsorted(sampler.time_ms(last)))
        legs = TruthLegs._make([column[begin:end] for column in legs])
        self._samples = SampleOutlook(legs, sampler, calibration, first=first, last=last)
        self._hours = HourOutlook(legs, self._samples, sampler, calibration, configuration, first=first, last=last)
        self.may_be_out_of_range = self._samples.may_be_out_of_range
        """Sensors, one bit each, some of whose readings may be at an end of their range."""
        self._open: dict[tuple[int, bool], OpenSamples] = {}
        self._merged: dict[tuple[bool, frozenset[int]], OpenSamples] = {}

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
        full = first_full_hour(firmware.restarted_at)
        valid = full + FLOW_WINDOW_HOURS - 1
        while True:
            merged = self._merged_for(firmware)
            if not merged.size:
                return found
            at, undecided = first_open(merged, found, firmware.sample_count, firmware.restarted_at, full, valid)
            if undecided == DECIDED:
                return int(at)
            state = next(state for state in firmware.state.of[Rhythm.HOUR] if state.number == undecided)
            self._open[undecided, state.active] = self._hours.decide(state, int(at))
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
        """Samples in which a condition may begin to hold; or, if it does hold, may cease to."""
        key = (state.number, state.active)
        found = self._open.get(key)
        if found is None:
            of = self._hours if state.condition.rhythm is Rhythm.HOUR else self._samples
            found = self._open[key] = NOTHING if self._is_settled(state) else of.open(state)
        return found

    def _is_settled(self, state: ConditionState) -> bool:
        """Whether a condition can neither begin nor end in all of the stretch."""
        if state.condition.rhythm is Rhythm.HOUR and not self._hours.count:
            return True
        if any(quantity.sensors & self._samples.out_of_range for quantity in state.quantities):
            return True  # what comes from a sensor at the end of its range says nothing
        return settled(self._hours.ranges, state.staying if state.active else state.raising, active=state.active)
