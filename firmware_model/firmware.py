"""The firmware: integers in, estimates, alarms and a log out. It knows uptime and readings, and nothing else."""

from firmware_model.alarms import AlarmChanged, AlarmState, Estimate
from firmware_model.clock import PumpClock
from firmware_model.estimation import FLOW_WINDOW_HOURS, VOLUME_WINDOW_SAMPLES, MovingMean, flow_nl_per_day
from firmware_model.history import SAMPLES_PER_HOUR, History, HourlyMeans
from firmware_model.profile import PumpProfile
from firmware_model.sensors import Readings
from protocols.messages import Alarms, HistoryRecord

__all__ = ["SAMPLE_PERIOD_MS", "Firmware"]

SAMPLE_PERIOD_MS = 60_000


class Firmware:
    """State of the firmware since it was started; integer arithmetic only.

    Sample number n is taken at uptime n minutes. Sample 0 is the power-on reading and belongs to no hour; the hours
    are samples 1 to 60, 61 to 120, and so on.
    """

    def __init__(self, profile: PumpProfile, *, utc_ms: int, first: Readings) -> None:
        """Start at uptime 0 with the power-on reading ``first`` and a clock that was set to ``utc_ms``."""
        self.clock = PumpClock(utc_ms=utc_ms, drift_ppm=profile.clock.drift_ppm)
        self.alarms = AlarmState(profile)
        self.history = History()
        self.readings = first
        self.sample_count = 0
        self.volume_nl = 0
        """Estimate: mean of the last samples of the bellows sensor."""
        self.flow_nl_per_day = 0
        """Estimate over the last six hours; 0 and not valid before there are six."""
        self.flow_valid = False
        self._volume = MovingMean(VOLUME_WINDOW_SAMPLES)
        self._hour = HourlyMeans()
        self._hours_alarms = Alarms(0)
        self.power_on_changes = self._take(0, first)

    @property
    def next_sample_uptime_ms(self) -> int:
        """Uptime at which the next sample is due."""
        return self.sample_count * SAMPLE_PERIOD_MS

    def sample(self, readings: Readings) -> list[AlarmChanged]:
        """Take the sample that is due; gives the alarms that it raised or cleared."""
        uptime_ms = self.next_sample_uptime_ms
        changes = self._take(uptime_ms, readings)
        self._hour.add(readings)
        if self._hour.count == SAMPLES_PER_HOUR:
            changes += self._end_hour(uptime_ms)
        return changes

    def _take(self, uptime_ms: int, readings: Readings) -> list[AlarmChanged]:
        self.readings = readings
        self.sample_count += 1
        self.volume_nl = self._volume.add(readings.bellows_nl)
        changes = self.alarms.judge(uptime_ms, Estimate.VOLUME_NL, self.volume_nl)
        self._hours_alarms |= self.alarms.active
        return changes

    def _end_hour(self, uptime_ms: int) -> list[AlarmChanged]:
        volume_nl, temperature_mc, reservoir_pa, outlet_pa = self._hour.means()
        self._hour = HourlyMeans()
        volumes = [*self.history.last_volumes_nl(FLOW_WINDOW_HOURS - 1), volume_nl]
        changes = []
        if len(volumes) == FLOW_WINDOW_HOURS:
            self.flow_valid = True
            self.flow_nl_per_day = flow_nl_per_day(volumes)
            changes = self.alarms.judge(uptime_ms, Estimate.FLOW_NL_PER_DAY, self.flow_nl_per_day)
        self.history.append(
            HistoryRecord(
                seq=self.history.next_seq,
                end_uptime_ms=uptime_ms,
                volume_nl=volume_nl,
                flow_nl_per_day=self.flow_nl_per_day,
                flow_valid=self.flow_valid,
                temperature_mc=temperature_mc,
                reservoir_pa=reservoir_pa,
                outlet_pa=outlet_pa,
                alarms=self._hours_alarms | self.alarms.active,
            )
        )
        self._hours_alarms = self.alarms.active
        return changes
