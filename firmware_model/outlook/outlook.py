"""Until when nothing can happen: bounds of everything that the alarms look at, for a long stretch of samples at once.

Noise is bounded and the truth is known leg by leg, so that on each leg (and at each hour) every quantity lies between
two bounds. A condition that is not there cannot begin where its terms cannot all hold; one that is there cannot end
where they all must. Where bounds do not decide, the quantities are worked out from the readings themselves; so it is
known in which renewals a condition is there, and where these are so many that it begins (or, if it is active, ends).
Samples in which no condition does are *quiet*: to take them would change nothing but the windows, which can be filled
from the last samples before the next one that matters, and the conditions' memory of where they were there.
"""

from firmware_model.electronics.sampler import Sampler
from firmware_model.firmware.alarm_state import ConditionState
from firmware_model.firmware.alarms import Rhythm
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import Calibration
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.outlook.condition_outlook import ConditionOutlook
from firmware_model.outlook.hour_outlook import HourOutlook
from firmware_model.outlook.marks import ExactMarks
from firmware_model.outlook.open_samples import DECIDED, OpenSamples, first_open, together
from firmware_model.outlook.sample_outlook import REACH_MS, SampleOutlook
from firmware_model.outlook.value_range import settled
from firmware_model.physics.truth import TruthLegs
from protocols.messages import Mode

__all__ = ["Outlook"]


class _Judged:
    """Conditions that are judged together, by their number."""

    def __init__(self, by_number: dict[int, tuple[ConditionState, ConditionOutlook]]) -> None:
        self.by_number = by_number
        self._open: OpenSamples | None = None

    @property
    def open(self) -> OpenSamples:
        """Samples in which any of them may change."""
        if self._open is None:
            self._open = together(each.open for _, each in self.by_number.values())
        return self._open

    def forget_open(self) -> None:
        """One of them was looked at more closely."""
        self._open = None


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
        self.configuration = configuration
        """With another one it tells nothing."""
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
        self._of: dict[tuple[int, bool], ConditionOutlook | None] = {}
        """Of every condition, active or not, that was asked for; None if it is settled for all of the stretch."""
        self.marks: dict[tuple[int, bool], list[int]] = {}
        """Where conditions are there (or over), of those that a closer look found any of."""
        self._judged: dict[tuple[bool, frozenset[int]], _Judged] = {}
        self._situation: tuple[object, ...] = ()
        self._next = 0, False

    def next_sample(self, firmware: Firmware, last: int) -> int:
        """The first sample, not yet taken, in which something might happen; one beyond the last if there is none.

        Up to sample ``last`` it is decided whether anything happens; beyond, it may turn out that nothing does.
        """
        timer_ms, checks = firmware.next_timer_ms, firmware.memory.is_suspect or firmware.clock.has_jumped
        active = firmware.state.active_numbers
        situation = firmware.mode, active, firmware.restarted_at, timer_ms, checks
        at, is_undecided = self._next
        if situation != self._situation or at < firmware.sample_count or (is_undecided and at <= last):
            self._situation = situation
            self._next = at, _ = self._first_open(firmware, self._first_due(firmware, timer_ms, checks=checks), last)
        return at

    def _first_due(self, firmware: Firmware, timer_ms: int | None, *, checks: bool) -> int:
        """The first sample that is to be taken whatever the readings are."""
        sample = firmware.sample_count
        if firmware.mode is Mode.SELF_TEST:
            return sample
        found = self.last + 1
        if checks:
            found = min(found, -(-max(sample, 1) // HOUR_SAMPLES) * HOUR_SAMPLES)
        if timer_ms is not None:
            found = min(found, max(sample, -((self._started_ms - timer_ms) // SAMPLE_PERIOD_MS)))
        return found

    def _first_open(self, firmware: Firmware, due: int, last: int) -> tuple[int, bool]:
        """The first sample that is open, and whether a closer look at it could tell more: it was taken up to ``last``.

        Whoever is open first is looked at first: what is further off may never be asked for.
        """
        judged = self._judged_now(firmware)
        while True:
            at, undecided = map(int, first_open(judged.open, firmware.sample_count, firmware.restarted_at))
            if at >= due:
                return due, False
            if undecided == DECIDED or at > last:
                return at, undecided != DECIDED
            state, outlook = judged.by_number[undecided]
            outlook.look_closer(firmware, state, at)
            for each in self._judged.values():
                each.forget_open()
            if outlook.marks:
                self.marks[state.number, state.active] = outlook.marks

    def _judged_now(self, firmware: Firmware) -> "_Judged":
        """The conditions that are judged now and may begin or end in this stretch."""
        in_service = firmware.mode is Mode.SERVICE
        key = in_service, firmware.state.active_numbers
        if key not in self._judged:
            self._judged[key] = _Judged(
                {
                    state.number: (state, outlook)
                    for state in firmware.state.by_number.values()
                    if state.condition.in_service or not in_service
                    if (outlook := self._outlook_for(state)) is not None
                }
            )
        return self._judged[key]

    def _outlook_for(self, state: ConditionState) -> ConditionOutlook | None:
        key = (state.number, state.active)
        if key not in self._of:
            outlook = None
            if not self._is_settled(state):
                of = self._hours if state.rhythm is Rhythm.HOUR else self._samples
                outlook = ConditionOutlook(state, of.open(state), self._exact, last=self.last)
            self._of[key] = outlook
        return self._of[key]

    def _is_settled(self, state: ConditionState) -> bool:
        """Whether a condition can neither begin nor end in all of the stretch."""
        if state.rhythm is Rhythm.HOUR and not self._hours.count:
            return True
        if any(quantity.sensors & self._samples.out_of_range for quantity in state.quantities):
            return True  # what comes from a sensor at the end of its range says nothing
        return settled(self._hours.ranges, state.staying if state.active else state.raising, active=state.active)
