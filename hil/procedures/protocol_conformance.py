"""Whether a pump keeps to the telemetry protocol: framing, answers, refusals, oversize, repeated commands, roles.

Works on any pump: simulated, on a bench, or somebody else's implementation. What is checked is what
``pumprig protocol reference`` says; each finding names what was sent and what came back.
"""

from random import Random

import pytest

from hil.bench import Bench
from hil.parameter import Parameter
from hil.procedure import Procedure
from hil.procedures.conformance import in_open, sealed, strangers
from hil.procedures.conformance.blame import blamed
from hil.procedures.conformance.chains import check_log
from hil.procedures.conformance.commands import check_commands
from hil.procedures.conformance.ground import LISTEN_MS, Ground, look_at
from hil.procedures.conformance.subscriptions import check_subscriptions
from hil.procedures.conformance.values import Ask, check_flows, check_values
from hil.pump.programmer import Programmer
from hil.pump.pump_wire import LONG_PATIENCE_MS, PumpWire
from protocols.framing import MAX_FRAME_BYTES, encode_frame
from protocols.log_follower import event_log, hour_log
from protocols.messages import Identify, Message, ReadEvents, ReadHistory, ReadStatus, Telecommand
from protocols.reference import ANSWER_MS

pytestmark = pytest.mark.any_pump

_SEQS = (0, 0x00FF, 0xFFFF, 0x7FFF, 0x0100, 0x0001)
_EXCHANGES = 200
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
        in_open.check_framing(ground.wire)
        return
    with blamed("framing"):
        sealed.check_framing(asked_pump, PumpWire(bench.pump_link))


@pytest.mark.procedure("protocol-oversize", requirements=("REQ-PROT-001",))
def test_oversize(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """Frames that are too long, and noise without end, are dropped and leave nothing behind."""
    longest = encode_frame(bytes([1, 0]) + bytes(1 + n % 255 for n in range(MAX_FRAME_BYTES - 2)))
    monsters = [
        (longest[:-1] + b"\x11" * 8 + b"\0", f"a frame of more than {MAX_FRAME_BYTES} bytes"),
        (b"\x07" * 5000 + b"\0", "5000 bytes without a zero"),
    ]
    if ground.wire is not None:
        in_open.check_oversize(ground.wire, monsters)
        return
    with blamed("oversize"):
        sealed.check_dropped(
            asked_pump, PumpWire(bench.pump_link), "oversize", [sealed.instead(*each) for each in monsters]
        )


@pytest.mark.procedure("protocol-sequence", requirements=("REQ-PROT-002",))
def test_sequence(ground: Ground, asked_pump: Programmer) -> None:
    """Each answer has the seq of its question."""
    if ground.wire is not None:
        in_open.check_sequence(ground.wire, _SEQS)
        return
    with blamed("sequence"):
        sealed.check_sequence(asked_pump, _SEQS)


@pytest.mark.procedure("protocol-errors", requirements=("REQ-PROT-003",))
def test_errors(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """What the pump does not know, or cannot read, is refused by name; what is no telecommand is met with silence."""
    if ground.wire is not None:
        in_open.check_errors(ground.wire)
        return
    with blamed("errors"):
        sealed.check_errors(asked_pump, PumpWire(bench.pump_link).silence_ms())


@pytest.mark.procedure("protocol-values", requirements=("REQ-PROT-004",))
def test_values(ground: Ground, bench: Bench, asked_pump: Programmer) -> None:
    """Numbers are big-endian and in their units: version, uptime and clock run as time does, all else is possible."""
    with blamed("values"):
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
    with blamed("flow"):
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
        with blamed("repeats"):
            sealed.check_frames_once(asked_pump, PumpWire(bench.pump_link))
            sealed.check_unstaged(asked_pump, bench)
        return
    in_open.check_repeats(ground.wire, bench)


@pytest.mark.procedure("protocol-subscriptions", requirements=("REQ-PROT-008",))
def test_subscriptions(bench: Bench, asked_pump: Programmer) -> None:
    """Notices come as often and as many as were asked for, under the seq of their Subscribe, and no others."""
    with blamed("subscriptions"):
        check_subscriptions(asked_pump, bench)


@pytest.mark.procedure("protocol-chains", requirements=("REQ-PROT-009",))
def test_chains(asked_pump: Programmer) -> None:
    """Both logs give the same records however they are asked, and the chain goes over all of them."""
    with blamed("chains"):
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
    with blamed("commands"):
        check_commands(asked_pump, bench)


@pytest.mark.procedure("protocol-sealed", requirements=("REQ-PROT-001", "REQ-PROT-005"))
def test_sealed(bench: Bench, pump: Programmer) -> None:
    """In a session every telecommand is answered, once, by a frame whose tag fits."""
    if bench.loaded.file.pump.session == "open":
        pytest.skip("the pump is in the open mode, which has no sessions")
    with blamed("sealed"):
        sealed.check_answers(pump, bench)


@pytest.mark.procedure("protocol-roles", requirements=("REQ-PROT-007",))
def test_roles(bench: Bench, pump: Programmer) -> None:
    """A reader may read, and nothing else; trying ends its session, but locks nobody out."""
    reader = bench.reader
    if reader is None:
        pytest.skip("the bench has no second key, a reader's")
    strangers.check_reader(reader, pump)


@pytest.mark.procedure("protocol-lockout", requirements=("REQ-PROT-007",))
def test_lockout(bench: Bench, pump: Programmer) -> None:
    """Junk and strangers get silence; who holds a key gets in afterwards, within a minute."""
    if bench.loaded.file.pump.session == "open":
        pytest.skip("the pump is in the open mode, which anybody may use")
    strangers.check_lockout(pump, bench)


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
