"""The pump's side of the protocol: an answer to every telecommand."""

import hashlib
from collections.abc import Callable, Mapping

from firmware_model.firmware import Firmware
from protocols.channel import Channel, OpenChannel
from protocols.exchange import Responder
from protocols.messages import (
    MAX_RECORDS,
    ClockSet,
    ErrorReply,
    History,
    Identify,
    Identity,
    Message,
    ReadHistory,
    ReadStatus,
    Reason,
    SetClock,
    Status,
    Telecommand,
)

__all__ = ["FIRMWARE_VERSION", "PROTOCOL_VERSION", "Telemetry", "device_uid"]

PROTOCOL_VERSION = 1
FIRMWARE_VERSION = (0, 1, 0)
MAX_SERIAL_NUMBER = 16


def device_uid(seed: int) -> bytes:
    """Eight bytes that tell one simulated pump from another, and give nothing of its serial number away."""
    return hashlib.blake2b(f"pumprig uid {seed}".encode(), digest_size=8).digest()


class Telemetry:
    """Answers telecommands from the state of the firmware, by one table of handlers."""

    def __init__(
        self,
        firmware: Callable[[], Firmware],
        *,
        model: str,
        serial_number: str,
        uid: bytes,
        channel: Channel | None = None,
    ) -> None:
        """Speak on ``channel``, or openly, for whatever ``firmware`` gives: another one after each start.

        Raises ValueError unless the serial number is 1 to 16 printable ASCII characters.
        """
        printable = serial_number.isascii() and serial_number.isprintable()
        if not (printable and 0 < len(serial_number) <= MAX_SERIAL_NUMBER):
            raise ValueError(
                f"a serial number is 1 to {MAX_SERIAL_NUMBER} printable ASCII characters, not {serial_number!r}"
            )
        self._firmware = firmware
        self._model = model
        self._serial_number = serial_number
        self._uid = uid
        self._now_ms = 0
        self._responder = Responder(OpenChannel() if channel is None else channel, self._answer)
        self._handlers: Mapping[type[Telecommand], Callable[..., Message]] = {
            Identify: self._identify,
            ReadStatus: self._read_status,
            ReadHistory: self._read_history,
            SetClock: self._set_clock,
        }

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes from the programmer, in any split, at a bench time; gives the bytes of the answers."""
        self._now_ms = now_ms
        return self._responder.receive(data)

    def _answer(self, telecommand: Telecommand) -> Message:
        handler = self._handlers.get(type(telecommand))
        if handler is None:  # the protocol has it, this firmware does not
            return ErrorReply(Reason.UNKNOWN_OPCODE, telecommand.OPCODE)
        return handler(telecommand)

    def _identify(self, _: Identify) -> Identity:
        major, minor, patch = FIRMWARE_VERSION
        return Identity(
            protocol_version=PROTOCOL_VERSION,
            uid=self._uid,
            serial_number=self._serial_number,
            model=self._model,
            firmware_major=major,
            firmware_minor=minor,
            firmware_patch=patch,
            boot_count=self._firmware().counters.boots,
        )

    def _read_status(self, _: ReadStatus) -> Status:
        firmware = self._firmware()
        windows, readings = firmware.windows, firmware.readings
        valid = windows.flow_is_valid
        return Status(
            clock_utc_ms=firmware.clock.utc_ms(self._now_ms),
            uptime_ms=self._now_ms - firmware.started_ms,
            boot_count=firmware.counters.boots,
            mode=firmware.mode,
            alarms=firmware.active,
            sample_count=firmware.sample_count,
            temperature_mc=readings.temperature_mc,
            reservoir_pa=readings.reservoir_pa,
            outlet_pa=readings.outlet_pa,
            ambient_pa=readings.ambient_pa,
            battery_mv=readings.battery_mv,
            volume_nl=windows.volume_nl() if windows.samples else readings.bellows_nl,
            flow_nl_per_day=windows.flow_nl_per_day() if valid else 0,
            flow_valid=valid,
            history_next=firmware.next_hour,
        )

    def _read_history(self, request: ReadHistory) -> Message:
        memory = self._firmware().memory
        if request.from_seq > memory.next_hour:
            return ErrorReply(Reason.OUT_OF_RANGE, memory.next_hour)
        records = memory.hours(request.from_seq, min(request.max_records, MAX_RECORDS))
        return History(first_seq=memory.first_hour, next_seq=memory.next_hour, records=tuple(records))

    def _set_clock(self, request: SetClock) -> Message:
        try:
            previous_ms = self._firmware().set_clock(self._now_ms, request.utc_ms)
        except ValueError:
            return ErrorReply(Reason.OUT_OF_RANGE, 0)
        return ClockSet(previous_utc_ms=previous_ms, utc_ms=request.utc_ms)
