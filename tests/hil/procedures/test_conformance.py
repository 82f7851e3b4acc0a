"""Pumps with one fault each, in virtual time: the procedure that is there for it finds it, and no other says a word."""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import firmware_model.firmware.telemetry
from hil.bench import Bench, open_bench
from hil.benches.bench_file import load_bench
from hil.benches.wiring import SimulatedWiring
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from hil.links.virtual import VirtualLink
from hil.procedures.conformance.ground import Ground
from hil.pump.programmer import PumpFault
from hil.pump.pump_wire import wire_of
from hil.virtual_bench.device import Device
from protocols.channel import OpenChannel
from protocols.commands.journal import Journal
from protocols.framing import decode_frame
from protocols.messages import (
    ErrorReply,
    Events,
    Identify,
    Identity,
    Message,
    Reason,
    Sampled,
    Staged,
    Status,
    decode_message,
    encode_message,
)
from protocols.responder import Responder
from tests.hil.procedures.conforming import Nowhere, findings, procedures
from tests.protocols.commands.world import MUTANTS

_BENCH = Path(__file__).parents[3] / "fixtures" / "benches" / "simulated.toml"

_REFUSED_AS_UNKNOWN = bytes([ErrorReply.OPCODE, Reason.UNKNOWN_OPCODE])

Twist = Callable[[int, bytes], list[tuple[int, bytes]]]
"""What becomes of an answer: its number and its bytes, to what is sent in its place, each after so many ms."""


@dataclass
class Twisted:
    """A pump of which each answer is twisted."""

    device: Device
    twist: Twist
    now_ms: Callable[[], int]
    answers: int = 0
    waiting: list[tuple[int, bytes]] = field(default_factory=list)

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """What goes back at once."""
        return self._twisted(now_ms, self.device.receive(now_ms, data))

    def next_emit_ms(self) -> int | None:
        """The next notice, or late answer."""
        due = [self.device.next_emit_ms(), *(at_ms for at_ms, _ in self.waiting)]
        return min((each for each in due if each is not None), default=None)

    def emit(self, now_ms: int) -> bytes:
        """Notices, and late answers."""
        late = b"".join(data for at_ms, data in self.waiting if at_ms <= now_ms)
        self.waiting = [each for each in self.waiting if each[0] > now_ms]
        return late + self._twisted(now_ms, self.device.emit(now_ms))

    def _twisted(self, now_ms: int, data: bytes) -> bytes:
        at_once = b""
        for piece in data.split(b"\0")[:-1]:
            self.answers += 1
            for delay_ms, twisted in self.twist(self.answers, piece + b"\0"):
                if delay_ms:
                    self.waiting.append((now_ms + delay_ms, twisted))
                else:
                    at_once += twisted
        return at_once


class TwistedWiring(SimulatedWiring):
    """The simulated bench, with a twist in the pump."""

    twist: Twist

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:
        """Plug in."""
        if wire != "pump":
            return super().open(wire, resource, serial)
        world = self._world
        device = Twisted(world.devices["pump"], self.twist, lambda: world.now_ms)
        return VirtualLink(resource, device, lambda: world.now_ms, world.advance_to)


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    """The simulated bench, for a pump of which nothing is known."""
    text = re.sub(r"(?m)^serial_number.*$", "", _BENCH.read_text(encoding="utf-8"), count=1)
    path = tmp_path / "bench.toml"
    path.write_text(text.replace('"../pumps', f'"{_BENCH.parents[1]}/pumps'), encoding="utf-8")
    return path


def _findings(bench_file: Path, twist: Twist) -> dict[str, str]:
    """What each procedure for the open mode finds in a pump with this twist; nothing where it passes or is skipped."""
    loaded = load_bench(bench_file)
    wiring = TwistedWiring(loaded, 1, ())
    wiring.twist = twist
    with ExitStack() as cleanup:
        return findings(open_bench(loaded, wiring, Nowhere(), cleanup, seed=1, any_pump=True))


def _every(nth: int, twisted: Twist) -> Twist:
    return lambda number, data: twisted(number, data) if number % nth == 0 else [(0, data)]


def _message(change: Callable[[int, Message], tuple[int, Message]]) -> Twist:
    """Another seq or message in the place of an answer's."""

    def twisted(_: int, data: bytes) -> list[tuple[int, bytes]]:
        seq, message = decode_message(OpenChannel().open(decode_frame(data[:-1])))
        return [(0, wire_of(encode_message(*change(seq, message))))]

    return twisted


def _field(kind: type[Message], change: Callable[[Any], dict[str, Any]]) -> Twist:
    """Other fields in messages of one kind."""
    return _message(
        lambda seq, message: (seq, replace(message, **change(message)) if isinstance(message, kind) else message)
    )


def _seq_of(data: bytes) -> int:
    return decode_message(OpenChannel().open(decode_frame(data[:-1])))[0]


def _flipped(data: bytes) -> bytes:
    """With one bit of the CRC turned over."""
    return data[:-2] + bytes([data[-2] ^ 0x10]) + data[-1:]


_NOISE = b"\x55\xaa\x55\0"
_FAULTS: dict[str, tuple[Twist, dict[str, str]]] = {
    "none": (lambda _, data: [(0, data)], {}),
    "another seq": (
        _message(lambda seq, message: ((seq + 1) % 65536, message)),
        {"protocol-sequence": r"Identity \(seq 1\) came after Identify \(seq 0\)"},
    ),
    "another seq, at times": (
        _every(7, _message(lambda seq, message: (seq if isinstance(message, Sampled) else (seq + 1) % 65536, message))),
        {"protocol-sequence": r"Identity \(seq \d+\) came after", "protocol-timing": "misanswered"},
    ),
    "wrong CRC": (lambda _, data: [(0, _flipped(data))], {"protocol-framing": "CrcMismatch"}),
    "wrong CRC, at times": (
        _every(5, lambda _, data: [(0, _flipped(data))]),
        {"protocol-framing": r"\d answers were none, such as: CrcMismatch", "protocol-timing": "misanswered"},
    ),
    "late": (lambda _, data: [(700, data)], {"protocol-timing": "slowest-answer: 700"}),
    "later than anybody waits": (lambda _, data: [(1500, data)], {"protocol-timing": "slowest-answer: 1500"}),
    "late, at times": (_every(7, lambda _, data: [(1300, data)]), {"protocol-timing": "slowest-answer: 1300"}),
    "twice": (
        lambda _, data: [(0, data), (0, data)],
        {"protocol-timing": r"answered-twice: 200", "protocol-subscriptions": r"\[0, 0, 1, 1\]"},
    ),
    "twice, the second late": (
        lambda _, data: [(0, data), (300, data)],
        {"protocol-timing": r"answered-twice: \d+", "protocol-subscriptions": r"\[0, 0, 1, 1\]"},
    ),
    "not at all, at times": (_every(5, lambda *_: []), {"protocol-timing": "unanswered: 5"}),
    "line ends behind frames": (
        lambda _, data: [(0, data), (0, b"\r\n")],
        {"protocol-framing": "2 bytes without a zero behind them"},
    ),
    "an echo": (
        lambda _, data: [(0, wire_of(encode_message(_seq_of(data), Identify()))), (0, data)],
        {"protocol-framing": "questions came back", "protocol-timing": "misanswered"},
    ),
    "no zeros": (lambda _, data: [(0, data[:-1])], {"protocol-framing": "bytes without a zero behind them"}),
    "noise": (
        lambda _, data: [(0, _NOISE + data)],
        {"protocol-framing": "CobsInvalid", "protocol-timing": "misanswered"},
    ),
    "celsius": (
        _field(Status, lambda status: {"temperature_mc": status.temperature_mc // 1000}),
        {"protocol-values": r"temperature_mc is 22, outside 2000 to 60000"},
    ),
    "kilopascals": (
        _field(Status, lambda status: {"ambient_pa": status.ambient_pa // 1000}),
        {"protocol-values": "ambient_pa is 101, outside"},
    ),
    "microlitres a day": (
        _field(Status, lambda _: {"flow_nl_per_day": 1_000, "flow_valid": True}),
        {"protocol-flow": "flow_nl_per_day is 1000 in Status, outside 100000 to 10000000"},
    ),
    "notices misnumbered": (
        _field(Sampled, lambda notice: {"number": notice.number + 1}),
        {"protocol-subscriptions": r"had numbers \[1, 2\], after 2 were asked for"},
    ),
    "notices under no seq": (
        _message(lambda seq, message: (0 if isinstance(message, Sampled) else seq, message)),
        {"protocol-subscriptions": r"under seq \[0\]"},
    ),
    "a link of the chain": (
        _field(Events, lambda _: {"chain_after": bytes(15) + b"\1"}),
        {"protocol-chains": "the chain over records 0 to 10 does not fit them"},
    ),
    "a page with nothing": (
        _field(Events, lambda page: {"events": (), "chain_after": page.chain_before}),
        {"protocol-chains": "no record came from 0 on, though the log ends before 12: .*; asked for 255 of the events"},
    ),
    "a page with a gap": (
        _field(Events, lambda page: {"events": page.events[:1] + page.events[2:]}),
        {"protocol-chains": r"records \[0, 2, 3, .* came"},
    ),
    "a command misread": (
        _field(Staged, lambda staged: {"command": staged.command[:-1] + bytes([staged.command[-1] ^ 1])}),
        {"protocol-commands": "was read back as"},
    ),
    "another digest": (
        _field(Staged, lambda _: {"digest": bytes(8)}),
        {"protocol-commands": "the digest of what was staged"},
    ),
    "refusals under no seq": (
        _message(lambda seq, message: (0 if isinstance(message, ErrorReply) else seq, message)),
        {
            "protocol-sequence": r"ErrorReply \(seq 0\) came after unknown opcode",
            "protocol-errors": r"ErrorReply \(seq 0\) came after unknown opcode",
            "protocol-chains": "ErrorReply with seq 0 came",
            "protocol-commands": "ErrorReply with seq 0 came",
        },
    ),
}


def test_a_pump_that_is_one_behind_is_found_late(bench_file: Path) -> None:
    """Each answer comes when the next question does."""
    held: list[bytes] = []

    def one_behind(_: int, data: bytes) -> list[tuple[int, bytes]]:
        held.append(data)
        return [(0, held.pop(0))] if len(held) > 1 else []

    found = _findings(bench_file, one_behind)
    assert found.keys() == {"protocol-timing"}
    assert "unanswered: 5" in found["protocol-timing"]


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_is_found_where_it_belongs(bench_file: Path, fault: str) -> None:
    """By the procedures that it concerns, and by no others."""
    twist, expected = _FAULTS[fault]
    found = _findings(bench_file, twist)
    assert set(found) == set(expected), found
    for name, text in expected.items():
        assert re.search(text, found[name]), found[name]


@pytest.mark.parametrize(
    ("mutant", "finding"),
    [
        ("no-fence", "state_seq is"),
        ("no-duplicates", "came after Commit that came again, not APPLIED"),
        ("no-if-state", "came after Commit for an older state, not STALE"),
        ("no-bump", "right after Commit, not 1"),
    ],
)
def test_a_broken_journal_is_found(
    bench_file: Path, monkeypatch: pytest.MonkeyPatch, mutant: str, finding: str
) -> None:
    """Each of the mutants that the exactly-once simulation knows."""
    monkeypatch.setattr(firmware_model.firmware.telemetry, "Journal", MUTANTS[mutant])
    found = _findings(bench_file, lambda _, data: [(0, data)])
    assert set(found) == {"protocol-commands"}
    assert finding in found["protocol-commands"]


def test_a_journal_that_forgets_is_found(bench_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that has left the journal is not taken for a new one."""
    monkeypatch.setattr("protocols.commands.journal.JournalState.is_past", lambda *_: False)
    found = _findings(bench_file, lambda _, data: [(0, data)])
    assert found.keys() == {"protocol-commands"}
    assert "under a number that has left the journal, not STALE" in found["protocol-commands"]
    assert issubclass(MUTANTS["no-fence"], Journal)


def _other_seq(answer: bytes) -> bytes:
    """Zero in the place of a seq that ends so."""
    return b"\0\0" + answer[2:] if answer[1] == _SEQ_LOST else answer


_SEQ_LOST = 0xFF
_SEALED_FAULTS: dict[str, tuple[Callable[[bytes], bytes | None], str, str]] = {
    "another seq for some": (_other_seq, "protocol-sequence", r"Identity\(.*\(seq 0\) came after Identify \(seq 255\)"),
    "another seq in refusals": (
        lambda answer: b"\0\0" + answer[2:] if answer[2:4] == _REFUSED_AS_UNKNOWN else answer,
        "protocol-errors", r"UNKNOWN_OPCODE, detail=\d+\) \(seq 0\) came after unknown opcode",
    ),
    "another reason": (
        lambda answer: answer.replace(_REFUSED_AS_UNKNOWN, bytes([ErrorReply.OPCODE, Reason.INTERNAL])),
        "protocol-errors", r"INTERNAL, detail=\d+\).* came after unknown opcode",
    ),
    "another opcode": (
        lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]) if answer[2:4] == _REFUSED_AS_UNKNOWN else answer,
        "protocol-errors", r"UNKNOWN_OPCODE, detail=\d+\).* came after unknown opcode",
    ),
    "no refusal": (
        lambda answer: None if answer[2:4] == _REFUSED_AS_UNKNOWN else answer,
        "protocol-errors", "silence came after unknown opcode",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", _SEALED_FAULTS)
def test_what_a_pump_answers_in_a_session_is_judged_too(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A pump whose sealed frames are right, and hold a wrong seq or refusal, is found by the procedure for that."""
    twist, procedure, said = _SEALED_FAULTS[fault]
    right = Responder._answer

    def twisted(responder: Responder, payload: bytes) -> bytes | None:
        answer = right(responder, payload)
        return None if answer is None else twist(answer)

    monkeypatch.setattr(Responder, "_answer", twisted)
    loaded = load_bench(_BENCH.with_name("simulated-secure.toml"))
    with ExitStack() as cleanup:
        bench = open_bench(loaded, SimulatedWiring(loaded, 1, ()), Nowhere(), cleanup, seed=1, any_pump=True)
        tried = {name: run for name, run in procedures(bench, Ground(None)) if name in {procedure, "protocol-sealed"}}
        tried["protocol-sealed"]()
        with pytest.raises(AssertionError, match=said):
            tried[procedure]()


def test_a_pump_that_never_stops_talking_is_judged_by_that_alone(bench_file: Path) -> None:
    """All other procedures are skipped, and say why; none of them crawls."""
    found = _findings(bench_file, lambda _, data: [(0, data), *((250 * each, _NOISE) for each in range(1, 40))])
    assert found.keys() == {"protocol-unasked"}
    assert "frames came in 1000 ms, though nobody had asked: CobsInvalid" in found["protocol-unasked"]


def test_a_stranger_is_refused_even_by_a_wrong_seq(tmp_path: Path, bench_file: Path) -> None:
    """Who answers under another seq still says who it is; and one that cannot be told is no pump of a named bench."""
    text = bench_file.read_text(encoding="utf-8")
    named = tmp_path / "named.toml"
    named.write_text(text.replace('link = "sim:pump"', 'link = "sim:pump"\nserial_number = "SN9"'), encoding="utf-8")

    def opened(twist: Twist) -> Bench:
        wiring = TwistedWiring(load_bench(named), 1, ())
        wiring.twist = twist
        with ExitStack() as cleanup:
            return open_bench(load_bench(named), wiring, Nowhere(), cleanup, seed=1, any_pump=True)

    strange = _message(
        lambda seq, message: (
            seq + 1,
            replace(message, serial_number="SN1") if isinstance(message, Identity) else message,
        )
    )
    with pytest.raises(PumpFault, match="pump SN1 answers, but"):
        opened(strange)
    with pytest.raises(PumpFault, match="CrcMismatch"):
        opened(_FAULTS["wrong CRC"][0])


OPTIMISED = """
import sys
from pathlib import Path

import firmware_model.firmware.telemetry
from hil.runs.observer import Silent
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.protocols.commands.world import MUTANTS

firmware_model.firmware.telemetry.Journal = MUTANTS["no-bump"]
result = run_procedures(RunSettings(("protocol-conformance",), out=Path(sys.argv[1])), Silent())
print(result.verdict.value)
"""


@pytest.mark.deep
def test_python_without_asserts_finds_the_same(tmp_path: Path) -> None:
    """``python -O`` leaves out no check of a procedure, nor of what it calls."""
    command = [sys.executable, "-O", "-c", OPTIMISED, str(tmp_path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == "fail\n", done.stderr
