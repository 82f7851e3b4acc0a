"""What the pump keeps without power, and where: configuration, counters, event log, hourly history."""

import struct
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_model.events import EventKind, LogEntry
from firmware_model.firmware.configuration import CONFIGURATION_SIZE, Configuration
from firmware_model.memory.banks import BankPair
from firmware_model.memory.nvram import Nvram
from firmware_model.memory.redo import RedoArea
from firmware_model.memory.ring import Ring
from protocols.chain import link
from protocols.commands.journal import JOURNAL_DEPTH, Entry, JournalState
from protocols.messages import (
    CHAIN_BYTES,
    HOURS_PER_CHAIN,
    KEY_BYTES,
    KEY_SLOTS,
    MAX_RESULT_BYTES,
    Alarms,
    HistoryRecord,
    Outcome,
    Role,
    Secret,
)
from protocols.session.keys import SessionKey

__all__ = ["EVENT_RECORDS", "HISTORY_RECORDS", "NO_CHAIN", "Counters", "PumpMemory"]

EVENT_RECORDS = 512
HISTORY_RECORDS = 1024
"""Hours: six weeks. The oldest record gives way to the newest."""

_ENTRY = struct.Struct(">IQQBHq16s")
_LINKED_ENTRY = struct.Struct(">IIQQBHq")
"""An event as it stands in the protocol's EventRecord: over that goes the chain."""
_SEQ_BYTES = 4
_LINKED_HOUR = struct.Struct(">IQIiBiIiII")
"""An hour as it stands in the protocol's HistoryRecord."""
NO_CHAIN = bytes(CHAIN_BYTES)
"""The chain's value before the first record; and where it is not known any more."""
_KEY = struct.Struct(f">IB{KEY_BYTES}sQB")
_KEYS_SIZE = _KEY.size * KEY_SLOTS
_JOURNAL_HEAD = struct.Struct(">IB")
_JOURNAL_ENTRY = struct.Struct(f">IQBIB{MAX_RESULT_BYTES}s")
_JOURNAL_SIZE = _JOURNAL_HEAD.size + _JOURNAL_ENTRY.size * JOURNAL_DEPTH * (KEY_SLOTS + 1)
"""One set of outcomes for each key, and one for the open mode."""
_REDO_SIZE = 6000
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


class Counters(NamedTuple):
    """What the firmware counts and must not forget. Times are in hours of operation: records of the history."""

    boots: int = 0
    refills: int = 0
    filled_nl: int = 0
    """At the last refill, less what came out in one that was broken off since; 0 if nothing tells, and in a refill."""
    filled_at_h: int = 0
    """Less the hours on the shelf since, of which there are no records."""
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
        return self._replace(
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
        keys_at = history_at + Ring.size(HISTORY_DTYPE.itemsize, HISTORY_RECORDS + 1)
        journal_at = keys_at + BankPair.size(_KEYS_SIZE)
        redo_at = journal_at + BankPair.size(_JOURNAL_SIZE)
        self.nvram = Nvram(redo_at + _REDO_SIZE, image)
        self._redo = RedoArea(self.nvram, redo_at, _REDO_SIZE)
        if image is not None:
            self._redo.recover()
        self._configuration = BankPair(self.nvram, 0, CONFIGURATION_SIZE)
        self._counters = BankPair(self.nvram, counters_at, _COUNTERS.size)
        self._events = Ring(self.nvram, events_at, _ENTRY.size, EVENT_RECORDS + 1)
        self._history = Ring(self.nvram, history_at, HISTORY_DTYPE.itemsize, HISTORY_RECORDS + 1)
        self._keys = BankPair(self.nvram, keys_at, _KEYS_SIZE)
        self._journal_banks = BankPair(self.nvram, journal_at, _JOURNAL_SIZE)
        self._pairs = (self._configuration, self._counters, self._keys, self._journal_banks)
        self._journal: JournalState | None = None
        last = self._events.read(self._events.next_seq - 1)
        self._chain = NO_CHAIN if last is None else last[-CHAIN_BYTES:]
        self.is_suspect = image is not None
        """Whether anything but our own writes happened to it since it was last found sound."""

    def configuration(self) -> Configuration | None:
        """The configuration that was committed last; None if both copies are lost."""
        bank = self._configuration.load()
        return None if bank is None else Configuration.decode(bank.payload)

    @property
    def configuration_generation(self) -> int:
        """Counts configurations; 0 if both copies are lost."""
        bank = self._configuration.load()
        return 0 if bank is None else bank.generation

    def commit_configuration(self, configuration: Configuration) -> int:
        """Keep another configuration; gives its generation."""
        return self._configuration.commit(configuration.encode())

    def counters(self) -> Counters:
        """The counters; from zero if both copies are lost."""
        bank = self._counters.load()
        return Counters() if bank is None else Counters._make(_COUNTERS.unpack(bank.payload))

    def commit_counters(self, counters: Counters) -> None:
        """Keep the counters."""
        self._counters.commit(_COUNTERS.pack(*counters))

    @property
    def next_event(self) -> int:
        """Sequence number of the next event."""
        return self._events.next_seq

    def log(self, entry: LogEntry) -> None:
        """Keep an event."""
        linked = _LINKED_ENTRY.pack(*entry)
        self._chain = link(self._chain, linked)
        self._events.append(linked[_SEQ_BYTES:] + self._chain)

    @property
    def first_event(self) -> int:
        """Sequence number of the oldest event that is kept; the one before it is there for its chain only."""
        first = self._events.first_seq
        return first and first + 1

    def events(self, from_seq: int, most: int) -> list[LogEntry]:
        """Up to ``most`` events from ``from_seq`` on, oldest first; what is gone or damaged is skipped."""
        entries: list[LogEntry] = []
        for seq in range(max(from_seq, self.first_event), self._events.next_seq):
            if len(entries) == most:
                break
            payload = self._events.read(seq)
            if payload is not None:
                boot_count, uptime_ms, utc_ms, kind, detail, value, _ = _ENTRY.unpack(payload)
                entries.append(LogEntry(seq, boot_count, uptime_ms, utc_ms, EventKind(kind), detail, value))
        return entries

    def event_chain(self, seq: int) -> bytes:
        """The chain's value after event ``seq``; ``NO_CHAIN`` before the first, and where it is not known any more."""
        payload = self._events.read(seq) if seq >= 0 else None
        return NO_CHAIN if payload is None else payload[-CHAIN_BYTES:]

    def hour_chain(self, seq: int) -> bytes:
        """The chain's value after hour ``seq``; ``NO_CHAIN`` before a day's first, and where it is not known any more.

        It begins anew every ``HOURS_PER_CHAIN`` records, so that nobody has to work it out for hours that nobody reads.
        """
        chain = NO_CHAIN
        if seq < 0:
            return chain
        for each in range(seq - seq % HOURS_PER_CHAIN, seq + 1):
            payload = self._history.read(each) if each >= self.first_hour else None
            if payload is None:
                return NO_CHAIN
            chain = link(chain, _linked_hour(each, payload))
        return chain

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
        for seq in range(max(from_seq, self.first_hour), self._history.next_seq):
            if len(records) == most:
                break
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

    # Keys, and what became of commands.

    def key(self, kid: int) -> SessionKey | None:
        """The key of that number, enabled or not; None if there is none."""
        return next((key for key in self.keys() if key.kid == kid), None)

    def keys(self) -> list[SessionKey]:
        """The slots in use, by rising kid."""
        bank = self._keys.load()
        rows = _KEY.iter_unpack(bank.payload) if bank is not None else ()
        return [
            SessionKey(kid, Role(role), Secret(psk), last_wake, bool(enabled))
            for kid, role, psk, last_wake, enabled in rows
            if role
        ]

    def keep_key(self, key: SessionKey) -> None:
        """Keep a key, in the slot of its number if it has one. Raises ValueError if all slots are in use."""
        keys = sorted([each for each in self.keys() if each.kid != key.kid] + [key], key=lambda each: each.kid)
        if len(keys) > KEY_SLOTS:
            raise ValueError(f"all {KEY_SLOTS} key slots are in use")
        rows = [_KEY.pack(each.kid, each.role, bytes(each.psk), each.last_wake, each.enabled) for each in keys]
        self._keys.commit(b"".join(rows).ljust(_KEYS_SIZE, b"\0"))

    def note_wake(self, kid: int, wake: int) -> None:
        """Keep that a wake number was used."""
        key = self.key(kid)
        if key is not None:
            self.keep_key(replace(key, last_wake=wake))

    @property
    def journal(self) -> JournalState:
        """What became of the last commands."""
        if self._journal is None:
            bank = self._journal_banks.load()
            self._journal = JournalState() if bank is None else _journal_of(bank.payload)
        return self._journal

    def save(self, journal: JournalState) -> None:
        """Keep the journal."""
        rows = [
            _JOURNAL_ENTRY.pack(each.kid, each.cmd_id, each.outcome, each.state_seq, len(each.result), each.result)
            for each in journal.entries
        ]
        head = _JOURNAL_HEAD.pack(journal.state_seq, len(rows))
        self._journal_banks.commit((head + b"".join(rows)).ljust(_JOURNAL_SIZE, b"\0"))
        self._journal = journal

    def transaction(self) -> AbstractContextManager[None]:
        """What is written inside is written as a whole, or not at all."""
        return self._redo.transaction()

    def flip_bit(self, bit: int) -> None:
        """Turn one bit over."""
        self.nvram.flip_bit(bit % (8 * len(self.nvram)))
        self.is_suspect = True

    def damage(self) -> int:
        """How many records are damaged. Nothing is read if nothing but our own writes can have happened."""
        if not self.is_suspect:
            return 0
        found = sum(len(part.damaged()) for part in (*self._pairs, self._events, self._history))
        self.is_suspect = found > 0
        return found

    def repair(self) -> None:
        """Restore what there is a second copy of, erase what there is not."""
        for pair in self._pairs:
            pair.repair()
        self._journal = None
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


def _linked_hour(seq: int, payload: bytes) -> bytes:
    """An hour as the chain sees it."""
    row = np.frombuffer(payload, dtype=HISTORY_DTYPE)[0]
    (end_uptime_ms, _, *rest) = row.tolist()
    return _LINKED_HOUR.pack(seq, end_uptime_ms, *rest)


def _journal_of(payload: bytes) -> JournalState:
    state_seq, count = _JOURNAL_HEAD.unpack_from(payload)
    entries = []
    for place in range(count):
        kid, cmd_id, outcome, entry_seq, size, result = _JOURNAL_ENTRY.unpack_from(
            payload, _JOURNAL_HEAD.size + place * _JOURNAL_ENTRY.size
        )
        entries.append(Entry(kid, cmd_id, Outcome(outcome), entry_seq, result[:size]))
    return JournalState(state_seq, tuple(entries))
