"""The pump: sections 2 to 4 of the reference. What it measures never changes; its time is the caller's."""

import hashlib
import re
import struct
from dataclasses import dataclass, field
from typing import Any

from tests.peers.document_pump.tables import (
    CHANGING,
    FOR_READERS,
    MESSAGES,
    NUMBERS,
    Fields,
    Malformed,
    decoded,
    encoded,
    record,
)
from tests.peers.document_pump.wire import Session, Untrue, answered, first_payload, framed, unframed

__all__ = ["DocumentPump"]

_REASON, _OUTCOME, _EVENT, _MODE = (NUMBERS[name] for name in ("Reason", "Outcome", "EventKind", "Mode"))
_SENSED = {
    "temperature_mc": 22_000,
    "reservoir_pa": 95_000,
    "outlet_pa": 12_400,
    "ambient_pa": 101_300,
    "battery_mv": 3000,
}
_VOLUME_NL = 25_000_000
_FIRST_UTC_MS, _LAST_UTC_MS = 946_684_800_000, 4_102_444_799_999
"""All of 2000 to 2099."""


def _verb(name: str) -> str:
    """The method that carries out a telecommand; a pump that has none lacks it."""
    return re.sub("([A-Z])", r"_\1", name).lower()


class Refused(Exception):
    """Why a telecommand is not carried out."""

    def __init__(self, reason: str, detail: int = 0) -> None:
        super().__init__(reason)
        self.answer = encoded("ErrorReply", reason=_REASON[reason], detail=detail)


@dataclass
class Log:
    """Records of one kind, under a chain that begins anew every so often."""

    part: str
    anew: int = 1 << 40
    records: list[Fields] = field(default_factory=list)
    chains: list[bytes] = field(default_factory=list)
    """Behind each record."""

    def append(self, **fields: Any) -> None:
        """One record more."""
        fields["seq"] = len(self.records)
        link = self.before(fields["seq"]) + record(self.part, fields)
        self.records.append(fields)
        self.chains.append(hashlib.sha256(link).digest()[:16])

    def before(self, seq: int) -> bytes:
        """The chain before a record."""
        return self.chains[seq - 1] if seq % self.anew else bytes(16)

    def page(self, name: str, key: str, first: int, most: int) -> bytes:
        """The answer that holds records from ``first`` on."""
        after = len(self.records)
        if first > after:
            raise Refused("OUT_OF_RANGE", after)
        last = min(first + most, after)
        chains = {"chain_before": self.before(first), "chain_after": self.before(first)}
        if last > first:
            chains["chain_after"] = self.chains[last - 1]
        return encoded(name, first_seq=0, next_seq=after, **chains, **{key: self.records[first:last]})


@dataclass
class Key:
    """A slot."""

    role: int
    psk: bytes
    wake: int = 0


@dataclass
class Staged:
    """What waits for its Commit."""

    token: int
    digest: bytes
    command: bytes
    until_ms: int


class DocumentPump:
    """A device at the end of a wire; with keys in the secure mode."""

    def __init__(self, settings: Fields, uid: bytes, keys: dict[int, Key] | None = None) -> None:
        """Begin in monitoring, with thirty hours of history."""
        self.now_ms = 0
        self.uid, self.keys = uid, keys
        self.settings, self.generation = settings, 1
        self.utc_ms = 1_767_225_600_000
        self.mode = _MODE["MONITORING"]
        self.filled_nl = -1
        self.events, self.hours = Log("EventRecord"), Log("HistoryRecord", 24)
        self.state_seq = self.tokens = 0
        self.staged: dict[int, Staged] = {}
        self.journal: dict[int, list[tuple[int, int, int, bytes]]] = {}
        self.stored: dict[int, list[tuple[bytes, bytes]]] = {}
        self.subscription: dict[str, int] = {}
        self.session: tuple[Session, int, int] | None = None
        """With the number and role of its key."""
        self.next_session: tuple[Session, int, int] | None = None
        self.confirm_ms = self.heard_ms = self.began_ms = self.violations = 0
        self._piece = b""
        for kind, detail in (("BOOTED", 0), ("SELF_TEST_PASSED", 0), ("MODE_CHANGED", self.mode)):
            self._log(kind, detail)
        for hour in range(30):
            told = {"end_uptime_ms": 3_600_000 * hour, "volume_nl": _VOLUME_NL - hour, "flow_nl_per_day": 1_000_000}
            sensed = {name: value for name, value in _SENSED.items() if name != "battery_mv"}
            self.hours.append(**told, flow_valid=True, alarms=0, **sensed)

    # The wire.

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """What goes back at once."""
        self.now_ms = now_ms
        *pieces, self._piece = (self._piece + data).split(b"\0")
        out = b""
        for piece in filter(None, pieces):
            try:
                out += self._answer(unframed(piece))
            except Untrue:
                continue
        return out

    def next_emit_ms(self) -> int | None:
        """When the next notice is due."""
        return self.subscription.get("due_ms")

    def emit(self, now_ms: int) -> bytes:
        """The notice that is due."""
        self.now_ms, told = now_ms, self.subscription
        body = encoded(
            "Sampled",
            number=told["number"],
            mode=self.mode,
            alarms=0,
            **self._counted(),
            bellows_nl=_VOLUME_NL,
            **_SENSED,
        )
        told["number"] += 1
        told["due_ms"] += told["period_s"] * 1000
        if told["number"] == told["notices"]:
            self.subscription = {}
        payload = told["seq"].to_bytes(2, "big") + body
        if self.keys is None:
            return framed(b"\1\0" + payload)
        if self.session is None:
            self.subscription = {}
            return b""
        return framed(self.session[0].seal(payload))

    def _answer(self, frame: bytes) -> bytes:
        kind = frame[:2]
        if self.keys is None:
            answer = self._payload(frame[2:], 0, 2) if kind == b"\1\0" else b""
            return framed(b"\1\0" + answer) if answer else b""
        if kind == b"\1\1":
            return self._greeting(frame)
        if kind == b"\1\x10":
            return self._sealed(frame)
        return b""

    def _greeting(self, frame: bytes) -> bytes:
        assert self.keys is not None
        kid = int.from_bytes(frame[10:14], "big")
        key = self.keys.get(kid)
        if key is None or frame[2:10] != self.uid or len(frame) != 14 + 32 + 26:
            return b""
        said = b"PTL1" + self.uid + struct.pack(">IB", kid, key.role)
        state, payload = first_payload(said, key.psk, frame[14:])
        wake = int.from_bytes(payload[:8], "big")
        if wake <= key.wake:
            return b""
        key.wake = wake
        told = struct.pack(">III", 1, self.state_seq, len(self.events.records))
        secret = hashlib.sha256(frame).digest()
        message, session = answered(state, frame[14:46], told, secret)
        self.next_session, self.confirm_ms = (session, kid, key.role), self.now_ms + 2000
        return framed(b"\1\2" + message)

    def _sealed(self, frame: bytes) -> bytes:
        if self.next_session is not None and frame[2:6] == self.next_session[0].sid:
            payload = self.next_session[0].open(frame)
            if self.now_ms > self.confirm_ms:
                return b""
            self.session, self.next_session = self.next_session, None
            self.began_ms, self.violations = self.now_ms, 0
        elif self.session is not None and frame[2:6] == self.session[0].sid:
            payload = self.session[0].open(frame)
            if self.now_ms - self.heard_ms > 60_000 or self.now_ms - self.began_ms > 1_800_000:
                self.session = None
                return b""
        else:
            return b""
        self.heard_ms = self.now_ms
        session, kid, role = self.session
        answer = self._payload(payload, kid, role)
        if self.violations == 5:
            self.session = None
        return framed(session.seal(answer)) if answer else b""

    # Telecommands.

    def _payload(self, payload: bytes, kid: int, role: int) -> bytes:
        """The answer's payload; nothing where none is due."""
        seq, command = payload[:2], payload[2:]
        if not command or command[0] >= 0x80:
            return b""
        try:
            return seq + self._told(payload, kid, role)
        except Refused as refused:
            return seq + refused.answer
        except Malformed:
            return seq + Refused("MALFORMED", command[0]).answer

    def _told(self, payload: bytes, kid: int, role: int) -> bytes:
        command, opcode = payload[2:], payload[2]
        if not self._has(opcode):
            raise Refused("UNKNOWN_OPCODE", opcode)
        name, fields = decoded(command)
        if kid and role == 1 and opcode not in FOR_READERS:
            self.violations += 1
            self._log("COMMAND_REFUSED")
            raise Refused("NOT_ALLOWED", opcode)
        if opcode not in CHANGING:
            return self._carried_out(name, fields, payload, kid)
        if kid:
            raise Refused("NOT_STAGED", opcode)
        stored = self.stored.setdefault(opcode, [])
        for known, answer in stored:
            if known == payload:
                return answer
        try:
            answer = self._carried_out(name, fields, payload, kid)
        except Refused as refused:
            answer = refused.answer
        self.stored[opcode] = [*stored, (payload, answer)][-16:]
        return answer

    def _has(self, opcode: int) -> bool:
        return opcode in MESSAGES and hasattr(self, _verb(MESSAGES[opcode][0]))

    def _carried_out(self, name: str, fields: Fields, payload: bytes, kid: int) -> bytes:
        if name in {"Stage", "Commit", "Query"}:
            answer: bytes = getattr(self, _verb(name))(kid, **fields)
        elif name == "Subscribe":
            answer = self._subscribe(int.from_bytes(payload[:2], "big"), **fields)
        else:
            answer = getattr(self, _verb(name))(**fields)
        return answer

    def _counted(self) -> Fields:
        return {"sample_count": self.now_ms // 60_000 + 1, "uptime_ms": self.now_ms}

    def _clock_ms(self) -> int:
        return self.utc_ms + self.now_ms

    def _log(self, kind: str, detail: int = 0, value: int = 0) -> None:
        when = {"boot_count": 1, "uptime_ms": self.now_ms, "utc_ms": self._clock_ms()}
        self.events.append(**when, kind=_EVENT[kind], detail=detail, value=value)

    def _identify(self) -> bytes:
        return encoded(
            "Identity", protocol_version=1, uid=self.uid, serial_number="DOC-1", model="made of paper",
            firmware_major=1, firmware_minor=0, firmware_patch=0, boot_count=1,
        )  # fmt: skip

    def _read_status(self) -> bytes:
        return encoded(
            "Status", clock_utc_ms=self._clock_ms(), boot_count=1, mode=self.mode, alarms=0,
            **self._counted(), **_SENSED, volume_nl=_VOLUME_NL, flow_nl_per_day=1_000_000, flow_valid=True,
            history_next=len(self.hours.records),
        )  # fmt: skip

    def _read_measurements(self) -> bytes:
        return encoded("Measurements", **self._counted(), bellows_nl=_VOLUME_NL, **_SENSED)

    def _read_diagnostics(self) -> bytes:
        return encoded(
            "Diagnostics", boot_count=1, uptime_ms=self.now_ms, refills=0, events=len(self.events.records),
            hours=len(self.hours.records), state_seq=self.state_seq, frames_accepted=0, frames_rejected=0,
            commands_repeated=0, handshakes=0,
        )  # fmt: skip

    def _subscribe(self, seq: int, period_s: int, notices: int) -> bytes:
        told = {"seq": seq, "period_s": period_s, "notices": notices, "number": 0}
        self.subscription = told | {"due_ms": self.now_ms + period_s * 1000} if period_s and notices else {}
        return encoded("Subscribed", period_s=period_s, notices=notices)

    def _read_history(self, from_seq: int, max_records: int) -> bytes:
        return self.hours.page("History", "records", from_seq, min(9, max_records))

    def _read_events(self, from_seq: int, max_events: int) -> bytes:
        return self.events.page("Events", "events", from_seq, min(11, max_events))

    def _set_clock(self, utc_ms: int) -> bytes:
        if not _FIRST_UTC_MS <= utc_ms <= _LAST_UTC_MS:
            raise Refused("OUT_OF_RANGE")
        before_ms = self._clock_ms()
        self.utc_ms += utc_ms - before_ms
        self._log("CLOCK_SET", value=utc_ms - before_ms)
        return encoded("ClockSet", previous_utc_ms=before_ms, utc_ms=utc_ms)

    def _read_configuration(self) -> bytes:
        return encoded("ConfigurationReport", generation=self.generation, settings=self.settings)

    def _write_configuration(self, settings: Fields) -> bytes:
        if not 1 <= settings["flow_debounce_m"] <= 24:
            raise Refused("OUT_OF_RANGE", list(settings).index("flow_debounce_m"))
        self.settings, self.generation = settings, self.generation + 1
        self._log("CONFIGURATION_COMMITTED", value=self.generation)
        return encoded("ConfigurationWritten", generation=self.generation)

    def _begin_refill(self) -> bytes:
        if self.mode != _MODE["MONITORING"]:
            raise Refused("NOT_IN_THIS_MODE")
        self.mode, self.filled_nl = _MODE["SERVICE"], 0
        self._log("REFILL_BEGUN", value=_VOLUME_NL)
        return encoded("RefillBegun", volume_nl=_VOLUME_NL)

    def _report_filled(self, volume_nl: int) -> bytes:
        self._in_service()
        if self.filled_nl + volume_nl > self.settings["capacity_nl"]:
            raise Refused("OUT_OF_RANGE")
        self.filled_nl += volume_nl
        self._log("FILL_VOLUME", value=volume_nl)
        return encoded("VolumeFilled", total_nl=self.filled_nl)

    def _cancel_refill(self) -> bytes:
        self._in_service()
        self.mode = _MODE["MONITORING"]
        self._log("REFILL_CANCELLED")
        return encoded("RefillCancelled")

    def _in_service(self) -> None:
        if self.mode != _MODE["SERVICE"]:
            raise Refused("NOT_IN_THIS_MODE")

    # Exactly once.

    def _stage(self, kid: int, command: bytes) -> bytes:
        if not command or not self._has(command[0]):
            raise Refused("MALFORMED", command[0] if command else 0)
        try:
            decoded(command)
        except Malformed:
            raise Refused("MALFORMED", command[0]) from None
        if command[0] not in CHANGING:
            raise Refused("OUT_OF_RANGE", command[0])
        self.tokens += 1
        digest = hashlib.sha256(command).digest()[:8]
        self.staged[kid] = Staged(self.tokens, digest, command, self.now_ms + 30_000)
        return encoded("Staged", token=self.tokens, digest=digest, state_seq=self.state_seq, command=command)

    def _commit(self, kid: int, cmd_id: int, token: int, digest: bytes, if_state: int) -> bytes:
        def said(outcome: int, state_seq: int, result: bytes = b"") -> bytes:
            return encoded("Committed", cmd_id=cmd_id, outcome=outcome, state_seq=state_seq, result=result)

        entries, staged = self.journal.setdefault(kid, []), self.staged.get(kid)
        for known, outcome, state_seq, result in entries:
            if known == cmd_id:
                return said(outcome, state_seq, result)
        if any(known > cmd_id for known, *_ in entries):
            return said(_OUTCOME["STALE"], self.state_seq)
        if staged is None or (staged.token, staged.digest) != (token, digest) or self.now_ms >= staged.until_ms:
            return said(_OUTCOME["NOT_STAGED"], self.state_seq)
        if if_state != self.state_seq:
            return said(_OUTCOME["STALE"], self.state_seq)
        name, fields = decoded(staged.command)
        try:
            outcome, result = _OUTCOME["APPLIED"], self._carried_out(name, fields, b"", kid)
        except Refused as refused:
            outcome, result = _OUTCOME["REFUSED"], refused.answer
        del self.staged[kid]
        self._keep(kid, cmd_id, outcome, result)
        return said(outcome, self.state_seq, result)

    def _query(self, kid: int, cmd_id: int, if_state: int) -> bytes:
        entries = self.journal.setdefault(kid, [])
        entry: tuple[int, int, bytes] = (_OUTCOME["FENCED"], self.state_seq, b"")
        known = [each[1:] for each in entries if each[0] == cmd_id]
        if known:
            entry = known[0]
        elif any(each[0] > cmd_id for each in entries):
            raise Refused("OUT_OF_RANGE")
        elif if_state == self.state_seq:
            self._keep(kid, cmd_id, *(entry[0], entry[2]))
            entry = (entry[0], self.state_seq, b"")
        return encoded("Queried", cmd_id=cmd_id, outcome=entry[0], state_seq=entry[1], result=entry[2])

    def _keep(self, kid: int, cmd_id: int, outcome: int, result: bytes) -> None:
        self.state_seq += 1
        self.journal[kid] = [*self.journal[kid], (cmd_id, outcome, self.state_seq, result)][-8:]
