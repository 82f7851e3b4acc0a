"""The pump's side of exactly once, rule by rule as section 3 of the protocol's page has them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from protocols.commands.journal import JOURNAL_DEPTH, STAGED_MS, Entry, Journal, JournalState, inner, outer
from protocols.messages import (
    Commit,
    Committed,
    DrugIsSet,
    ErrorReply,
    Message,
    Outcome,
    Queried,
    Query,
    ReadStatus,
    Reason,
    SetDrug,
    Stage,
    Staged,
    Status,
    Telecommand,
)
from protocols.vectors import examples

_KID = 7


class Store:
    """Memory that takes a journal inside a transaction only, and drops it if that fails."""

    def __init__(self, state_seq: int = 0) -> None:
        self.journal = JournalState(state_seq)
        self.is_open = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        before, self.is_open = self.journal, True
        try:
            yield
        except BaseException:
            self.journal = before
            raise
        finally:
            self.is_open = False

    def save(self, journal: JournalState) -> None:
        """Keep it."""
        assert self.is_open
        self.journal = journal


class Pump:
    """A journal over a list of drugs; drug 0 is refused, drug 9 breaks the firmware."""

    def __init__(self, state_seq: int = 3, first_token: int = 100) -> None:
        self.store = Store(state_seq)
        self.drugs: list[int] = []
        self.journal = Journal(self.store, self._carry_out, first_token=first_token)

    def _carry_out(self, command: Telecommand) -> Message:
        assert self.store.is_open, "the effect belongs into the transaction"
        assert isinstance(command, SetDrug)
        if command.drug == 9:
            raise RuntimeError("broken")
        if command.drug == 0:
            return ErrorReply(Reason.OUT_OF_RANGE, 1)
        self.drugs.append(command.drug)
        return DrugIsSet(command.drug)

    def stage(self, drug: int, now_ms: int = 0, kid: int = _KID) -> Staged:
        """A command that is read back."""
        staged = self.journal.stage(now_ms, kid, Stage(outer(SetDrug(drug, 500))))
        assert isinstance(staged, Staged)
        return staged

    def commit(self, staged: Staged, cmd_id: int, if_state: int, now_ms: int = 0, kid: int = _KID) -> Committed:
        """The Commit of what was staged."""
        return self.journal.commit(now_ms, kid, Commit(cmd_id, staged.token, staged.digest, if_state))

    def query(self, cmd_id: int, if_state: int, kid: int = _KID) -> Queried | ErrorReply:
        """What became of a command."""
        return self.journal.query(kid, Query(cmd_id, if_state))


def test_a_command_is_read_back_and_carried_out_once() -> None:
    """Token, digest, state; then the effect with its answer, one state further; and again the same answer only."""
    pump, command = Pump(), outer(SetDrug(5, 500))
    staged = pump.stage(5)
    assert staged == Staged(100, hashlib.sha256(command).digest()[:8], 3, command)
    assert pump.drugs == []
    applied = Committed(1, Outcome.APPLIED, 4, outer(DrugIsSet(5)))
    assert [pump.commit(staged, 1, 3) for _ in range(2)] == [applied, applied]
    assert pump.drugs == [5]
    assert pump.journal.state_seq == 4
    assert pump.commit(staged, 2, 4).outcome is Outcome.NOT_STAGED, "what was staged is gone"


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (b"", ErrorReply(Reason.MALFORMED, 0)),
        (b"\x7e\x01", ErrorReply(Reason.MALFORMED, 0x7E)),
        (outer(SetDrug(5, 500))[:-1], ErrorReply(Reason.MALFORMED, SetDrug.OPCODE)),
        (outer(ReadStatus()), ErrorReply(Reason.OUT_OF_RANGE, ReadStatus.OPCODE)),
        (outer(Query(1, 1)), ErrorReply(Reason.OUT_OF_RANGE, Query.OPCODE)),
        (outer(examples(Status)[0]), ErrorReply(Reason.OUT_OF_RANGE, Status.OPCODE)),
    ],
    ids=["empty", "unknown", "cut", "reading", "query", "telemetry"],
)
def test_what_cannot_be_staged_is_refused_with_its_opcode(command: bytes, refusal: ErrorReply) -> None:
    """And what was staged before stays."""
    pump = Pump()
    staged = pump.stage(5)
    assert pump.journal.stage(0, _KID, Stage(command)) == refusal
    assert pump.commit(staged, 1, 3).outcome is Outcome.APPLIED


def test_only_the_last_that_was_staged_under_a_key_is_good() -> None:
    """Each key has its own; no token is given twice, and behind the last one they begin again."""
    pump = Pump(first_token=(1 << 32) - 1)
    first, other, second = pump.stage(1), pump.stage(2, kid=8), pump.stage(3)
    assert [each.token for each in (first, other, second)] == [(1 << 32) - 1, 0, 1]
    assert pump.commit(first, 1, 3).outcome is Outcome.NOT_STAGED
    assert pump.commit(second, 2, 3, kid=8).outcome is Outcome.NOT_STAGED
    assert pump.commit(second, 2, 3).outcome is Outcome.APPLIED
    assert pump.commit(other, 2, 4, kid=8).outcome is Outcome.APPLIED
    assert pump.drugs == [3, 2]


@pytest.mark.parametrize(("late_ms", "outcome"), [(STAGED_MS - 1, Outcome.APPLIED), (STAGED_MS, Outcome.NOT_STAGED)])
def test_what_is_staged_waits_30_s(late_ms: int, outcome: Outcome) -> None:
    """From when it was staged."""
    pump = Pump()
    assert pump.commit(pump.stage(5, now_ms=1000), 1, 3, now_ms=1000 + late_ms).outcome is outcome


def test_what_was_not_staged_so_is_not_carried_out() -> None:
    """Another token, another digest; neither changes anything, nor is it kept: the number is still good."""
    pump = Pump()
    staged = pump.stage(5)
    for token, digest in ((staged.token + 1, staged.digest), (staged.token, bytes(8))):
        answer = pump.journal.commit(0, _KID, Commit(1, token, digest, 2))
        assert answer == Committed(1, Outcome.NOT_STAGED, 3, b""), "before the state is looked at"
    assert pump.store.journal == JournalState(3)
    assert pump.commit(staged, 1, 3).outcome is Outcome.APPLIED


@pytest.mark.parametrize("if_state", [2, 4])
def test_a_command_for_another_state_is_stale(if_state: int) -> None:
    """Nothing is done, nothing kept, and it stays staged."""
    pump = Pump()
    staged = pump.stage(5)
    assert pump.commit(staged, 1, if_state) == Committed(1, Outcome.STALE, 3, b"")
    assert pump.store.journal == JournalState(3)
    assert pump.commit(staged, 1, 3).outcome is Outcome.APPLIED


def test_a_number_below_one_that_is_known_is_old() -> None:
    """Its Commit is stale, before anything else is looked at, and nobody knows any more what became of it."""
    pump = Pump()
    pump.commit(pump.stage(1), 5, 3)
    assert pump.commit(pump.stage(2), 4, 4) == Committed(4, Outcome.STALE, 4, b"")
    assert pump.query(4, 4) == ErrorReply(Reason.OUT_OF_RANGE, 0)
    assert pump.query(4, 4, kid=8) == Queried(4, Outcome.FENCED, 5, b""), "of another key it is none"
    assert pump.drugs == [1]


def test_a_refused_command_is_kept_as_one() -> None:
    """The state goes on, the answer is the refusal, and what was staged is gone."""
    pump = Pump()
    staged = pump.stage(0)
    refused = Committed(1, Outcome.REFUSED, 4, outer(ErrorReply(Reason.OUT_OF_RANGE, 1)))
    assert [pump.commit(staged, 1, 3) for _ in range(2)] == [refused, refused]
    assert pump.commit(staged, 2, 4).outcome is Outcome.NOT_STAGED
    assert pump.query(1, 3) == Queried(1, Outcome.REFUSED, 4, refused.result)


def test_asking_after_a_command_tells_or_fences_it() -> None:
    """One that is known: as it was then. One that is not: no Commit of it is carried out any more."""
    pump = Pump()
    pump.commit(pump.stage(1), 1, 3)
    staged = pump.stage(2)
    assert [pump.query(2, 4) for _ in range(2)] == [Queried(2, Outcome.FENCED, 5, b"")] * 2
    assert pump.commit(staged, 2, 4) == Committed(2, Outcome.FENCED, 5, b"")
    assert pump.query(1, 3) == Queried(1, Outcome.APPLIED, 4, outer(DrugIsSet(1)))
    assert pump.drugs == [1]


def test_where_the_state_moved_on_a_fence_needs_no_writing() -> None:
    """A late Commit is stale anyway: the answer is the same, and nothing is kept."""
    pump = Pump()
    before = pump.store.journal
    assert pump.query(2, 2) == Queried(2, Outcome.FENCED, 3, b"")
    assert pump.store.journal == before


def test_the_last_eight_of_each_key_are_known() -> None:
    """Of one key the oldest is forgotten; of another, nothing."""
    pump = Pump(state_seq=0)
    pump.commit(pump.stage(1, kid=8), 1, 0, kid=8)
    for number in range(1, JOURNAL_DEPTH + 2):
        pump.commit(pump.stage(2), number, number)
    assert JOURNAL_DEPTH == 8
    assert pump.query(1, 0) == ErrorReply(Reason.OUT_OF_RANGE, 0)
    known = [pump.query(number, 0) for number in range(2, JOURNAL_DEPTH + 2)]
    assert known == [Queried(n, Outcome.APPLIED, n + 1, outer(DrugIsSet(2))) for n in range(2, JOURNAL_DEPTH + 2)]
    assert pump.query(1, 0, kid=8) == Queried(1, Outcome.APPLIED, 1, outer(DrugIsSet(1)))
    assert [each.kid for each in pump.store.journal.entries] == [8] + [_KID] * JOURNAL_DEPTH


def test_what_breaks_in_the_middle_leaves_nothing_behind() -> None:
    """No entry, no new state; the command is still staged, under the same number."""
    pump = Pump()
    staged = pump.stage(9)
    with pytest.raises(RuntimeError, match="broken"):
        pump.commit(staged, 1, 3)
    assert pump.store.journal == JournalState(3)
    with pytest.raises(RuntimeError, match="broken"):
        pump.commit(staged, 1, 3)


def test_a_journal_of_depth_one_keeps_one() -> None:
    """As the worlds of the other tests have it."""
    state = JournalState(1, (Entry(1, 1, Outcome.APPLIED, 1, b""), Entry(2, 1, Outcome.APPLIED, 1, b"")))
    entry = Entry(1, 2, Outcome.REFUSED, 2, b"x")
    assert state.then(entry, 1) == JournalState(2, (state.entries[1], entry))


def test_a_command_is_a_message_without_its_seq() -> None:
    """One way and back."""
    assert outer(SetDrug(5, 500))[0] == SetDrug.OPCODE
    assert inner(outer(SetDrug(5, 500))) == SetDrug(5, 500)
