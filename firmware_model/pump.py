"""A whole pump in bench time: flow path, sensors, firmware and telemetry."""

from firmware_model.alarms import AlarmChanged
from firmware_model.firmware import Firmware
from firmware_model.plant import Plant
from firmware_model.profile import PumpProfile, nanolitres
from firmware_model.sensors import Readings, Sensors
from firmware_model.surroundings import Surroundings
from firmware_model.telemetry import Telemetry, device_uid

__all__ = ["Pump"]


class Pump:
    """A pump that was switched on at bench time 0, in thermal equilibrium with its surroundings.

    It neither reads a clock nor waits: every method takes the bench time, which never runs backwards, and first takes
    the samples that are due by then. So whoever comes first at the same millisecond makes no difference, and neither
    does how often anyone comes.
    """

    def __init__(
        self,
        profile: PumpProfile,
        *,
        seed: int,
        serial_number: str,
        start_utc_ms: int,
        surroundings: Surroundings,
        volume_ml: float | None = None,
    ) -> None:
        """Fill a pump of this ``profile`` with ``volume_ml`` (full, if None) and switch it on.

        Raises ValueError for a volume outside residual volume to capacity, a negative seed, or a bad serial number.
        """
        volume_nl = nanolitres(profile.capacity_ml if volume_ml is None else volume_ml)
        self.profile = profile
        self.alarm_changes: list[AlarmChanged] = []
        """Every alarm that was raised or cleared, in order."""
        self._plant = Plant(profile, now_ms=0, surroundings=surroundings, volume_nl=volume_nl)
        self._sensors = Sensors(profile, seed=seed)
        self._firmware = Firmware(profile, utc_ms=start_utc_ms, first=self._read(0, sample=0))
        self.alarm_changes += self._firmware.power_on_changes
        self._telemetry = Telemetry(
            self._firmware, model=profile.model, serial_number=serial_number, uid=device_uid(seed)
        )

    @property
    def true_temperature_c(self) -> float:
        """The propellant's true temperature, as of the last time anything was asked or changed."""
        return self._plant.temperature_c

    def wake(self, now_ms: int) -> int:
        """Take the samples due; gives the time of the next one."""
        self._catch_up(now_ms)
        return self._firmware.next_sample_uptime_ms

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes from the programmer, in any split; gives what goes back at once."""
        self._catch_up(now_ms)
        return self._telemetry.receive(uptime_ms=now_ms, data=data)

    def next_emit_ms(self) -> None:
        """None: a pump speaks only when spoken to."""
        return

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002  the shape of a device on a wire
        """Nothing: a pump speaks only when spoken to."""
        return b""

    def set_surroundings(self, now_ms: int, surroundings: Surroundings) -> None:
        """Put the pump into other surroundings from ``now_ms`` on; a sample due just then still sees the old ones."""
        self._catch_up(now_ms)
        self._plant.set_surroundings(now_ms, surroundings)

    def inject(self, now_ms: int, fault_name: str, value: float) -> None:
        """Have a fault of ``PUMP_FAULTS`` begin. Raises ValueError for another one, or a value out of its range."""
        self._catch_up(now_ms)
        self._plant.inject(now_ms, fault_name, value)

    def delivered_nl(self, now_ms: int) -> int:
        """True volume that has left the catheter since bench time 0, in nL."""
        self._catch_up(now_ms)
        return self._plant.delivered_nl(now_ms)

    def reservoir_nl(self, now_ms: int) -> int:
        """True volume in the reservoir, in nL."""
        self._catch_up(now_ms)
        return self._plant.volume_nl(now_ms)

    def _catch_up(self, now_ms: int) -> None:
        while (due_ms := self._firmware.next_sample_uptime_ms) <= now_ms:
            self.alarm_changes += self._firmware.sample(self._read(due_ms, self._firmware.sample_count))
        self._plant.advance(now_ms)

    def _read(self, now_ms: int, sample: int) -> Readings:
        return self._sensors.read(self._plant.state(now_ms), self._plant.faults, now_ms, sample)
