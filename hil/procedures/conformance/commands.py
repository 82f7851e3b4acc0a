"""Whether what is staged and committed takes effect once, by the pump's own counters.

What is commanded is the configuration that the pump has, so that nothing changes but its generation: each that is
written counts one up, and tells whether, and how often, a command was carried out.
"""

import hashlib
from dataclasses import dataclass, replace

import pytest

from hil.bench import Bench
from hil.pump.programmer import Programmer
from protocols.commands.journal import JOURNAL_DEPTH, STAGED_MS, inner, outer
from protocols.errors import MessageError
from protocols.messages import (
    DIGEST_BYTES,
    MESSAGES,
    Commit,
    Committed,
    ConfigurationReport,
    ConfigurationWritten,
    ErrorReply,
    Identify,
    Message,
    Outcome,
    Queried,
    Query,
    ReadConfiguration,
    Reason,
    Settings,
    Stage,
    Staged,
    WriteConfiguration,
)
from protocols.messages.message import TELEMETRY_BIT

__all__ = ["check_commands"]

_ATTEMPTS = 10
_HOURS_TOO_MANY = 25
"""Of flow_debounce_m, which the reference bounds."""


@dataclass
class _Commander:
    """Stages, commits and asks, and keeps what a right pump would have counted."""

    pump: Programmer
    settings: Settings
    generation: int
    state_seq: int = -1

    def stage(self) -> Staged:
        """The configuration that the pump has, staged."""
        return self.staged(outer(WriteConfiguration(self.settings)))

    def stage_once(self) -> Staged:
        """The same, by one Stage only: where a line doubled or lost it, the token that came may be an older one's."""
        for _ in range(_ATTEMPTS):
            before = self.pump.repeats, self.pump.surplus
            staged = self.stage()
            self.pump.read_configuration()  # behind an answer that came twice
            if (self.pump.repeats, self.pump.surplus) == before:
                break
        return staged

    def staged(self, command: bytes) -> Staged:
        """A command that the pump read back as it was meant."""
        answer = self.pump.exchange(Stage(command))
        assert isinstance(answer, Staged), f"commands: {answer} came after Stage"
        assert answer.command == command, f"commands: {command.hex()} was read back as {answer.command.hex()}"
        digest = hashlib.sha256(command).digest()[:DIGEST_BYTES]
        assert answer.digest == digest, f"commands: the digest of what was staged is {digest.hex()}, {answer} came"
        if self.state_seq < 0:
            self.state_seq = answer.state_seq
        same = answer.state_seq == self.state_seq
        assert same, f"commands: state_seq is {answer.state_seq} when staged, {self.state_seq} by what went before"
        return answer

    def next_id(self) -> int:
        """One that no command of this key ever had, kept before it is used."""
        memory = self.pump.memory
        mine = memory.begin(self.state_seq)
        memory.done()
        return mine.cmd_id

    def commit(self, cmd_id: int, staged: Staged, outcome: Outcome, what: str, **other: int | bytes) -> Committed:
        """What the pump says of a Commit, which is as it must be."""
        commit = replace(Commit(cmd_id, staged.token, staged.digest, self.state_seq), **other)  # type: ignore[arg-type]
        answer = self.pump.exchange(commit)
        assert isinstance(answer, Committed), f"commands: {answer} came after {what}"
        self._as_expected(answer, cmd_id, outcome, what)
        return answer

    def query(self, cmd_id: int, outcome: Outcome, what: str, if_state: int | None = None) -> Queried:
        """What the pump says of a Query, which is as it must be."""
        answer = self.pump.exchange(Query(cmd_id, self.state_seq if if_state is None else if_state))
        assert isinstance(answer, Queried), f"commands: {answer} came after {what}"
        self._as_expected(answer, cmd_id, outcome, what)
        return answer

    def _as_expected(self, answer: Committed | Queried, cmd_id: int, outcome: Outcome, what: str) -> None:
        right = (answer.cmd_id, answer.outcome) == (cmd_id, outcome)
        assert right, f"commands: {answer} came after {what}, not {outcome.name} of {cmd_id}"

    def carried_out(self, answer: Committed, what: str) -> None:
        """A command took effect, now and once."""
        self.state_seq += 1
        self.generation += 1
        reply = _inner(answer.result)
        wanted = ConfigurationWritten(self.generation)
        assert reply == wanted, f"commands: the result of {what} is {reply}, not {wanted}"
        assert answer.state_seq == self.state_seq, (
            f"commands: state_seq is {answer.state_seq} right after {what}, not {self.state_seq}"
        )
        self.unchanged(what, once=True)

    def unchanged(self, what: str, *, once: bool = False) -> None:
        """Nothing was carried out that should not have been."""
        report = self.pump.read_configuration()
        how = "once" if once else "no effect"
        assert report.generation == self.generation, (
            f"commands: {what} must have {how}: the configuration's generation is {report.generation}, "
            f"not {self.generation}"
        )
        assert report.settings == self.settings, f"commands: the configuration is another after {what}"


def check_commands(pump: Programmer, bench: Bench) -> None:
    """Every way in which a command can be committed, asked after, lost or repeated."""
    commander = _commander(pump)
    _check_staging(commander)
    first_id, first = _check_once(commander)
    _check_refusal(commander)
    _check_fence(commander)
    _check_malformed(commander)
    for number in range(JOURNAL_DEPTH - 3):  # one was applied, one refused, one fenced
        _apply(commander, f"command {number + 4} of {JOURNAL_DEPTH}")
    answer = commander.query(first_id, Outcome.APPLIED, f"Query of the {JOURNAL_DEPTH}th newest command")
    same = (answer.result, answer.state_seq) == (first.result, first.state_seq)
    assert same, f"commands: the journal has {answer}, the answer was {first}"
    _check_forgotten(commander, first_id)
    _check_expiry(commander, bench)


def _commander(pump: Programmer) -> _Commander:
    report = pump.exchange(ReadConfiguration())
    if _is_lacking(report):
        pytest.skip("the pump has no ReadConfiguration")
    assert isinstance(report, ConfigurationReport), f"commands: {report} came after ReadConfiguration"
    probes = (Stage(b""), Query(0, (1 << 32) - 1), Stage(outer(WriteConfiguration(report.settings))))
    for probe in probes:
        answer = pump.exchange(probe)
        if _is_lacking(answer):
            pytest.skip(f"the pump has no {type(probe).__name__}")
        if isinstance(answer, ErrorReply) and probe is probes[-1]:
            pytest.skip("the pump has no WriteConfiguration, by which this is tried")
    return _Commander(pump, report.settings, report.generation)


def _check_staging(commander: _Commander) -> None:
    """Staging does nothing; only what was staged last can be committed, as it is and in the state that it is for."""
    old, staged = commander.stage(), commander.stage()
    commander.unchanged("Stage")
    assert old.token != staged.token, f"commands: token {old.token} was given twice"
    for what, outcome, other in (
        ("Commit of what was staged before the last", Outcome.NOT_STAGED, {"token": old.token}),
        ("Commit with another digest", Outcome.NOT_STAGED, {"digest": bytes(DIGEST_BYTES)}),
        ("Commit for an older state", Outcome.STALE, {"if_state": (commander.state_seq - 1) % (1 << 32)}),
    ):
        answer = commander.commit(commander.next_id(), staged, outcome, what, **other)
        kept = answer.state_seq == commander.state_seq
        assert kept, f"commands: state_seq is {answer.state_seq} after {what}, not {commander.state_seq} as before"
        commander.unchanged(what)


def _check_once(commander: _Commander) -> tuple[int, Committed]:
    """A command is carried out once, however often its Commit comes, and whatever is staged meanwhile."""
    cmd_id, staged, first = _apply(commander, "Commit")
    used = "Commit under a token that was used"
    commander.commit(commander.next_id(), staged, Outcome.NOT_STAGED, used)
    commander.unchanged(used)
    again = commander.stage()
    for what, token in (("Commit that came again", staged), ("Commit that came again, for what is staged now", again)):
        answer = commander.commit(cmd_id, token, Outcome.APPLIED, what)
        assert answer == first, f"commands: {answer} came after a {what}, {first} the first time"
        commander.unchanged(what)
    asked = commander.query(cmd_id, Outcome.APPLIED, "Query of a command that was carried out")
    same = (asked.state_seq, asked.result) == (first.state_seq, first.result)
    assert same, f"commands: {asked} came after Query, {first} after the Commit"
    return cmd_id, first


def _apply(commander: _Commander, what: str) -> tuple[int, Staged, Committed]:
    staged, cmd_id = commander.stage_once(), commander.next_id()
    answer = commander.commit(cmd_id, staged, Outcome.APPLIED, what)
    commander.carried_out(answer, what)
    return cmd_id, staged, answer


def _check_refusal(commander: _Commander) -> None:
    """A command that the pump cannot carry out is refused for good, and counts."""
    what = "Commit of settings that cannot be"
    wrong = replace(commander.settings, flow_debounce_m=_HOURS_TOO_MANY)
    staged, cmd_id = commander.staged(outer(WriteConfiguration(wrong))), commander.next_id()
    answer = commander.commit(cmd_id, staged, Outcome.REFUSED, what)
    commander.state_seq += 1
    reply = _inner(answer.result)
    is_named = isinstance(reply, ErrorReply) and reply.reason is Reason.OUT_OF_RANGE
    assert is_named, f"commands: the result of {what} is {reply}, not OUT_OF_RANGE"
    counted = answer.state_seq == commander.state_seq
    assert counted, f"commands: state_seq is {answer.state_seq} after {what}, not {commander.state_seq}"
    commander.unchanged(what)


def _check_fence(commander: _Commander) -> None:
    """A command that was asked after before it came is never carried out."""
    staged, cmd_id = commander.stage_once(), commander.next_id()
    answer = commander.query(cmd_id, Outcome.FENCED, "Query of a command that did not come")
    commander.state_seq += 1
    fenced = answer.state_seq == commander.state_seq
    assert fenced, f"commands: state_seq is {answer.state_seq} after a fence, not {commander.state_seq}"
    what = "Commit that came after its Query"
    commander.commit(cmd_id, staged, Outcome.FENCED, what, if_state=commander.state_seq - 1)
    commander.unchanged(what)
    moved_on = "Query of a command for an older state"
    answer = commander.query(commander.next_id(), Outcome.FENCED, moved_on, commander.state_seq - 1)
    kept = answer.state_seq == commander.state_seq
    assert kept, f"commands: state_seq is {answer.state_seq} after a {moved_on}, not {commander.state_seq} as before"


def _check_malformed(commander: _Commander) -> None:
    """What cannot be carried out is not even staged."""
    unknown = next(opcode for opcode in range(TELEMETRY_BIT - 1, 0, -1) if opcode not in MESSAGES)
    for command, wanted in (
        (b"", ErrorReply(Reason.MALFORMED, 0)),
        (bytes([unknown]), ErrorReply(Reason.MALFORMED, unknown)),
        (outer(WriteConfiguration(commander.settings))[:-1], ErrorReply(Reason.MALFORMED, WriteConfiguration.OPCODE)),
        (outer(Identify()), ErrorReply(Reason.OUT_OF_RANGE, Identify.OPCODE)),
    ):
        answer = commander.pump.exchange(Stage(command))
        assert answer == wanted, f"commands: {answer} came after Stage of {command[:8].hex()}, not {wanted}"


def _check_forgotten(commander: _Commander, old_id: int) -> None:
    """A command that has left the journal is told from a new one, and not carried out again."""
    _apply(commander, f"command {JOURNAL_DEPTH + 1} of {JOURNAL_DEPTH}")
    what = "Commit under a number that has left the journal"
    commander.commit(old_id, commander.stage(), Outcome.STALE, what)
    commander.unchanged(what)
    answer = commander.pump.exchange(Query(old_id, commander.state_seq))
    is_refused = isinstance(answer, ErrorReply) and answer.reason is Reason.OUT_OF_RANGE
    assert is_refused, f"commands: {answer} came after Query of a command that has left the journal, not OUT_OF_RANGE"


def _check_expiry(commander: _Commander, bench: Bench) -> None:
    """What was staged is forgotten after its time."""
    staged = commander.stage()
    bench.sleep(seconds=STAGED_MS / 1000 + 1)
    what = f"Commit {STAGED_MS // 1000} s after Stage"
    commander.commit(commander.next_id(), staged, Outcome.NOT_STAGED, what)
    commander.unchanged(what)


def _inner(result: bytes) -> Message | str:
    try:
        return inner(result)
    except MessageError as error:
        return f"no message ({error})"


def _is_lacking(answer: Message) -> bool:
    return isinstance(answer, ErrorReply) and answer.reason is Reason.UNKNOWN_OPCODE
