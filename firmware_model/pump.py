"""A whole pump in bench time: flow path, sensors, memory, clock and battery, firmware and telemetry."""

import contextlib

from firmware_model.electronics.battery import Battery
from firmware_model.electronics.clock import EARLIEST_UTC_MS, PumpClock
from firmware_model.electronics.sampler import Sampler
from firmware_model.electronics.sensors import Sensors
from firmware_model.events import BootReason, PumpEvent
from firmware_model.faults.table import ELECTRONIC_FAULTS, PUMP_FAULTS, SENSOR_FAULTS
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.estimation import Calibration
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, CommandRefused, Firmware
from firmware_model.firmware.pump_memory import HISTORY_RECORDS, Counters, PumpMemory
from firmware_model.firmware.telemetry import Telemetry
from firmware_model.memory.nvram import PowerLost
from firmware_model.outlook.late_hours import write_late_hours
from firmware_model.outlook.late_windows import readings_now, windows_now
from firmware_model.outlook.outlook import Outlook
from firmware_model.outlook.sample_outlook import REACH_MS
from firmware_model.physics.course import Course
from firmware_model.physics.interventions import Aspiration, BolusChange, FaultChange, Filling
from firmware_model.physics.plant import Plant
from firmware_model.physics.surroundings import Surroundings
from firmware_model.profile import PumpProfile, nanolitres
from protocols.messages import Mode, Role
from protocols.session.keys import SessionKey

__all__ = ["Pump"]

_FEW_SAMPLES = 90
"""So many samples are sooner taken than looked over."""
_FAR_SAMPLES = 370 * 24 * HOUR_SAMPLES
"""No further than so is looked ahead at once: what is worked out for it must stay small."""
_FORGET_MS = 30 * 24 * HOUR_SAMPLES * SAMPLE_PERIOD_MS
_KEPT_MS = (HISTORY_RECORDS + 24) * HOUR_SAMPLES * SAMPLE_PERIOD_MS
_WATCHDOG_MS = 4 * SAMPLE_PERIOD_MS
_NEXT_HANG_MS = 10 * SAMPLE_PERIOD_MS
_RESET_MS = 100
"""For which the electronics are held in reset once they are fed again: the first sample sees the new voltage."""
_UNKNOWN_MS = 1 << 53
"""When power comes back, if nobody can say."""


class Pump:
    """A pump that was switched on at bench time 0, in thermal equilibrium with its surroundings.

    It neither reads a clock nor waits: every method takes the bench time, which never runs backwards, and first takes
    the samples that are due by then, or passes over those in which nothing can happen. So whoever comes first at the
    same millisecond makes no difference, and neither does how often anyone comes.
    """

    firmware_class = Firmware
    """What runs on it."""

    def __init__(
        self,
        profile: PumpProfile,
        *,
        seed: int,
        serial_number: str,
        start_utc_ms: int,
        surroundings: Surroundings | Course,
        volume_ml: float | None = None,
        passes_over: bool = True,
    ) -> None:
        """Fill a pump of this ``profile`` with ``volume_ml`` (full, if None) and switch it on.

        With ``passes_over`` false it takes every sample, whether anything can happen or not: the same, but slower.
        Raises ValueError for a volume outside residual volume to capacity, a negative seed, or a bad serial number.
        """
        volume_nl = nanolitres(profile.capacity_ml if volume_ml is None else volume_ml)
        self.profile = profile
        self.seed = seed
        self.foreseen_ms = 0
        """Until when nobody will interfere but by what was announced: so far ahead may ``wake`` look."""
        self._passes_over = passes_over
        self.plant = Plant(profile, now_ms=0, surroundings=surroundings, volume_nl=volume_nl)
        self._sensors = Sensors(profile, seed=seed)
        self._battery = Battery(profile.battery)
        self._clock = PumpClock(self.plant.crystal_gain_ms, now_ms=0, utc_ms=start_utc_ms)
        self._calibration = Calibration(profile)
        self._factory = Configuration.of(profile)
        self._events: list[PumpEvent] = []
        self._hangs_left = 0
        self._forgot_ms = 0
        self._outlook: Outlook | None = None
        self._may_be_out_of_range = 0
        """Sensors, one bit each, of which readings that were passed over may have been at an end of their range."""
        self._hang_at_ms: int | None = None
        self._boot_at_ms: int | None = None
        self._boot_reason = BootReason.POWER_ON
        self._telemetry = Telemetry(
            lambda: self.firmware,
            lambda at_ms: self._sampler.read_at(at_ms, max(0, self.firmware.sample_count - 1)),
            model=profile.model,
            serial_number=serial_number,
            seed=seed,
            day_bytes=self._battery.day_bytes,
        )
        memory = PumpMemory()
        memory.commit_configuration(self._factory)
        memory.commit_counters(Counters(filled_nl=volume_nl - nanolitres(profile.residual_ml)))
        self._samples_before = 0
        self._starts_ms: dict[int, int] = {}
        self._boot(0, BootReason.POWER_ON, memory)

    def secure(self, *keys: SessionKey, near_field: bool = False) -> None:
        """Speak to holders of these keys only, in secure sessions, from now on.

        With ``near_field`` the programmer's coil lies on the skin, so that more keys may be given. Raises ValueError
        for more keys than the pump has slots.
        """
        for key in keys:
            self.firmware.memory.keep_key(key)
        self._telemetry.secure()
        self._telemetry.near_field = near_field

    # In bench time.

    def wake(self, now_ms: int) -> int | None:
        """Take the samples due; gives the time of the next in which anything might happen, as far as is foreseen."""
        self._catch_up(now_ms)
        if self._boot_at_ms is not None:
            return self._boot_at_ms
        due_ms = self.firmware.next_sample_ms
        if due_ms is None:
            return max(now_ms + 1, self.foreseen_ms) if self.foreseen_ms > now_ms else None
        if self.foreseen_ms <= due_ms:
            return due_ms
        sample = self._next_sample(self._foreseen_sample(), decided=self.firmware.sample_count - 1)
        return max(due_ms, min(self.foreseen_ms, self._sampler.time_ms(sample)))

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes from the programmer, in any split; gives what goes back at once."""
        self._catch_up(now_ms)
        if self._is_off:
            return b""
        self._resume()
        try:
            self._write_late_hours()
            answer, heard = self._telemetry.receive(now_ms, data)
        except PowerLost:
            self._down(now_ms, now_ms, BootReason.BROWN_OUT)
            return b""
        self._battery.radio(now_ms, self._sampler.first + self.firmware.sample_count, heard + len(answer))
        self._outlook = None
        return answer

    def next_emit_ms(self) -> int | None:
        """When it speaks next without being spoken to; None while nobody is subscribed."""
        return None if self._is_off else self._telemetry.next_emit_ms

    def emit(self, now_ms: int) -> bytes:
        """The notice that is due at ``now_ms``."""
        self._catch_up(now_ms)
        if self._is_off:
            return b""
        self._resume()
        notice = self._telemetry.emit(now_ms)
        self._battery.radio(now_ms, self._sampler.first + self.firmware.sample_count, len(notice))
        self._outlook = None
        return notice

    def take_events(self) -> list[PumpEvent]:
        """What was logged since the last time that somebody asked."""
        events = [*self._events, *self.firmware.events]
        self._events.clear()
        self.firmware.events.clear()
        return events

    # What is done to it.

    def set_surroundings(self, now_ms: int, surroundings: Surroundings | Course) -> None:
        """Put the pump into other surroundings from ``now_ms`` on; a sample due just then still sees the old ones."""
        self._catch_up(now_ms)
        self.plant.follow(now_ms, surroundings)
        self._outlook = None

    def inject(self, now_ms: int, fault: str, value: float) -> None:
        """Have a fault of ``PUMP_FAULTS`` begin. Raises ValueError for another one, or a value out of its range."""
        kind = PUMP_FAULTS.get(fault)
        if kind is None:
            raise ValueError(f"unknown pump fault {fault!r}; known: {', '.join(PUMP_FAULTS)}")
        if not kind.lower <= value <= kind.upper:
            raise ValueError(f"{fault} must be {kind.lower:g} to {kind.upper:g} {kind.unit}, got {value}")
        self._catch_up(now_ms)
        if fault in SENSOR_FAULTS:
            sample = max(0, self.firmware.sample_count - 1)
            self._sensors.fail(now_ms, fault, value, self._sampler.read(sample))
        elif fault in ELECTRONIC_FAULTS:
            try:
                self._inject_electronic(now_ms, fault, value)
            except PowerLost:
                self._down(now_ms, now_ms, BootReason.BROWN_OUT)
        else:
            self.plant.legs(now_ms)  # a leg is cut, whether somebody has looked so far or not
            self.plant.intervene(FaultChange(now_ms, fault, value))
        self._outlook = None

    def feed(self, now_ms: int, supply_mv: float) -> None:
        """Feed it from a bench's supply in its battery's place; below what its regulator needs it is off until fed."""
        self._catch_up(now_ms)
        is_enough = supply_mv >= self.profile.battery.brown_out_mv
        if not is_enough and not self._is_off:
            self._down(now_ms, _UNKNOWN_MS, BootReason.BROWN_OUT)
        elif not is_enough:
            self._boot_at_ms, self._boot_reason = _UNKNOWN_MS, BootReason.BROWN_OUT
        self._battery.feed(now_ms, self._sampler.first + self.firmware.sample_count, supply_mv)
        self._outlook = None
        if is_enough and self._boot_at_ms == _UNKNOWN_MS:
            self._boot_at_ms = now_ms + _RESET_MS

    def supply_current_ua(self, now_ms: int) -> float:
        """What its electronics draw from battery or supply, in microampere: sleep and samples, on average."""
        self._catch_up(now_ms)
        return 0.0 if self._is_off else self._battery.mean_current_na / 1000

    def foresee(self, intervention: FaultChange | Aspiration | Filling | BolusChange) -> None:
        """Have something happen to the flow path at its time, now or later."""
        self.plant.intervene(intervention)
        self._outlook = None

    # What the programmer does, at the firmware.

    def command(self, now_ms: int) -> Firmware:
        """The firmware, ready for a telecommand at ``now_ms``. Raises CommandRefused while it is down."""
        self._catch_up(now_ms)
        if self._is_off:
            raise CommandRefused("the pump does not answer")
        if self.firmware.mode is Mode.SHELF:  # after which sample numbers go on elsewhere
            self._write_late_hours()
            self._resume()
            self._outlook = None
        return self.firmware

    def status(self, now_ms: int) -> Firmware:
        """The firmware, with readings and estimates as of the last sample."""
        firmware = self.command(now_ms)
        self._resume()
        return firmware

    def estimates_since(self, begin_ms: int) -> list[tuple[int, int | None]]:
        """Hours' ends from ``begin_ms`` on, and the flow in nL/day that was then estimated, if one was."""
        self._write_late_hours()
        flows = (
            (self._starts_ms[boot] + uptime_ms, flow) for boot, uptime_ms, flow in self.firmware.memory.hourly_flows()
        )
        return [(end_ms, flow) for end_ms, flow in flows if end_ms >= begin_ms]

    # What is true of it.

    def battery_pc(self, now_ms: int) -> int:
        """Charge drawn since bench time 0, in picocoulombs."""
        self._catch_up(now_ms)
        return self._battery.drawn_pc(now_ms, self._sampler.first + self.firmware.sample_count)

    @property
    def handshakes(self) -> int:
        """Sessions since the firmware started that came to the costly half of their handshake."""
        return self._telemetry.handshakes

    def role(self, now_ms: int) -> Role | None:
        """What the key of the open session entitles to; None if there is none."""
        return self._telemetry.role(now_ms)

    @property
    def true_temperature_c(self) -> float:
        """The propellant's true temperature, as of the last time anything was asked or changed."""
        return float(self.plant.truth_at(self._now_ms).temperature_c)

    def delivered_nl(self, now_ms: int) -> int:
        """True volume that has left the catheter since bench time 0, in nL."""
        self._catch_up(now_ms)
        return self.plant.delivered_nl(now_ms)

    def reservoir_nl(self, now_ms: int) -> int:
        """True volume in the reservoir, in nL."""
        self._catch_up(now_ms)
        return self.plant.volume_nl(now_ms)

    def memory_image(self, now_ms: int) -> bytes:
        """The non-volatile memory, byte for byte."""
        self._catch_up(now_ms)
        self._write_late_hours()
        return self.firmware.memory.nvram.image

    # Inside.

    @property
    def _is_off(self) -> bool:
        return self._boot_at_ms is not None

    def _boot(self, now_ms: int, reason: BootReason, memory: PumpMemory) -> None:
        sampler = Sampler(self.plant, self._sensors, self._battery, started_ms=now_ms, first=self._samples_before)
        self._sampler = sampler
        self.firmware = self.firmware_class(
            self._calibration,
            memory,
            self._clock,
            factory=self._factory,
            now_ms=now_ms,
            reason=reason,
            bellows_nl=lambda at_ms: sampler.bellows_at(at_ms, max(0, self.firmware.sample_count - 1)),
        )
        self._starts_ms[self.firmware.counters.boots] = now_ms
        self._resumed_at = 0
        self._now_ms = now_ms
        self._outlook = None
        self._telemetry.restart()
        self._take(0)

    def _down(self, now_ms: int, until_ms: int, reason: BootReason) -> None:
        """Have the firmware stop now, and start again later."""
        with contextlib.suppress(PowerLost):  # what that tears is torn
            self._write_late_hours()
        self._samples_before += self.firmware.sample_count
        self._events += self.firmware.events
        self.firmware.events.clear()
        self._boot_at_ms, self._boot_reason = until_ms, reason
        if until_ms <= now_ms:
            self._start_again()

    def _start_again(self) -> None:
        now_ms, self._boot_at_ms = self._boot_at_ms, None
        assert now_ms is not None  # noqa: S101 - only called while it is set
        if self._boot_reason is BootReason.BROWN_OUT:
            self._clock.forget(now_ms)
        self._boot(now_ms, self._boot_reason, PumpMemory(self.firmware.memory.nvram.image))
        if self._hangs_left:
            self._hang_at_ms = now_ms + _NEXT_HANG_MS

    def _inject_electronic(self, now_ms: int, fault: str, value: float) -> None:
        if fault == "battery-drain":
            self._battery.set_drain(now_ms, self._sampler.first + self.firmware.sample_count, value)
        elif fault == "clock-jump":
            self._clock.jump(max(round(value * 1000), -self._clock.utc_ms(now_ms) + EARLIEST_UTC_MS))
        elif fault == "memory-bit-flip":  # whether it is fed or not
            self._write_late_hours()
            self.firmware.memory.flip_bit(round(value))
        elif not value:
            return
        elif fault == "brown-out":
            self._brown_out(now_ms, now_ms + round(value * 1000))
        elif self._is_off:
            return
        elif fault == "firmware-hang":
            self._hang(now_ms, times=round(value))
        elif fault == "reset":
            self._down(now_ms, now_ms, BootReason.RESET)
        else:
            for _ in range(round(value)):
                self.firmware.refuse(now_ms)

    def _brown_out(self, now_ms: int, until_ms: int) -> None:
        """Have the supply fail, even while it is failing already, or while the watchdog is being waited for."""
        if self._boot_at_ms is None:
            self._down(now_ms, until_ms, BootReason.BROWN_OUT)
        else:
            self._boot_at_ms, self._boot_reason = max(self._boot_at_ms, until_ms), BootReason.BROWN_OUT

    def _hang(self, now_ms: int, *, times: int) -> None:
        self._hang_at_ms = None
        if times:
            self._hangs_left = times - 1
            self._down(now_ms, now_ms + _WATCHDOG_MS, BootReason.WATCHDOG)

    def _catch_up(self, now_ms: int) -> None:
        while True:
            turn_ms = self._boot_at_ms if self._is_off else self._hang_at_ms
            if turn_ms is None or turn_ms > now_ms:
                break
            if self._is_off:
                self._start_again()
            else:
                self._take_until(turn_ms)
                self._hang(turn_ms, times=self._hangs_left)
        if not self._is_off:
            self._take_until(now_ms)
        self._now_ms = now_ms

    def _take_until(self, now_ms: int) -> None:
        firmware = self.firmware
        last = (now_ms - firmware.started_ms) // SAMPLE_PERIOD_MS
        while firmware.next_sample_ms is not None and firmware.sample_count <= last:
            due = firmware.sample_count
            sample = self._next_sample(last, decided=last)
            if sample > due:
                firmware.pass_over(min(sample, last + 1), self._outlook.marks if self._outlook else {})
            else:
                self._take(due)

    def _next_sample(self, last: int, *, decided: int) -> int:
        """The next sample in which anything might happen; one beyond the ``last`` if there is none before that.

        Up to sample ``decided`` that is decided; beyond, nothing may come of it.
        """
        due = self.firmware.sample_count
        if not self._passes_over or (last - due < _FEW_SAMPLES and self._outlook is None):
            return due
        outlook = self._outlook
        if outlook is None or outlook.last < due or outlook.configuration is not self.firmware.configuration:
            outlook = self._outlook = self._look_ahead(due, max(last, self._foreseen_sample()))
        return min(outlook.next_sample(self.firmware, decided), last + 1)

    def _foreseen_sample(self) -> int:
        return (self.foreseen_ms - self.firmware.started_ms) // SAMPLE_PERIOD_MS

    def _look_ahead(self, due: int, last: int) -> Outlook:
        """What can happen from sample ``due`` on; not far while a sensor's fault is fresh or grows."""
        due_ms = self._sampler.time_ms(due)
        last = min(last, due + _FAR_SAMPLES)
        changes = [sensor.changed_after(due_ms - REACH_MS) for sensor in self._sensors.each]
        if any(sensor.drifts for sensor in self._sensors.each) or any(change is not None for change in changes):
            last = min(last, due + 12 * HOUR_SAMPLES)
        self._forget(due_ms)
        legs = self.plant.legs(self._sampler.time_ms(last))
        firmware = self.firmware
        outlook = Outlook(
            legs,
            self._sampler,
            self._calibration,
            firmware.configuration,
            first=due,
            last=last,
            awake_since=firmware.awake_since,
        )
        self._may_be_out_of_range |= outlook.may_be_out_of_range
        return outlook

    def _take(self, sample: int) -> None:
        firmware = self.firmware
        self._resume()
        memory = firmware.memory
        now_ms = self._sampler.time_ms(sample)
        try:
            if memory.is_suspect or memory.nvram.will_lose_power:  # what is written, and when, makes a difference
                self._write_late_hours()
            firmware.sample(self._sampler.read(sample), self._sensors.unresponsive(now_ms))
        except PowerLost:
            self._down(now_ms, now_ms, BootReason.BROWN_OUT)
            return
        self._resumed_at = firmware.sample_count

    def _resume(self) -> None:
        """Have windows and readings of the last samples, if some were passed over."""
        firmware = self.firmware
        if self._resumed_at == firmware.sample_count:
            return
        self._resumed_at = firmware.sample_count
        windows = windows_now(firmware, self._sampler, self._calibration, self._may_be_out_of_range)
        firmware.resume(windows, readings_now(firmware, self._sampler))
        self._may_be_out_of_range = 0 if self._outlook is None else self._outlook.may_be_out_of_range

    def _write_late_hours(self) -> None:
        write_late_hours(self.firmware, self._sampler)

    def _forget(self, now_ms: int) -> None:
        """Forget what nobody can ask for any more, every now and then."""
        if now_ms < self._forgot_ms + _FORGET_MS:
            return
        self._forgot_ms = now_ms
        self.plant.forget(now_ms - SAMPLE_PERIOD_MS)  # the sample that is due may be yet to come
        self._battery.forget(now_ms - _KEPT_MS)
