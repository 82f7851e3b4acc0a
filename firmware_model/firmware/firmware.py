"""The firmware: integers in; estimates, alarms and records out. It knows uptime, clock and readings, nothing else."""

from collections import deque
from collections.abc import Callable

import numpy as np

from firmware_model.electronics.clock import PumpClock
from firmware_model.electronics.sensors import Readings
from firmware_model.errors import ModelError
from firmware_model.events import BootReason, EventKind, LogEntry, PumpEvent
from firmware_model.firmware.alarm_board import AlarmBoard
from firmware_model.firmware.alarm_state import AlarmState, Marks
from firmware_model.firmware.alarms import LONGEST_REACH, Quantity, Rhythm, condition_number
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import Calibration
from firmware_model.firmware.modes import SAMPLING, Trigger, next_mode
from firmware_model.firmware.pump_memory import HISTORY_DTYPE, PumpMemory
from firmware_model.firmware.refill import Refill
from firmware_model.firmware.windows import Windows
from protocols.messages import Alarms, Mode

__all__ = ["HOUR_SAMPLES", "SAMPLE_PERIOD_MS", "SERVICE_TIMEOUT_MS", "CommandRefused", "Firmware"]

SAMPLE_PERIOD_MS = 60_000
HOUR_SAMPLES = 60
HOUR_MS = HOUR_SAMPLES * SAMPLE_PERIOD_MS
SERVICE_TIMEOUT_MS = 2 * HOUR_MS
"""After which the firmware no longer waits for the end of a refill."""
_BITES_TO_SAFE, _HOURS_OF_BITES = 3, 24
_CAUSES = {
    name: condition_number(name)
    for name in (
        "clock unset",
        "memory damaged at start",
        "started anew",
        "bellows and syringe disagree",
        "telecommands refused",
    )
}


class CommandRefused(ModelError):
    """The firmware does not do what it was told: not in this mode, or not with this value."""


class Firmware:
    """The firmware from one start to the next; integer arithmetic only.

    Sample number n (from 0, the one at power-on) is taken n minutes after the start. Sample 0 belongs to no hour; the
    hours are samples 1 to 60, 61 to 120, and so on.
    """

    def __init__(
        self,
        calibration: Calibration,
        memory: PumpMemory,
        clock: PumpClock,
        *,
        factory: Configuration,
        now_ms: int,
        reason: BootReason,
        bellows_nl: Callable[[int], int],
    ) -> None:
        """Start at ``now_ms`` from what the ``memory`` holds; ``bellows_nl`` reads the bellows out of turn."""
        self.memory = memory
        self.clock = clock
        self.started_ms = now_ms
        self.events: list[PumpEvent] = []
        """What happened since somebody last took it away."""
        self.sample_count = 0
        self.readings = Readings(0, 0, 0, 0, 0, 0)
        """Of the last sample."""
        self._bellows_nl = bellows_nl
        self._factory = factory
        self.windows = Windows(calibration)
        stored = memory.configuration()
        self.configuration = factory if stored is None else stored
        self.state = AlarmState(self.configuration)
        self._restart_due = False
        self.restarted_at = 0
        """Number of the sample with which the windows begin."""
        self.awake_since = 0
        """Number of the sample since which every one was taken or passed over: none is on the shelf."""
        counters = memory.counters()
        self.counters = counters._replace(boots=counters.boots + 1)
        self.mode = Mode.SHELF
        self.hours_ahead = 0
        """Hours that went by since the start and are not yet in the memory: they can be worked out at any time."""
        self._refill = Refill()
        """The last one that was begun."""
        self._refused_ms = deque[int]()
        self.board = AlarmBoard(
            Alarms(self.counters.latched), Alarms(self.counters.acknowledged), now_ms=now_ms, log=self._log
        )
        self.hours_alarms = Alarms(0)
        self.alarm_runs: list[tuple[int, Alarms]] = []
        """Alarms of the hours ahead: from which hour on, and which."""
        self.restarts = [0]
        """Numbers of the samples with which windows began, as far back as the hours ahead."""
        self._clock_ahead_ms = clock.ahead_ms(now_ms)
        """At the last hour's end."""
        self._kept = self.counters
        self._boot(now_ms, reason, configuration_lost=stored is None)

    # What telemetry asks for.

    @property
    def next_sample_ms(self) -> int | None:
        """Bench time of the next sample; None in a mode in which none is taken."""
        return self.started_ms + self.sample_count * SAMPLE_PERIOD_MS if self.mode in SAMPLING else None

    @property
    def active(self) -> Alarms:
        """The alarms that hold now."""
        return self.board.active

    @property
    def next_hour(self) -> int:
        """Sequence number that the next hourly record will have."""
        return self.memory.next_hour + self.hours_ahead

    # Samples.

    def sample(self, readings: Readings, unresponsive: int) -> None:
        """Take the sample that is due; ``unresponsive`` sensors did not answer to their test stimulus."""
        number = self.sample_count
        now_ms = self.started_ms + number * SAMPLE_PERIOD_MS
        self.sample_count += 1
        self.readings = readings
        at_end = self.windows.add(number, readings)
        self._judge(now_ms, Rhythm.SAMPLE, number, number, self.windows.sample_quantities(at_end))
        self.hours_alarms |= self.active
        if number and number % HOUR_SAMPLES == 0:
            self._end_hour(now_ms, number, unresponsive)
        if self.mode is Mode.SELF_TEST:
            self._self_test(now_ms, at_end, unresponsive)
        self._timers(now_ms)
        if self._restart_due:
            self._restart_windows()

    def _restart_windows(self) -> None:
        """What was measured so far says nothing of the flow any more: the volume was changed from outside."""
        self._restart_due = False
        self.windows.restart()
        self.restarted_at = self.sample_count
        self.restarts.append(self.restarted_at)

    def _end_hour(self, now_ms: int, number: int, unresponsive: int) -> None:
        mean = self.windows.mean()
        quantities: dict[Quantity, int] = {Quantity.UNRESPONSIVE: unresponsive}
        if self.windows.is_full:
            self.windows.hours.append(mean)
            quantities |= self.windows.hour_quantities(mean)
            quantities[Quantity.RESERVE] = self._reserve_nl(mean.bellows_nl)
        ahead_ms = self.clock.ahead_ms(now_ms)
        quantities[Quantity.CLOCK_STEP] = ahead_ms - self._clock_ahead_ms
        self._clock_ahead_ms = ahead_ms
        self.clock.has_jumped = False
        quantities[Quantity.DAMAGE] = self.memory.damage()
        self._judge(now_ms, Rhythm.HOUR, number // HOUR_SAMPLES, number, quantities)
        if quantities[Quantity.DAMAGE]:
            self._repair(now_ms, quantities[Quantity.DAMAGE])
        self._keep_hour(now_ms, mean)

    def _reserve_nl(self, volume_nl: int) -> int:
        """Volume above residual, less what is needed for the warning time."""
        configuration = self.configuration
        reserve_nl = configuration.low_reservoir_nl
        if self.windows.flow_is_valid:
            flow_nl_per_day = self.windows.flow_nl_per_day()
            reserve_nl = max(reserve_nl, flow_nl_per_day * configuration.low_reservoir_hours // 24)
        return volume_nl - configuration.residual_nl - reserve_nl

    def _keep_hour(self, now_ms: int, mean: Readings) -> None:
        alarms, self.hours_alarms = self.hours_alarms | self.active, self.active
        if self.hours_ahead:  # whoever writes those down can work out this one as well
            self._count_ahead(alarms)
            return
        flow_valid = self.windows.flow_is_valid
        record = np.zeros(1, dtype=HISTORY_DTYPE)
        record[0] = (
            now_ms - self.started_ms,
            self.counters.boots,
            mean.bellows_nl,
            self.windows.flow_nl_per_day() if flow_valid else 0,
            flow_valid,
            mean.temperature_mc,
            mean.reservoir_pa,
            mean.outlet_pa,
            mean.ambient_pa,
            alarms,
        )
        self.memory.keep_hours(record)

    # Samples that need not be taken.

    def pass_over(self, until: int, marks: Marks) -> None:
        """Go on with sample number ``until``: those before it change windows, history, and what ``marks`` say."""
        begin, self.sample_count = self.sample_count, until
        first_hour, last_hour = max(0, begin - 1) // HOUR_SAMPLES + 1, (until - 1) // HOUR_SAMPLES
        in_service = self.mode is Mode.SERVICE
        self.state.pass_over(begin, until - 1, marks, restarted_at=self.restarted_at, in_service=in_service)
        hours = last_hour - first_hour + 1
        if not hours:
            self.hours_alarms |= self.active
            return
        self._clock_ahead_ms = self.clock.ahead_ms(self.started_ms + last_hour * HOUR_MS)
        self._count_ahead(self.hours_alarms | self.active)
        if hours > 1:
            self._count_ahead(self.active, hours - 1)
        self.hours_alarms = self.active

    def _count_ahead(self, alarms: Alarms, hours: int = 1) -> None:
        """Know what is needed to write down some ``hours`` later."""
        if not self.alarm_runs or self.alarm_runs[-1][1] != alarms:
            self.alarm_runs.append((self.next_hour, alarms))
        self.hours_ahead += hours

    def resume(self, windows: Windows, readings: Readings) -> None:
        """Have windows and readings as they would be, had every sample been taken."""
        self.windows = windows
        self.readings = readings

    # Alarms.

    def _judge(self, now_ms: int, rhythm: Rhythm, number: int, sample: int, quantities: dict[Quantity, int]) -> None:
        out_at = self.windows.out_of_range_at
        gone = sum(1 << sensor for sensor, at in enumerate(out_at) if at > sample - LONGEST_REACH)
        if gone:
            for quantity in [q for q in quantities if q.sensors & gone]:
                if any(quantity.sensors >> s & 1 and at > sample - quantity.reach for s, at in enumerate(out_at)):
                    del quantities[quantity]
        changed = self.state.judge(rhythm, number, quantities, in_service=self.mode is Mode.SERVICE)
        for state in changed:
            alarm = state.condition.alarm
            if state.active:
                self._raise(now_ms, alarm, state.number)
                self._restart_due |= state.condition.breaks_windows
            elif not self.state.active_for(alarm):
                self.board.release(now_ms, alarm)
                self._keep_counters()

    def _raise(self, now_ms: int, alarm: Alarms, condition: int) -> None:
        self.board.raise_(now_ms, alarm, condition)
        self._keep_counters()
        if alarm is Alarms.END_OF_SERVICE:
            self._change_mode(now_ms, Trigger.BATTERY_AT_END)

    def acknowledge(self, now_ms: int, alarms: Alarms | None = None) -> Alarms:
        """Somebody has seen ``alarms`` (all that hold, if None); gives those that this is news for."""
        news = self.board.acknowledge(now_ms, self.active if alarms is None else alarms, self.state.active_for)
        self._keep_counters()
        return news

    # Time.

    @property
    def next_timer_ms(self) -> int | None:
        """Bench time of whatever the firmware waits for, beside samples; it is done with the first sample after it."""
        repeat_ms = self.board.next_repeat_ms(self.configuration.repeat_ms)
        if self.mode is not Mode.SERVICE:
            return repeat_ms
        timeout_ms = self._refill.begun_ms + SERVICE_TIMEOUT_MS
        return timeout_ms if repeat_ms is None else min(timeout_ms, repeat_ms)

    def _timers(self, now_ms: int) -> None:
        due_ms = self.next_timer_ms
        if due_ms is None or now_ms < due_ms:
            return
        self.board.repeat(now_ms, self.configuration.repeat_ms)
        if self.mode is Mode.SERVICE and now_ms >= self._refill.begun_ms + SERVICE_TIMEOUT_MS:
            self._break_off_refill(now_ms, detail=1)
        self._keep_counters()

    # Telecommands.

    def set_clock(self, now_ms: int, utc_ms: int) -> int:
        """Show another time; gives what was shown before. Raises ValueError outside 2000 to 2099."""
        previous_ms = self.clock.set_utc(now_ms, utc_ms)
        self._clock_ahead_ms = self.clock.ahead_ms(now_ms)  # a jump earlier in this hour is mended with that
        self.state.forget(Quantity.CLOCK_STEP)  # else another jump before the hour's end would only be more of the same
        self._log(now_ms, EventKind.CLOCK_SET, value=utc_ms - previous_ms)
        if Alarms.CLOCK_LOST in self.active:
            self.board.clear(now_ms, Alarms.CLOCK_LOST)
            self._keep_counters()
        return previous_ms

    def test_self(self, now_ms: int) -> None:
        """Test memory, sensors and battery at the next sample. Raises CommandRefused in a mode that has no time."""
        from_shelf = self.mode is Mode.SHELF
        self._change_mode_or_refuse(now_ms, Trigger.SELF_TEST_ASKED)
        if from_shelf:  # no samples were taken there: their numbers are passed over, for they tell the time
            due = max(self.sample_count, -(-(now_ms - self.started_ms) // SAMPLE_PERIOD_MS))  # one may be of just now
            hours = (due - 1) // HOUR_SAMPLES - (self.sample_count - 1) // HOUR_SAMPLES
            self.counters = self.counters._replace(filled_at_h=self.counters.filled_at_h - hours)  # it went on flowing
            self._keep_counters()
            self.awake_since = self.sample_count = due
            self._restart_windows()
            self._clock_ahead_ms = self.clock.ahead_ms(now_ms)

    def shelve(self, now_ms: int) -> None:
        """Take no more samples until somebody asks for a self-test. Raises CommandRefused except when monitoring."""
        self._change_mode_or_refuse(now_ms, Trigger.SHELVED)

    def configure(self, now_ms: int, configuration: Configuration) -> int:
        """Work by another configuration from now on; gives its generation."""
        generation = self.memory.commit_configuration(configuration)
        self._log(now_ms, EventKind.CONFIGURATION_COMMITTED, value=generation)
        self._configure(configuration)
        return generation

    def begin_refill(self, now_ms: int) -> int:
        """Expect needles; gives the volume in the reservoir, nL. Raises CommandRefused except when monitoring."""
        self._change_mode_or_refuse(now_ms, Trigger.REFILL_BEGUN)
        counters = self.counters
        self.counters = counters._replace(filled_nl=0)  # of a refill that a reset interrupts, nothing tells enough
        self._keep_counters()
        volume_nl = self._bellows_nl(now_ms)
        drug = counters.drug, counters.concentration_ug_per_ml
        self._refill = Refill(now_ms, volume_nl, counters.filled_nl, drug)
        self._log(now_ms, EventKind.REFILL_BEGUN, value=volume_nl)
        return volume_nl

    def can_return(self, volume_nl: int) -> bool:
        """Whether so much can have come out in this refill, with what has come out already."""
        return self._refill.can_return(volume_nl, self.configuration)

    def can_fill(self, volume_nl: int) -> bool:
        """Whether so much can have gone in in this refill, with what has gone in already."""
        return self._refill.can_fill(volume_nl, self.configuration)

    def returned(self, now_ms: int, volume_nl: int) -> int:
        """So much came out, says the programmer; gives how much in all.

        Raises CommandRefused outside a refill, or for more than fits.
        """
        self._expect_refill(now_ms, self.can_return(volume_nl))
        self._refill.returned_nl += volume_nl
        self._log(now_ms, EventKind.RETURNED_VOLUME, value=volume_nl)
        return self._refill.returned_nl

    def filled(self, now_ms: int, volume_nl: int) -> int:
        """So much went in, says the programmer; gives how much in all.

        Raises CommandRefused outside a refill, or for more than fits.
        """
        self._expect_refill(now_ms, self.can_fill(volume_nl))
        self._refill.fill_nl += volume_nl
        self._log(now_ms, EventKind.FILL_VOLUME, value=volume_nl)
        return self._refill.fill_nl

    def set_drug(self, now_ms: int, drug: int, concentration_ug_per_ml: int) -> None:
        """That is what went in. Raises CommandRefused outside a refill."""
        self._expect_refill(now_ms, drug >= 0 and concentration_ug_per_ml >= 0)
        self._keep_drug(drug, concentration_ug_per_ml)
        self._log(now_ms, EventKind.DRUG_SET, drug, concentration_ug_per_ml)

    def cancel_refill(self, now_ms: int) -> None:
        """Nothing was filled in, whatever was said before. Raises CommandRefused outside a refill."""
        self._expect_refill(now_ms, allowed=True)
        self._refill.fill_nl = 0
        self._keep_drug(*self._refill.drug_before)
        self._break_off_refill(now_ms)

    def complete_refill(self, now_ms: int) -> int:
        """The needles are out; gives the mean flow since the last refill, in nL/day, 0 if nothing tells it.

        Raises CommandRefused outside a refill.
        """
        self._expect_refill(now_ms, allowed=True)
        configuration, counters, refill = self.configuration, self.counters, self._refill
        mean_nl_per_day = refill.mean_nl_per_day(self.next_hour - counters.filled_at_h)
        disagreement_nl = refill.disagreement_nl(self._bellows_nl(now_ms))
        self.counters = counters._replace(
            refills=counters.refills + 1, filled_nl=refill.fill_nl, filled_at_h=self.next_hour
        )
        self._keep_counters()
        self._end_refill(now_ms, EventKind.REFILL_COMPLETED, value=mean_nl_per_day)
        label = configuration.label_flow_nl_per_day
        off_label = configuration.label_share(configuration.off_label_permille)
        if mean_nl_per_day and abs(mean_nl_per_day - label) > off_label:
            self._log(now_ms, EventKind.FLOW_OFF_LABEL, value=mean_nl_per_day)
        if disagreement_nl > configuration.refill_tolerance_nl:
            self._raise(now_ms, Alarms.REFILL_MISMATCH, _CAUSES["bellows and syringe disagree"])
        return mean_nl_per_day

    def refuse(self, now_ms: int) -> None:
        """A telecommand came that nobody who knows this pump would send."""
        self._log(now_ms, EventKind.COMMAND_REFUSED)
        self._refused_ms.append(now_ms)
        while self._refused_ms[0] <= now_ms - HOUR_MS:
            self._refused_ms.popleft()
        if len(self._refused_ms) >= self.configuration.refused_commands and Alarms.TAMPERING not in self.active:
            self._raise(now_ms, Alarms.TAMPERING, _CAUSES["telecommands refused"])

    # Modes and memory.

    def _boot(self, now_ms: int, reason: BootReason, *, configuration_lost: bool) -> None:
        hour = self.memory.next_hour
        if reason is BootReason.WATCHDOG:
            self.counters = self.counters.bitten(hour)
        damaged = self.memory.damage()  # one record may be torn by what ended the last run, and that is no fault
        if damaged:  # before anything is written: power that fails now, once more, leaves no second one
            self.memory.repair()
        self.memory.commit_counters(self.counters)
        self._log(now_ms, EventKind.BOOTED, reason)
        self._change_mode(now_ms, Trigger.STARTED)
        torn = damaged == 1 and reason is not BootReason.POWER_ON
        if configuration_lost or (damaged and not torn):
            self._raise(now_ms, Alarms.MEMORY_FAULT, _CAUSES["memory damaged at start"])
        if configuration_lost or damaged:
            self._repair(now_ms, damaged)
        if reason is not BootReason.POWER_ON:
            self._raise(now_ms, Alarms.UNEXPECTED_RESTART, _CAUSES["started anew"])
        if reason is BootReason.BROWN_OUT:
            self._raise(now_ms, Alarms.CLOCK_LOST, _CAUSES["clock unset"])
        if hour - self.counters.watchdog_third_at_h <= _HOURS_OF_BITES:
            self._change_mode(now_ms, Trigger.WATCHDOG_AGAIN)

    def _self_test(self, now_ms: int, at_end_of_range: int, unresponsive: int) -> None:
        failed = at_end_of_range or unresponsive or self.memory.configuration() is None
        self._log(now_ms, EventKind.SELF_TEST_FAILED if failed else EventKind.SELF_TEST_PASSED)
        self._change_mode(now_ms, Trigger.SELF_TEST_FAILED if failed else Trigger.SELF_TEST_PASSED)

    def _repair(self, now_ms: int, damaged: int) -> None:
        self.memory.repair()
        self._log(now_ms, EventKind.MEMORY_REPAIRED, value=damaged)
        if self.memory.configuration() is None:
            self.configure(now_ms, self._factory)
            self._change_mode(now_ms, Trigger.MEMORY_LOST)
        self.memory.commit_counters(self.counters)
        self.memory.repair()  # the second copies of what had none

    def _configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.state = AlarmState(configuration, self.state)

    def _change_mode(self, now_ms: int, trigger: Trigger) -> bool:
        mode = next_mode(self.mode, trigger)
        if mode is None:
            return False
        self.mode = mode
        self._log(now_ms, EventKind.MODE_CHANGED, mode)
        return True

    def _change_mode_or_refuse(self, now_ms: int, trigger: Trigger) -> None:
        if not self._change_mode(now_ms, trigger):
            self.refuse(now_ms)
            raise CommandRefused(f"not in mode {self.mode.name.lower()}")

    def _expect_refill(self, now_ms: int, allowed: bool) -> None:
        if self.mode is not Mode.SERVICE or not allowed:
            self.refuse(now_ms)
            raise CommandRefused("not outside a refill, or not with this value")

    def _break_off_refill(self, now_ms: int, detail: int = 0) -> None:
        """End a refill that is not complete. What came out and went in counts for the next mean flow."""
        self.counters = self.counters._replace(filled_nl=self._refill.carried_on_nl)
        self._keep_counters()
        self._end_refill(now_ms, EventKind.REFILL_CANCELLED, detail)

    def _keep_drug(self, drug: int, concentration_ug_per_ml: int) -> None:
        self.counters = self.counters._replace(drug=drug, concentration_ug_per_ml=concentration_ug_per_ml)
        self._keep_counters()

    def _end_refill(self, now_ms: int, kind: EventKind, detail: int = 0, value: int = 0) -> None:
        self._log(now_ms, kind, detail, value)
        self._restart_windows()
        self._change_mode(now_ms, Trigger.REFILL_ENDED)

    def _keep_counters(self) -> None:
        latched = int(self.board.latched)
        counters = self.counters._replace(latched=latched, acknowledged=int(self.board.acknowledged) & latched)
        if counters != self.counters or counters != self._kept:
            self.counters = self._kept = counters
            self.memory.commit_counters(counters)

    def _log(self, now_ms: int, kind: EventKind, detail: int = 0, value: int = 0) -> None:
        entry = LogEntry(
            self.memory.next_event,
            self.counters.boots,
            now_ms - self.started_ms,
            self.clock.utc_ms(now_ms),
            kind,
            int(detail),
            value,
        )
        self.memory.log(entry)
        self.events.append(PumpEvent(now_ms, entry))
