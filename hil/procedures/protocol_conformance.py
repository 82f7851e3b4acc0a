"""Whether a pump keeps to the telemetry protocol: framing, answers, refusals, oversize, repeated commands, roles.

Works on any pump: simulated, on a bench, or somebody else's implementation. What is checked is what
``pumprig protocol reference`` says; each finding names what was sent and what came back.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import TypeVar

import pytest

from hil.bench import Bench
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.procedures.conformance.chains import check_log
from hil.procedures.conformance.commands import check_commands
from hil.procedures.conformance.ground import LISTEN_MS, Ground, look_at
from hil.procedures.conformance.sealed import (
    check_dropped,
    check_frames_once,
    check_sealed_errors,
    check_sealed_framing,
    check_sealed_sequence,
    check_unstaged,
    instead,
)
from hil.procedures.conformance.subscriptions import check_subscriptions
from hil.procedures.conformance.values import Ask, check_flows, check_values
from hil.programmer import CommandNotApplied, Programmer, PumpFault
from hil.pump_wire import LONG_PATIENCE_MS, Heard, PumpWire, wire_of
from protocols.framing import MAX_FRAME_BYTES, decode_frame, encode_frame
from protocols.log_follower import event_log, hour_log
from protocols.messages import (
    MESSAGES,
    BeginRefill,
    CancelRefill,
    ClockSet,
    ErrorReply,
    Identify,
    Identity,
    Message,
    ReadEvents,
    ReadHistory,
    ReadStatus,
    Reason,
    RefillBegun,
    ReportFilled,
    SetClock,
    Status,
    Telecommand,
    Telemetry,
    VolumeFilled,
    encode_message,
)
from protocols.messages.message import TELEMETRY_BIT
from protocols.reference import ANSWER_MS
from protocols.vectors import vectors

pytestmark = pytest.mark.any_pump

Reply = TypeVar("Reply", bound=Message)

_SEQS = (0, 0x00FF, 0xFFFF, 0x7FFF, 0x0100, 0x0001)
_MORE_SEQS = 20
_EXCHANGES = 200
_PAUSE_S = 2.0
_TOLERANCE_MS = 700
_HOUR_MS = 3_600_000
_VOLUME_NL = 1_000_000
"""Said to have been filled in, in a refill that is cancelled."""
_SEALED = 50
_LATE_ENOUGH = 5
"""So many answers that are late, or never come, say all that there is to say."""


@pytest.fixture(scope="module")
def ground(bench: Bench) -> Ground:
    """How the pump behaves when it is left alone, and when it is asked who it is."""
    if bench.loaded.file.pump.session != "open":
        return Ground(None)
    return look_at(PumpWire(bench.pump_link), asked_before=bench.pump.repeats > 0)


@pytest.fixture
def wire(ground: Ground, request: pytest.FixtureRequest) -> PumpWire:
    """The pump's wire. The procedure is skipped if another one finds what makes it void."""
    if ground.wire is None:
        pytest.skip("the pump is in the secure mode, where nobody without a key gets an answer")
    ground.skip_if_void(_name_of(request))
    return ground.wire


@pytest.fixture
def asked_pump(pump: Programmer, ground: Ground, request: pytest.FixtureRequest) -> Programmer:
    """The pump, in either mode. The procedure is skipped if another one finds what makes it void."""
    ground.skip_if_void(_name_of(request))
    return pump


def _name_of(request: pytest.FixtureRequest) -> str:
    name: str = request.node.get_closest_marker("procedure").args[0]
    return name


@contextmanager
def _blamed(check: str) -> Iterator[None]:
    """A pump that does not answer as it should, in what is asked here, does not conform: that is no bench's fault."""
    try:
        yield
    except PumpFault as fault:
        raise AssertionError(f"{check}: {fault}") from fault


@pytest.mark.procedure("protocol-unasked", requirements=("REQ-PROT-008",))
@pytest.mark.usefixtures("wire")
def test_unasked(ground: Ground) -> None:
    """The pump is silent while nobody asks it anything."""
    assert not ground.unasked, (
        f"unasked: {len(ground.unasked)} frames came in {LISTEN_MS} ms, though nobody had asked: {ground.unasked[0]}"
    )


@pytest.mark.procedure("protocol-framing", requirements=("REQ-PROT-001",))
def test_framing(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """Whole frames are answered in whole frames; all else is dropped, and the next frame is taken at once."""
    if ground.wire is not None:
        _check_open_framing(ground.wire)
        return
    with _blamed("framing"):
        check_sealed_framing(asked_pump, PumpWire(bench.pump_link))


def _check_open_framing(wire: PumpWire) -> None:
    before = len(wire.others)
    _answered(wire, "framing", "Identify")
    _silent(wire, "framing", [(bytes.fromhex(each["wire"]), each["why"]) for each in vectors()["rejected"]])
    for vector in vectors()["rejected"]:
        _answered(wire, "framing", f"Identify behind: {vector['why']}", bytes.fromhex(vector["wire"]))
    _answered(wire, "framing", "Identify behind zeros", b"\0\0\0")
    _answered(wire, "framing", "Identify behind noise", b"\x55\xaa\x55\0")
    heard = wire.ask(Identify(), Identify())
    both = {seq for seq, _ in heard.answers}
    assert len(both) > 1, f"framing: {heard} came after two frames at once, not two answers"
    for _ in range(_MORE_SEQS):
        wire.ask(ReadStatus())
    echoes = [each for each in wire.others[before:] if isinstance(each.message, Telecommand)]
    assert not echoes, f"framing: {len(echoes)} questions came back, such as {echoes[0]}: is there an echo on the line?"
    damaged = [each for each in wire.others[before:] if each.problem]
    assert not damaged, f"framing: {len(damaged)} answers were none, such as: {damaged[0]}"


@pytest.mark.procedure("protocol-oversize", requirements=("REQ-PROT-001",))
def test_oversize(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """Frames that are too long, and noise without end, are dropped and leave nothing behind."""
    longest = encode_frame(bytes([1, 0]) + bytes(1 + n % 255 for n in range(MAX_FRAME_BYTES - 2)))
    monsters = [
        (longest[:-1] + b"\x11" * 8 + b"\0", f"a frame of more than {MAX_FRAME_BYTES} bytes"),
        (b"\x07" * 5000 + b"\0", "5000 bytes without a zero"),
    ]
    if ground.wire is not None:
        _silent(ground.wire, "oversize", monsters)
        _answered(ground.wire, "oversize", "Identify after too long frames")
        return
    with _blamed("oversize"):
        check_dropped(asked_pump, PumpWire(bench.pump_link), "oversize", [instead(*each) for each in monsters])


@pytest.mark.procedure("protocol-sequence", requirements=("REQ-PROT-002",))
def test_sequence(ground: Ground, asked_pump: Programmer) -> None:
    """Each answer has the seq of its question."""
    if ground.wire is not None:
        _check_open_sequence(ground.wire)
        return
    with _blamed("sequence"):
        check_sealed_sequence(asked_pump, _SEQS)


def _check_open_sequence(wire: PumpWire) -> None:
    for seq in (*_SEQS, *(wire.new_seq() for _ in range(_MORE_SEQS))):
        before = len(wire.others)
        heard = wire.ask(Identify(), seq=seq)
        strange = [str(each) for each in wire.others[before:] if isinstance(each.message, Telemetry)]
        assert not strange, f"sequence: {strange[0]} came after Identify (seq {seq})"
        assert heard.frames, f"sequence: {heard} came after Identify (seq {seq})"
    wire.listen(wire.silence_ms())
    wire.forget(*_SEQS)
    seq, opcode = wire.new_seq(), _unknown_opcodes()[0]
    heard = wire.put(wire_of(seq.to_bytes(2, "big") + bytes([opcode])), seq)
    strange = [str(each) for each in heard.others if isinstance(each.message, Telemetry)]
    assert not strange, f"sequence: {strange[0]} came after unknown opcode {opcode:#04x} (seq {seq})"


@pytest.mark.procedure("protocol-errors", requirements=("REQ-PROT-003",))
def test_errors(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """What the pump does not know, or cannot read, is refused by name; what is no telecommand is met with silence."""
    if ground.wire is not None:
        _check_open_errors(ground.wire)
        return
    with _blamed("errors"):
        check_sealed_errors(asked_pump, _unknown_opcodes(), PumpWire(bench.pump_link).silence_ms())


def _check_open_errors(wire: PumpWire) -> None:
    _answered(wire, "errors", "Identify")
    for opcode in _unknown_opcodes():
        seq = wire.new_seq()
        heard = wire.put(wire_of(seq.to_bytes(2, "big") + bytes([opcode])), seq)
        wanted = ErrorReply(Reason.UNKNOWN_OPCODE, opcode)
        assert heard.answers == ((seq, wanted),), f"errors: {heard} came after unknown opcode {opcode:#04x} (seq {seq})"
    silent = []
    for each in vectors()["refused"]:
        data, why = bytes.fromhex(each["wire"]), each["why"]
        wanted_data = {bytes.fromhex(each[answer]) for answer in ("answer", "answer_if_lacking") if each.get(answer)}
        if not wanted_data:
            silent.append((data, why))
            continue
        heard = wire.put(data, _seq_of(min(wanted_data)))
        assert heard.data in wanted_data, f"errors: {heard} came after {why} ({data.hex()})"
    ours = [opcode for opcode in MESSAGES if opcode & TELEMETRY_BIT]
    silent += [(wire_of(b"\x00\x01" + bytes([opcode])), f"opcode {opcode:#04x}, which is telemetry") for opcode in ours]
    _silent(wire, "errors", silent)


@pytest.mark.procedure("protocol-values", requirements=("REQ-PROT-004",))
def test_values(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """Numbers are big-endian and in their units: version, uptime and clock run as time does, all else is possible."""
    with _blamed("values"):
        check_values(_ask(ground, asked_pump), bench, lambda: 0 if ground.wire is None else ground.wire.slowest_ms)


@pytest.mark.procedure(
    "protocol-flow",
    requirements=("REQ-PROT-004",),
    parameters=(Parameter("wait_h", "h", 0.0, 0.0, 48.0, "how long the pump runs before its flow is asked for"),),
    duration_h=lambda parameters: parameters["wait_h"],
)
def test_flow(ground: Ground, bench: Bench, asked_pump: Programmer, procedure: Procedure) -> None:
    """The flow that the pump tells is in its unit: of the order that the profile's label says."""
    bench.sleep(hours=procedure.parameters["wait_h"])
    with _blamed("flow"):
        check_flows(_ask(ground, asked_pump), bench)


@pytest.mark.procedure(
    "protocol-timing",
    measurements=("slowest-answer", "unanswered", "misanswered", "answered-twice"),
    requirements=("REQ-PROT-005",),
)
def test_timing(wire: PumpWire, procedure: Procedure) -> None:
    """Every telecommand is answered, once and in time."""
    chance = Random(1)  # noqa: S311 - which question comes next is no secret
    slowest_ms = unanswered = misanswered = slow = 0
    wire.listen(ANSWER_MS)
    surplus, late = len(wire.surplus), len(wire.late)
    for number in range(_EXCHANGES):
        if slow >= _LATE_ENOUGH:
            break
        question = chance.choice([Identify(), ReadStatus()])
        heard = wire.ask(question, attempts=1, wait_ms=LONG_PATIENCE_MS)
        replied = [isinstance(message, question.REPLY) for _, message in heard.answers]
        misanswered += bool(heard.others) or not all(replied)
        unanswered += not heard.frames and not heard.others
        slowest_ms = max(slowest_ms, heard.waited_ms if heard.frames else 0)
        slow += heard.waited_ms > ANSWER_MS and not heard.others
        procedure.progressed("exchanges", (number + 1) / _EXCHANGES)
    wire.listen(wire.silence_ms())
    slowest_ms = max([slowest_ms, *wire.late[late:]])
    procedure.measure("slowest-answer", slowest_ms, "ms", expanded_uncertainty=5.0, upper=ANSWER_MS)
    procedure.measure("unanswered", unanswered, "1", expanded_uncertainty=0.0, upper=0)
    procedure.measure("misanswered", misanswered, "1", expanded_uncertainty=0.0, upper=0)
    procedure.measure("answered-twice", len(wire.surplus) - surplus, "1", expanded_uncertainty=0.0, upper=0)


@pytest.mark.procedure("protocol-repeats", requirements=("REQ-PROT-006",))
def test_repeats(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """A telecommand that changes state and comes again has no second effect, and gets the same answer.

    The clock is set, and a volume is said to have been filled in; both are put right again, whatever is found. In a
    session it is the frame that has no second effect; and what was not staged has none at all.
    """
    _ = bench.pump_identity  # nothing is changed on a pump that has not said who it is
    if ground.wire is None:
        with _blamed("repeats"):
            check_frames_once(asked_pump, PumpWire(bench.pump_link))
            check_unstaged(asked_pump, bench)
        return
    wire = ground.wire
    lacking = [_repeated_clock(wire, bench), _repeated_volume(wire)]
    if all(lacking):
        pytest.skip("the pump has neither SetClock nor BeginRefill")


def _repeated_clock(wire: PumpWire, bench: Bench) -> bool:
    """Whether the pump has no clock to set."""
    before, before_ms = _status(wire, "repeats", bench)
    wanted_ms = before.clock_utc_ms + _HOUR_MS
    seq = wire.new_seq()
    first = wire.ask(SetClock(wanted_ms), seq=seq)
    if _lacks(first):
        return True
    assert _is(first, ClockSet), f"repeats: {first} came after SetClock"
    try:
        bench.sleep(seconds=_PAUSE_S)
        again = wire.ask(SetClock(wanted_ms), seq=seq)
        assert again.data == first.data, f"repeats: {again} came after SetClock came again, not the same answer"
        went_ms = _status(wire, "repeats", bench)[0].clock_utc_ms - wanted_ms
        shown = f"repeats: the clock shows {went_ms} ms since it was set"
        assert 0 <= went_ms <= _HOUR_MS / 2, f"{shown}: it was not set"
        assert went_ms >= _PAUSE_S * 500, f"{shown}: it was set twice"
    finally:  # whatever was found, the clock goes right
        wire.ask(SetClock(before.clock_utc_ms + bench.now_ms() - before_ms))
    return False


def _repeated_volume(wire: PumpWire) -> bool:
    """Whether the pump knows of no refills."""
    begun = wire.ask(BeginRefill())
    if _lacks(begun):
        return True
    assert _is(begun, RefillBegun), f"repeats: {begun} came after BeginRefill"
    try:
        seq = wire.new_seq()
        first, again = (wire.ask(ReportFilled(_VOLUME_NL), seq=seq) for _ in range(2))
        assert _is(first, VolumeFilled), f"repeats: {first} came after ReportFilled"
        assert again.data == first.data, f"repeats: {again} came after ReportFilled came again, not the same answer"
        more = wire.ask(ReportFilled(_VOLUME_NL))
        wanted = VolumeFilled(2 * _VOLUME_NL)
        said = [message for _, message in more.answers]
        assert said == [wanted], f"repeats: {more} came after ReportFilled in all twice, not {wanted}"
    finally:
        wire.ask(CancelRefill())
    return False


@pytest.mark.procedure("protocol-subscriptions", requirements=("REQ-PROT-008",))
def test_subscriptions(bench: Bench, asked_pump: Programmer) -> None:
    """Notices come as often and as many as were asked for, under the seq of their Subscribe, and no others."""
    with _blamed("subscriptions"):
        check_subscriptions(asked_pump, bench)


@pytest.mark.procedure("protocol-chains", requirements=("REQ-PROT-009",))
def test_chains(asked_pump: Programmer) -> None:
    """Both logs give the same records however they are asked, and the chain goes over all of them."""
    with _blamed("chains"):
        events = check_log(asked_pump, "events", ReadEvents, event_log)
        hours = check_log(asked_pump, "history", ReadHistory, hour_log)
    if not (events or hours):
        pytest.skip("the pump has neither ReadEvents nor ReadHistory")


@pytest.mark.procedure("protocol-commands", requirements=("REQ-PROT-010",))
def test_commands(bench: Bench, asked_pump: Programmer) -> None:
    """What is staged and committed takes effect once: not before, not twice, not late, and in no other state.

    The pump is given the configuration that it has, again and again.
    """
    _ = bench.pump_identity  # nothing is changed on a pump that has not said who it is
    with _blamed("commands"):
        check_commands(asked_pump, bench)


@pytest.mark.procedure("protocol-sealed", requirements=("REQ-PROT-001", "REQ-PROT-005"))
def test_sealed(bench: Bench, pump: Programmer) -> None:
    """In a session every telecommand is answered, once, by a frame whose tag fits."""
    if bench.loaded.file.pump.session == "open":
        pytest.skip("the pump is in the open mode, which has no sessions")
    repeats, rejected, surplus, slowest_ms = pump.repeats, pump.rejected, pump.surplus, 0
    with _blamed("sealed"):
        for _ in range(_SEALED):
            asked_ms = bench.pump_link.monotonic_ms()
            pump.read_status()
            slowest_ms = max(slowest_ms, bench.pump_link.monotonic_ms() - asked_ms)
    assert pump.rejected == rejected, (
        f"sealed: {pump.rejected - rejected} frames were damaged or forged in {_SEALED} exchanges"
    )
    assert pump.surplus == surplus, (
        f"sealed: {pump.surplus - surplus} answers came twice or late in {_SEALED} exchanges"
    )
    assert pump.repeats == repeats, f"sealed: {pump.repeats - repeats} of {_SEALED} telecommands had to be asked again"
    assert slowest_ms <= ANSWER_MS, f"sealed: the slowest of {_SEALED} answers took {slowest_ms} ms, over {ANSWER_MS}"


@pytest.mark.procedure("protocol-roles", requirements=("REQ-PROT-007",))
def test_roles(bench: Bench, pump: Programmer) -> None:
    """A reader may read, and nothing else; trying ends its session, but locks nobody out."""
    reader = bench.reader
    if reader is None:
        pytest.skip("the bench has no second key, a reader's")
    reader.read_status()
    for _ in range(6):
        if _begins_refill(reader):
            for _ in range(2):  # the first may be meant for the state before the reader's command
                with suppress(CommandNotApplied):
                    pump.cancel_refill()
            pytest.fail("roles: BeginRefill was carried out for a reader")
    assert pump.read_status().mode is not None
    assert reader.identify().uid == pump.identify().uid, "roles: a reader whose session was ended is locked out"


def _begins_refill(reader: Programmer) -> bool:
    try:
        reader.begin_refill()
    except (CommandNotApplied, PumpFault):
        return False
    return True


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
        assert heard.is_silence, f"lockout: {heard} came after junk ({junk[:16].hex(' ')}...)"
    heard = wire.send(wire_of(encode_message(1, Identify())), wire.silence_ms())
    assert heard.is_silence, f"lockout: {heard} came after an open frame"
    begin_ms = bench.now_ms()
    with _blamed("lockout"):
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
    if not wire.send(b"".join(data for data, _ in pieces), wire.silence_ms()).others:
        return
    wire.listen(wire.silence_ms())
    for data, what in pieces:
        heard = wire.send(data, wire.silence_ms())
        assert not heard.others, f"{check}: {heard} came, not silence, after {what} ({data.hex()[:80]})"
    pytest.fail(f"{check}: something came, not silence, after all of: {'; '.join(what for _, what in pieces)}")


def _unknown_opcodes() -> list[int]:
    return [opcode for opcode in range(1, TELEMETRY_BIT) if opcode not in MESSAGES]


def _seq_of(data: bytes) -> int:
    """The seq in a whole open frame."""
    return int.from_bytes(decode_frame(data.rstrip(b"\0"))[2:4], "big")


def _answered(wire: PumpWire, check: str, what: str, behind: bytes = b"") -> None:
    heard = wire.ask(Identify(), behind=behind)
    assert _is(heard, Identity), f"{check}: {heard} came after {what}, not Identity"


def _ask(ground: Ground, pump: Programmer) -> Ask:
    """How something is read in either mode: in the open patiently, for how late answers are is judged elsewhere."""
    wire = ground.wire

    def ask(question: Telecommand) -> tuple[Message | None, str]:
        if wire is None:
            answer = pump.exchange(question)
            return answer, str(answer)
        heard = wire.ask(question)
        return heard.answers[0][1] if heard.answers else None, str(heard)

    return ask


def _reply(wire: PumpWire, check: str, question: Telecommand, kind: type[Reply]) -> Reply:
    heard = wire.ask(question)
    found = heard.answers[0][1] if heard.answers else None
    assert isinstance(found, kind), f"{check}: {heard} came after {type(question).__name__}, not {kind.__name__}"
    return found


def _is(heard: Heard, kind: type[Message]) -> bool:
    return bool(heard.answers) and all(isinstance(message, kind) for _, message in heard.answers)


def _lacks(heard: Heard) -> bool:
    """Whether the pump says that it has no such telecommand, which it may."""
    said = heard.answers[0][1] if heard.answers else None
    return isinstance(said, ErrorReply) and said.reason is Reason.UNKNOWN_OPCODE


def _status(wire: PumpWire, check: str, bench: Bench) -> tuple[Status, int]:
    """The pump's status, and the bench time in ms at which it came."""
    status = _reply(wire, check, ReadStatus(), Status)
    return status, bench.now_ms()
