"""What the firmware answers to each telecommand: one small function for each, and one table of them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.alarms import ALARMS, Priority
from firmware_model.firmware.configuration import Configuration
from firmware_model.firmware.firmware import CommandRefused, Firmware
from firmware_model.firmware.pump_memory import NO_CHAIN
from protocols.messages import (
    HOURS_PER_CHAIN,
    MAX_EVENTS,
    MAX_RECORDS,
    AcknowledgeAlarms,
    AlarmList,
    AlarmPriority,
    AlarmRecord,
    Alarms,
    AlarmsAcknowledged,
    BeginRefill,
    CancelRefill,
    ClockSet,
    CompleteRefill,
    ConfigurationReport,
    ConfigurationWritten,
    Diagnostics,
    DrugIsSet,
    ErrorReply,
    EventRecord,
    Events,
    History,
    Identify,
    Identity,
    KeyProvisioned,
    KeyRevoked,
    KeySlot,
    KeySlots,
    Measurements,
    Message,
    Mode,
    ProvisionKey,
    RawSensors,
    ReadAlarms,
    ReadConfiguration,
    ReadDiagnostics,
    ReadEvents,
    ReadHistory,
    ReadKeySlots,
    ReadMeasurements,
    ReadRawSensors,
    ReadStatus,
    Reason,
    RefillBegun,
    RefillCancelled,
    RefillCompleted,
    ReportFilled,
    ReportReturned,
    RevokeKey,
    Sampled,
    SelfTestStarted,
    SetClock,
    SetDrug,
    Settings,
    StartSelfTest,
    Status,
    Telecommand,
    VolumeFilled,
    VolumeReturned,
    WriteConfiguration,
)
from protocols.session.keys import SessionKey

__all__ = ["FIRMWARE_VERSION", "PROTOCOL_VERSION", "Answers", "LinkCounts"]

PROTOCOL_VERSION = 1
FIRMWARE_VERSION = (0, 1, 0)
_PRIORITIES = {
    Priority.LOW: AlarmPriority.LOW,
    Priority.MEDIUM: AlarmPriority.MEDIUM,
    Priority.HIGH: AlarmPriority.HIGH,
}
_SETTINGS = tuple(field.name for field in fields(Configuration))
LinkCounts = tuple[int, int, int, int]
"""Frames accepted and rejected, telecommands repeated, handshakes; since the firmware started."""


class Answers:
    """One pump's answers, each to one telecommand at one time."""

    def __init__(
        self,
        firmware: Callable[[], Firmware],
        raw_readings: Callable[[int], Readings],
        link_counts: Callable[[], LinkCounts],
        *,
        model: str,
        serial_number: str,
        uid: bytes,
    ) -> None:
        """Answer for whatever ``firmware`` gives: another one after each start."""
        self._firmware = firmware
        self._raw_readings = raw_readings
        self._link_counts = link_counts
        self._model = model
        self._serial_number = serial_number
        self._uid = uid
        self._now_ms = 0
        self._handlers: Mapping[type[Telecommand], Callable[[Any], Message]] = {
            Identify: self._identify,
            ReadStatus: self._read_status,
            ReadMeasurements: self._read_measurements,
            ReadAlarms: self._read_alarms,
            AcknowledgeAlarms: self._acknowledge,
            ReadHistory: self._read_history,
            ReadEvents: self._read_events,
            SetClock: self._set_clock,
            ReadConfiguration: self._read_configuration,
            WriteConfiguration: self._write_configuration,
            BeginRefill: self._begin_refill,
            ReportReturned: self._returned,
            ReportFilled: self._filled,
            SetDrug: self._set_drug,
            CompleteRefill: self._complete_refill,
            CancelRefill: self._cancel_refill,
            StartSelfTest: self._start_self_test,
            ReadDiagnostics: self._read_diagnostics,
            ReadRawSensors: self._read_raw_sensors,
            ReadKeySlots: self._read_key_slots,
            ProvisionKey: self._provision_key,
            RevokeKey: self._revoke_key,
        }

    def answer(self, now_ms: int, telecommand: Telecommand) -> Message:
        """The answer at ``now_ms``, ErrorReply if it is a refusal."""
        self._now_ms = now_ms
        handler = self._handlers.get(type(telecommand))
        if handler is None:  # the protocol has it, this firmware does not
            return ErrorReply(Reason.UNKNOWN_OPCODE, telecommand.OPCODE)
        try:
            return handler(telecommand)
        except CommandRefused:
            return ErrorReply(Reason.NOT_IN_THIS_MODE, self._firmware().mode)

    def sampled(self, now_ms: int, number: int) -> Sampled:
        """The notice for whoever subscribed."""
        firmware = self._firmware()
        return Sampled(
            number=number,
            mode=firmware.mode,
            alarms=firmware.active,
            sample_count=firmware.sample_count,
            uptime_ms=now_ms - firmware.started_ms,
            **firmware.readings._asdict(),
        )

    # Who, and how.

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

    def _read_measurements(self, _: ReadMeasurements) -> Measurements:
        firmware = self._firmware()
        uptime_ms = self._now_ms - firmware.started_ms
        return Measurements(sample_count=firmware.sample_count, uptime_ms=uptime_ms, **firmware.readings._asdict())

    def _read_raw_sensors(self, _: ReadRawSensors) -> RawSensors:
        return RawSensors(**self._raw_readings(self._now_ms)._asdict())

    def _read_diagnostics(self, _: ReadDiagnostics) -> Diagnostics:
        firmware = self._firmware()
        accepted, rejected, repeated, handshakes = self._link_counts()
        return Diagnostics(
            boot_count=firmware.counters.boots,
            uptime_ms=self._now_ms - firmware.started_ms,
            refills=firmware.counters.refills,
            events=firmware.memory.next_event,
            hours=firmware.next_hour,
            state_seq=firmware.memory.journal.state_seq,
            frames_accepted=accepted,
            frames_rejected=rejected,
            commands_repeated=repeated,
            handshakes=handshakes,
        )

    # Alarms.

    def _read_alarms(self, _: ReadAlarms) -> AlarmList:
        board = self._firmware().board
        records = [
            AlarmRecord(
                bit=int(alarm).bit_length() - 1,
                priority=_PRIORITIES[ALARMS[alarm].priority],
                latched=alarm in board.latched,
                acknowledged=alarm in board.acknowledged,
            )
            for alarm in Alarms
            if alarm in board.active
        ]
        return AlarmList(tuple(records))

    def _acknowledge(self, request: AcknowledgeAlarms) -> AlarmsAcknowledged:
        firmware = self._firmware()
        news = firmware.acknowledge(self._now_ms, request.alarms)
        return AlarmsAcknowledged(news=news, active=firmware.active)

    # Logs.

    def _read_history(self, request: ReadHistory) -> Message:
        memory = self._firmware().memory
        if request.from_seq > memory.next_hour:
            return ErrorReply(Reason.OUT_OF_RANGE, memory.next_hour)
        records = _unbroken(memory.hours(request.from_seq, min(request.max_records, MAX_RECORDS)))
        before = NO_CHAIN
        first = records[0].seq if records else min(max(request.from_seq, memory.first_hour), memory.next_hour)
        if first % HOURS_PER_CHAIN:
            before = memory.hour_chain(first - 1)
        return History(
            first_seq=memory.first_hour,
            next_seq=memory.next_hour,
            chain_before=before,
            records=tuple(records),
            chain_after=memory.hour_chain(records[-1].seq) if records else before,
        )

    def _read_events(self, request: ReadEvents) -> Message:
        memory = self._firmware().memory
        if request.from_seq > memory.next_event:
            return ErrorReply(Reason.OUT_OF_RANGE, memory.next_event)
        entries = _unbroken(memory.events(request.from_seq, min(request.max_events, MAX_EVENTS)))
        first = entries[0].seq if entries else min(max(request.from_seq, memory.first_event), memory.next_event)
        before = memory.event_chain(first - 1)
        return Events(
            first_seq=memory.first_event,
            next_seq=memory.next_event,
            chain_before=before,
            events=tuple(EventRecord(**{**entry._asdict(), "kind": int(entry.kind)}) for entry in entries),
            chain_after=memory.event_chain(entries[-1].seq) if entries else before,
        )

    # What changes the pump's state.

    def _set_clock(self, request: SetClock) -> Message:
        try:
            previous_ms = self._firmware().set_clock(self._now_ms, request.utc_ms)
        except ValueError:
            return ErrorReply(Reason.OUT_OF_RANGE, 0)
        return ClockSet(previous_utc_ms=previous_ms, utc_ms=request.utc_ms)

    def _read_configuration(self, _: ReadConfiguration) -> ConfigurationReport:
        firmware = self._firmware()
        return ConfigurationReport(
            generation=firmware.memory.configuration_generation, settings=Settings(**asdict(firmware.configuration))
        )

    def _write_configuration(self, request: WriteConfiguration) -> Message:
        configuration = Configuration(**{name: getattr(request.settings, name) for name in _SETTINGS})
        wrong = configuration.first_impossible()
        if wrong is not None:
            return ErrorReply(Reason.OUT_OF_RANGE, _SETTINGS.index(wrong))
        return ConfigurationWritten(self._firmware().configure(self._now_ms, configuration))

    def _begin_refill(self, _: BeginRefill) -> RefillBegun:
        return RefillBegun(self._firmware().begin_refill(self._now_ms))

    def _returned(self, request: ReportReturned) -> Message:
        firmware = self._firmware()
        if firmware.mode is Mode.SERVICE and not firmware.can_return(request.volume_nl):
            return ErrorReply(Reason.OUT_OF_RANGE, 2 * firmware.configuration.capacity_nl)
        return VolumeReturned(firmware.returned(self._now_ms, request.volume_nl))

    def _filled(self, request: ReportFilled) -> Message:
        firmware = self._firmware()
        if firmware.mode is Mode.SERVICE and not firmware.can_fill(request.volume_nl):
            return ErrorReply(Reason.OUT_OF_RANGE, firmware.configuration.capacity_nl)
        return VolumeFilled(firmware.filled(self._now_ms, request.volume_nl))

    def _set_drug(self, request: SetDrug) -> DrugIsSet:
        self._firmware().set_drug(self._now_ms, request.drug, request.concentration_ug_per_ml)
        return DrugIsSet(request.drug)

    def _complete_refill(self, _: CompleteRefill) -> RefillCompleted:
        return RefillCompleted(self._firmware().complete_refill(self._now_ms))

    def _cancel_refill(self, _: CancelRefill) -> RefillCancelled:
        self._firmware().cancel_refill(self._now_ms)
        return RefillCancelled()

    def _start_self_test(self, _: StartSelfTest) -> SelfTestStarted:
        firmware = self._firmware()
        next_event = firmware.memory.next_event
        firmware.test_self(self._now_ms)
        return SelfTestStarted(next_event)

    # Keys.

    def _read_key_slots(self, _: ReadKeySlots) -> KeySlots:
        keys = self._firmware().memory.keys()
        return KeySlots(tuple(KeySlot(kid=key.kid, role=key.role, enabled=key.enabled) for key in keys))

    def _provision_key(self, request: ProvisionKey) -> Message:
        memory = self._firmware().memory
        known = memory.key(request.kid)
        last_wake = 0 if known is None else known.last_wake
        try:
            memory.keep_key(SessionKey(request.kid, request.role, request.psk, last_wake))
        except ValueError:
            return ErrorReply(Reason.OUT_OF_RANGE, request.kid)
        return KeyProvisioned(request.kid)

    def _revoke_key(self, request: RevokeKey) -> Message:
        memory = self._firmware().memory
        key = memory.key(request.kid)
        if key is None:
            return ErrorReply(Reason.OUT_OF_RANGE, request.kid)
        memory.keep_key(SessionKey(key.kid, key.role, key.psk, key.last_wake, enabled=False))
        return KeyRevoked(request.kid)


def _unbroken(records: list[Any]) -> list[Any]:
    """The records up to the first that is missing: a chain goes over no gap."""
    whole = [record for place, record in enumerate(records) if record.seq == records[0].seq + place]
    return whole[: next((place for place, record in enumerate(whole) if record is not records[place]), len(whole))]
