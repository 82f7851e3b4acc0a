"""What the pump keeps without power, and where: configuration, counters, event log, hourly history."""

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_model.configuration import CONFIGURATION_SIZE, Configuration
from firmware_model.events import EventKind, LogEntry
from firmware_model.memory.banks import BankPair
from firmware_model.memory.nvram import Nvram
from firmware_model.memory.ring import Ring
from protocols.messages import Alarms, HistoryRecord

__all__ = ["EVENT_RECORDS", "HISTORY_RECORDS", "Counters", "PumpMemory"]

EVENT_RECORDS = 512
HISTORY_RECORDS = 1024
"""Hours: six weeks. The oldest record gives way to the newest."""

_ENTRY = struct.Struct(">IQQBHq")
_COUNTERS = struct.Struct(">IIqqIIIIqqq")
HISTORY_DTYPE = np.dtype(
    [
        ("end_uptime_ms", ">u8"),
        ("boot_count", ">u4"),
        ("volume_nl", ">u4"),
        ("flow_nl_per_day", ">i4"),
        ("flow_valid", "u1"),
        ("temperature_mc", ">i4"),
        ("reservoir_pa", ">u4"),
        ("outlet_pa", ">i4"),
        ("ambient_pa", ">u4"),
        ("alarms", ">u4"),
    ]
)
"""One hour, as it lies in the memory."""


@dataclass(frozen=True)
class Counters:
    """What the firmware counts and must not forget. Times are in hours of operation: records of the history."""

    boots: int = 0
    refills: int = 0
    filled_nl: int = 0
    """At the last refill; 0 if there was none."""
    filled_at_h: int = 0
    drug: int = 0
    concentration_ug_per_ml: int = 0
    latched: int = 0
    """Alarms that wait to be acknowledged."""
    acknowledged: int = 0
    watchdog_at_h: int = -1_000_000
    watchdog_before_at_h: int = -1_000_000
    watchdog_third_at_h: int = -1_000_000
    """The last three times that the watchdog bit."""

    def bitten(self, hour: int) -> "Counters":
        """The counters after the watchdog bit once more."""
        return replace(
            self,
            watchdog_at_h=hour,
            watchdog_before_at_h=self.watchdog_at_h,
            watchdog_third_at_h=self.watchdog_before_at_h,
        )


class PumpMemory:
    """The map of the memory. Whatever happens to the supply, what was committed can be read again."""

    def __init__(self, image: bytes | None = None) -> None:
        """Read what is in ``image``; without one, an erased memory."""
        counters_at = BankPair.size(CONFIGURATION_SIZE)
        events_at = counters_at + BankPair.size(_COUNTERS.size)
        history_at = events_at + Ring.size(_ENTRY.size, EVENT_RECORDS + 1)
        size = history_at + Ring.size(HISTORY_DTYPE.itemsize, HISTORY_RECORDS + 1)
        self.nvram = Nvram(size, image)
        self._configuration = BankPair(self.nvram, 0, CONFIGURATION_SIZE)
        self._counters = BankPair(self.nvram, counters_at, _COUNTERS.size)
        self._events = Ring(self.nvram, events_at, _ENTRY.size, EVENT_RECORDS + 1)
        self._history = Ring(self.nvram, history_at, HISTORY_DTYPE.itemsize, HISTORY_RECORDS + 1)
        self.is_suspect = image is not None
        """Whether anything but our own writes happened to it since it was last found sound."""

    def configuration(self) -> Configuration | None:
        """The configuration that was committed last; None if both copies are lost."""
        bank = self._configuration.load()
        return None if bank is None else Configuration.decode(bank.payload)

    def commit_configuration(self, configuration: Configuration) -> int:
        """Keep another configuration; gives its generation."""
        return self._configuration.commit(configuration.encode())

    def counters(self) -> Counters:
        """The counters; from zero if both copies are lost."""
        bank = self._counters.load()
        return Counters() if bank is None else Counters(*_COUNTERS.unpack(bank.payload))

    def commit_counters(self, counters: Counters) -> None:
        """Keep the counters."""
        self._counters.commit(_COUNTERS.pack(*vars(counters).values()))

    @property
    def next_event(self) -> int:
        """Sequence number of the next event."""
        return self._events.next_seq

    def log(self, entry: LogEntry) -> None:
        """Keep an event."""
        self._events.append(
            _ENTRY.pack(entry.boot_count, entry.uptime_ms, entry.utc_ms, entry.kind, entry.detail, entry.value)
        )

    def events(self, from_seq: int, most: int) -> list[LogEntry]:
        """Up to ``most`` events from ``from_seq`` on, oldest first; what is gone or damaged is skipped."""
        entries: list[LogEntry] = []
        for seq in range(max(from_seq, self._events.first_seq), self._events.next_seq):
            payload = self._events.read(seq)
            if payload is not None and len(entries) < most:
                boot_count, uptime_ms, utc_ms, kind, detail, value = _ENTRY.unpack(payload)
                entries.append(LogEntry(seq, boot_count, uptime_ms, utc_ms, EventKind(kind), detail, value))
        return entries

    @property
    def next_hour(self) -> int:
        """Sequence number of the next hour."""
        return self._history.next_seq

    @property
    def first_hour(self) -> int:
        """Sequence number of the oldest hour that is kept."""
        return max(self._history.first_seq, self._history.next_seq - HISTORY_RECORDS)

    def pass_over_hours(self, count: int) -> None:
        """Count hours whose records would be overwritten before anybody can read them."""
        self._history.next_seq += count

    def keep_hours(self, records: NDArray[np.void]) -> None:
        """Keep hours, oldest first; an array of ``HISTORY_DTYPE``."""
        self._history.extend(records.view(np.uint8).reshape(records.size, HISTORY_DTYPE.itemsize))

    def hours(self, from_seq: int, most: int) -> list[HistoryRecord]:
        """Up to ``most`` hours from ``from_seq`` on, oldest first; what is gone or damaged is skipped."""
        records: list[HistoryRecord] = []
        first = max(from_seq, self.first_hour)
        for seq in range(first, min(first + most, self._history.next_seq)):
            payload = self._history.read(seq)
            if payload is not None:
                records.append(_history_record(seq, payload))
        return records

    def hourly_flows(self) -> list[tuple[int, int, int | None]]:
        """Of the hours that are kept: boot count, uptime at the end in ms, and flow in nL/day, None if not valid."""
        payloads = (self._history.read(seq) for seq in range(self.first_hour, self.next_hour))
        rows = np.frombuffer(b"".join(payload for payload in payloads if payload is not None), dtype=HISTORY_DTYPE)
        return [
            (boot_count, end_uptime_ms, flow_nl_per_day if valid else None)
            for end_uptime_ms, boot_count, flow_nl_per_day, valid in rows[
                ["end_uptime_ms", "boot_count", "flow_nl_per_day", "flow_valid"]
            ].tolist()
        ]

    def flip_bit(self, bit: int) -> None:
        """Turn one bit over."""
        self.nvram.flip_bit(bit % (8 * len(self.nvram)))
        self.is_suspect = True

    def damage(self) -> int:
        """How many records are damaged. Nothing is read if nothing but our own writes can have happened."""
        if not self.is_suspect:
            return 0
        found = sum(len(part.damaged()) for part in (self._configuration, self._counters, self._events, self._history))
        self.is_suspect = found > 0
        return found

    def repair(self) -> None:
        """Restore what there is a second copy of, erase what there is not."""
        for pair in (self._configuration, self._counters):
            pair.repair()
        for ring in (self._events, self._history):
            for slot in ring.damaged():
                ring.erase(slot)
        self.is_suspect = False


def _history_record(seq: int, payload: bytes) -> HistoryRecord:
    row = np.frombuffer(payload, dtype=HISTORY_DTYPE)[0]
    return HistoryRecord(
        seq=seq,
        end_uptime_ms=int(row["end_uptime_ms"]),
        volume_nl=int(row["volume_nl"]),
        flow_nl_per_day=int(row["flow_nl_per_day"]),
        flow_valid=bool(row["flow_valid"]),
        temperature_mc=int(row["temperature_mc"]),
        reservoir_pa=int(row["reservoir_pa"]),
        outlet_pa=int(row["outlet_pa"]),
        ambient_pa=int(row["ambient_pa"]),
        alarms=Alarms(int(row["alarms"])),
    )
