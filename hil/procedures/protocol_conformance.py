"""Whether a pump keeps to the telemetry protocol: framing, answers, refusals, oversize, repeated commands, roles.

Works on any pump: simulated, on a bench, or somebody else's implementation. What is checked is what
``pumprig protocol reference`` says; each finding names what was sent and what came back.
"""

from collections.abc import Iterator
from random import Random

import pytest

from hil.bench import Bench
from hil.procedure import Procedure
from hil.programmer import CommandNotApplied, Programmer, PumpFault
from hil.pump_wire import Heard, PumpWire, wire_of
from protocols.framing import MAX_FRAME_BYTES, encode_frame
from protocols.messages import (
    MESSAGES,
    BeginRefill,
    CancelRefill,
    ClockSet,
    ErrorReply,
    Identify,
    Identity,
    ReadStatus,
    Reason,
    RefillBegun,
    ReportFilled,
    SetClock,
    Status,
    VolumeFilled,
    encode_message,
)
from protocols.messages.message import TELEMETRY_BIT
from protocols.reference import ANSWER_MS, VERSION
from protocols.vectors import vectors

pytestmark = pytest.mark.any_pump

_SILENCE_MS = 700
"""Longer than any answer may take."""
_SEQS = (0, 1, 0x00FF, 0x0100, 0x7FFF, 0xFFFF)
_EXCHANGES = 200
_PAUSE_S = 2.0
_VOLUME_NL = 1_000_000
"""Said to have been filled in, in a refill that is cancelled."""
_LATE_ENOUGH = 5
"""So many late answers say all that there is to say."""


@pytest.fixture
def wire(bench: Bench) -> PumpWire:
    """The pump's wire. The procedure is skipped unless the pump is in the open mode."""
    if bench.loaded.file.pump.session != "open":
        pytest.skip("the pump is in the secure mode, where nobody without a key gets an answer")
    return PumpWire(bench.pump_link)


@pytest.mark.procedure("protocol-framing", requirements=("REQ-PROT-001",))
def test_framing(wire: PumpWire) -> None:
    """Whole frames are answered in whole frames; all else is dropped, and the next frame is taken at once."""
    _answered(wire, "Identify")
    _silent(wire, "framing", [(bytes.fromhex(each["wire"]), each["why"]) for each in vectors()["rejected"]])
    for vector in vectors()["rejected"]:
        data = bytes.fromhex(vector["wire"]) + wire_of(encode_message(9, Identify()))
        heard = wire.send(data, _SILENCE_MS)
        assert _is_identity(heard, 9), f"framing: {heard} came, not Identity (seq 9), behind: {vector['why']}"
    question = wire_of(encode_message(5, Identify()))
    for data, what in (
        (b"\0\0\0" + question, "zeros before a frame"),
        (b"\x55\xaa\x55" + b"\0" + question, "noise before a frame"),
    ):
        heard = wire.send(data, _SILENCE_MS)
        assert _is_identity(heard, 5), f"framing: {heard} came, not Identity, with {what}"
    heard = wire.send(question + wire_of(encode_message(6, Identify())), _SILENCE_MS, frames=2)
    assert [seq for seq, _ in heard.answers] == [5, 6], f"framing: {heard} came after two frames at once"


@pytest.mark.procedure("protocol-oversize", requirements=("REQ-PROT-001",))
def test_oversize(wire: PumpWire) -> None:
    """Frames that are too long, and noise without end, are dropped and leave nothing behind."""
    longest = encode_frame(bytes([1, 0]) + bytes(1 + n % 255 for n in range(MAX_FRAME_BYTES - 2)))
    monsters = [
        (longest[:-1] + b"\x11" * 8 + b"\0", f"a frame of more than {MAX_FRAME_BYTES} bytes"),
        (b"\x07" * 5000 + b"\0", "5000 bytes without a zero"),
    ]
    _silent(wire, "oversize", monsters)
    _answered(wire, "Identify after too long frames")


@pytest.mark.procedure("protocol-sequence", requirements=("REQ-PROT-002",))
def test_sequence(wire: PumpWire) -> None:
    """Each answer has the seq of its question."""
    for seq in _SEQS:
        heard = wire.ask(seq, Identify(), _SILENCE_MS)
        assert not heard.problems, f"sequence: {heard} came after Identify (seq {seq})"
        assert [each for each, _ in heard.answers] == [seq], f"sequence: {heard} came after Identify (seq {seq})"


@pytest.mark.procedure("protocol-errors", requirements=("REQ-PROT-003",))
def test_errors(wire: PumpWire) -> None:
    """What the pump does not know, or cannot read, is refused by name; what is no telecommand is met with silence."""
    _answered(wire, "Identify")
    for opcode in range(1, TELEMETRY_BIT):
        if opcode not in MESSAGES:
            heard = wire.send(wire_of(b"\x12\x34" + bytes([opcode])), _SILENCE_MS)
            wanted = ErrorReply(Reason.UNKNOWN_OPCODE, opcode)
            assert heard.answers == ((0x1234, wanted),), f"errors: {heard} came after unknown opcode {opcode:#04x}"
    refused = [
        (bytes.fromhex(each["wire"]), bytes.fromhex(each["answer"]), each["why"]) for each in vectors()["refused"]
    ]
    for data, wanted_data, why in refused:
        if wanted_data:
            heard = wire.send(data, _SILENCE_MS)
            assert heard.data == wanted_data, f"errors: {heard} came after {why} ({data.hex()})"
    ours = [opcode for opcode in MESSAGES if opcode & TELEMETRY_BIT]
    silent = [(data, why) for data, wanted_data, why in refused if not wanted_data]
    silent += [(wire_of(b"\x00\x01" + bytes([opcode])), f"opcode {opcode:#04x}, which is telemetry") for opcode in ours]
    _silent(wire, "errors", silent)


@pytest.mark.procedure("protocol-values", requirements=("REQ-PROT-004",))
def test_values(wire: PumpWire, bench: Bench) -> None:
    """Numbers are big-endian and in their units: version, uptime and clock run as time does, all else is possible."""
    heard = wire.ask(1, Identify(), _SILENCE_MS)
    assert _is_identity(heard, 1), f"values: {heard} came after Identify"
    identity = heard.answers[0][1]
    assert isinstance(identity, Identity)
    assert identity.protocol_version == VERSION, f"values: protocol version {identity.protocol_version}, not {VERSION}"
    first, second = (_status(wire, bench, pause) for pause in (0.0, _PAUSE_S))
    passed_ms = second.uptime_ms - first.uptime_ms
    within = abs(passed_ms - _PAUSE_S * 1000) <= _SILENCE_MS
    assert within, f"values: uptime went on by {passed_ms} ms in {_PAUSE_S:g} s; are integers big-endian?"
    went_ms = second.clock_utc_ms - first.clock_utc_ms
    assert abs(went_ms - _PAUSE_S * 1000) <= _SILENCE_MS, f"values: the clock went on by {went_ms} ms in {_PAUSE_S:g} s"
    capacity_nl = bench.loaded.profile.capacity_ml * 1e6
    for name, value, lower, upper in (
        ("temperature_mc", second.temperature_mc, 0, 60_000),
        ("reservoir_pa", second.reservoir_pa, 20_000, 500_000),
        ("ambient_pa", second.ambient_pa, 20_000, 200_000),
        ("volume_nl", second.volume_nl, 0, 1.2 * capacity_nl),
    ):
        outside = f"values: {name} is {value}, outside {lower:g} to {upper:g}; are integers big-endian?"
        assert lower <= value <= upper, outside


@pytest.mark.procedure("protocol-timing", measurements=("slowest-answer", "unanswered"), requirements=("REQ-PROT-005",))
def test_timing(wire: PumpWire, procedure: Procedure) -> None:
    """Every telecommand is answered, once and in time."""
    chance = Random(1)  # noqa: S311 - which question comes next is no secret
    slowest_ms = unanswered = late = 0
    for number in range(_EXCHANGES):
        if late >= _LATE_ENOUGH:
            break
        question = chance.choice([Identify(), ReadStatus()])
        heard = wire.ask(number, question, 2 * ANSWER_MS)
        unanswered += [seq for seq, _ in heard.answers] != [number]
        slowest_ms = max(slowest_ms, heard.waited_ms)
        late += heard.waited_ms > ANSWER_MS
        procedure.progressed("exchanges", (number + 1) / _EXCHANGES)
    procedure.measure("slowest-answer", slowest_ms, "ms", expanded_uncertainty=5.0, upper=ANSWER_MS)
    procedure.measure("unanswered", unanswered, "1", expanded_uncertainty=0.0, upper=0)


@pytest.mark.procedure("protocol-repeats", requirements=("REQ-PROT-006",))
def test_repeats(wire: PumpWire, bench: Bench) -> None:
    """A telecommand that changes state and comes again has no second effect, and gets the same answer.

    The clock is set, and a volume is said to have been filled in; both are put right again, whatever is found.
    """
    before = _status(wire, bench, 0.0)
    asked_ms = bench.now_ms()
    wanted_ms = before.clock_utc_ms + 3_600_000
    first = wire.ask(77, SetClock(wanted_ms), _SILENCE_MS)
    assert _is(first, ClockSet, 77), f"repeats: {first} came after SetClock"
    try:
        bench.sleep(seconds=_PAUSE_S)
        again = wire.ask(77, SetClock(wanted_ms), _SILENCE_MS)
        assert again.data == first.data, f"repeats: {again} came after SetClock came again, not the same answer"
        went_ms = _status(wire, bench, 0.0).clock_utc_ms - wanted_ms
        assert went_ms >= _PAUSE_S * 500, f"repeats: the clock shows {went_ms} ms since it was set: it was set twice"
    finally:  # whatever was found, the clock goes right
        now_ms = before.clock_utc_ms + bench.now_ms() - asked_ms
        wire.ask(78, SetClock(now_ms), _SILENCE_MS)
    begun = wire.ask(79, BeginRefill(), _SILENCE_MS)
    assert _is(begun, RefillBegun, 79), f"repeats: {begun} came after BeginRefill"
    try:
        first, again = (wire.ask(80, ReportFilled(_VOLUME_NL), _SILENCE_MS) for _ in range(2))
        assert _is(first, VolumeFilled, 80), f"repeats: {first} came after ReportFilled"
        assert again.data == first.data, f"repeats: {again} came after ReportFilled came again, not the same answer"
        more = wire.ask(81, ReportFilled(_VOLUME_NL), _SILENCE_MS)
        wanted = VolumeFilled(2 * _VOLUME_NL)
        assert more.answers == ((81, wanted),), f"repeats: {more} came after ReportFilled in all twice, not {wanted}"
    finally:
        wire.ask(82, CancelRefill(), _SILENCE_MS)


@pytest.mark.procedure("protocol-roles", requirements=("REQ-PROT-007",))
def test_roles(bench: Bench, pump: Programmer) -> None:
    """A reader may read, and nothing else; trying ends its session, but locks nobody out."""
    reader = bench.reader
    if reader is None:
        pytest.skip("the bench has no second key, a reader's")
    reader.read_status()
    for _ in range(6):
        with pytest.raises((CommandNotApplied, PumpFault)):
            reader.begin_refill()
    assert pump.read_status().mode is not None
    assert reader.identify().uid == pump.identify().uid, "roles: a reader whose session was ended is locked out"


@pytest.mark.procedure("protocol-lockout", requirements=("REQ-PROT-007",))
def test_lockout(bench: Bench, pump: Programmer) -> None:
    """Junk and strangers get silence; who holds a key gets in afterwards, within a minute."""
    if bench.loaded.file.pump.session == "open":
        pytest.skip("the pump is in the open mode, which anybody may use")
    wire = PumpWire(bench.pump_link)
    uid = pump.identify().uid
    bench.sleep(minutes=1.1)
    for junk in _junk(uid):
        heard = wire.send(encode_frame(junk), 100)
        assert not heard.data, f"lockout: {heard} came after junk ({junk[:16].hex(' ')}...)"
    heard = wire.ask(1, Identify(), _SILENCE_MS)
    assert not heard.data, f"lockout: {heard} came after an open frame"
    begin_ms = bench.now_ms()
    pump.begin_refill()
    pump.cancel_refill()
    assert bench.now_ms() - begin_ms <= 60_000, f"lockout: it took {bench.now_ms() - begin_ms} ms to get in"


def _junk(uid: bytes) -> Iterator[bytes]:
    """First frames that no key made, for this pump and for another, and sealed frames of no session."""
    chance = Random(2)  # noqa: S311 - noise
    for number in range(200):
        body = bytes(chance.randrange(256) for _ in range(58))
        whom = uid if number % 2 else bytes(len(uid))
        yield b"\x01\x10" + body if number % 3 == 0 else b"\x01\x01" + whom + bytes([0, 0, 0, 1]) + body


def _silent(wire: PumpWire, check: str, pieces: list[tuple[bytes, str]]) -> None:
    """Send them all, and wait for silence; if it does not come, one by one, to find out which was answered."""
    if not wire.send(b"".join(data for data, _ in pieces), _SILENCE_MS, frames=len(pieces) + 1).data:
        return
    for data, what in pieces:
        heard = wire.send(data, _SILENCE_MS)
        assert not heard.data, f"{check}: {heard} came, not silence, after {what} ({data.hex()[:80]})"
    pytest.fail(f"{check}: something came, not silence, after all of: {'; '.join(what for _, what in pieces)}")


def _answered(wire: PumpWire, what: str) -> None:
    heard = wire.ask(9, Identify(), _SILENCE_MS)
    assert _is_identity(heard, 9), f"framing: {heard} came after {what}, not Identity (seq 9)"


def _is_identity(heard: Heard, seq: int) -> bool:
    return _is(heard, Identity, seq)


def _is(heard: Heard, kind: type, seq: int) -> bool:
    return not heard.problems and [(each, type(message)) for each, message in heard.answers] == [(seq, kind)]


def _status(wire: PumpWire, bench: Bench, pause_s: float) -> Status:
    bench.sleep(seconds=pause_s)
    heard = wire.ask(2, ReadStatus(), _SILENCE_MS)
    assert _is(heard, Status, 2), f"values: {heard} came after ReadStatus, not Status (seq 2)"
    status = heard.answers[0][1]
    assert isinstance(status, Status)
    return status
