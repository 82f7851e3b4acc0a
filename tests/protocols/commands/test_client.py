"""What a programmer does with a pump that answers, but not what it was asked."""

import hashlib

import pytest

from protocols.commands.client import CommandResult, Misunderstood, Outstanding, Unsettled, carry_out, settle
from protocols.messages import (
    Commit,
    Committed,
    ErrorReply,
    Message,
    Outcome,
    ProvisionKey,
    Queried,
    Query,
    Reason,
    Role,
    Secret,
    SetDrug,
    Stage,
    Staged,
)


class _Store:
    """A programmer that does not know what became of its command 7."""

    def __init__(self) -> None:
        self.unknown: Outstanding | None = Outstanding(7, 3)

    def outstanding(self) -> Outstanding | None:
        return self.unknown

    def begin(self, if_state: int) -> Outstanding:
        raise AssertionError(f"nothing more is sent in state {if_state}")

    def done(self) -> None:
        self.unknown = None


@pytest.mark.parametrize(
    "answer",
    [ErrorReply(Reason.UNKNOWN_OPCODE, 0x12), Queried(cmd_id=8, outcome=Outcome.APPLIED, state_seq=4, result=b"")],
    ids=["refused", "another-command"],
)
def test_a_pump_that_does_not_tell_is_not_asked_for_ever(answer: Message) -> None:
    """After three such answers it ends, says what came last, and the command's outcome stays unknown."""
    store = _Store()
    flow = settle(store)
    assert next(flow) == Query(cmd_id=7, if_state=3)
    for reply in (answer, None, answer, None):
        assert flow.send(reply) == Query(cmd_id=7, if_state=3)
    with pytest.raises(Unsettled, match=r"command 7 is not known: asked 3 times.*" + type(answer).__name__):
        flow.send(answer)
    assert store.outstanding() == Outstanding(7, 3)


class _Numbers(_Store):
    """A programmer that begins commands."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown = None
        self.begun = 0

    def begin(self, if_state: int) -> Outstanding:
        self.begun += 1
        self.unknown = Outstanding(self.begun, if_state)
        return self.unknown


@pytest.mark.parametrize(("refusals", "outcome"), [(0, Outcome.APPLIED), (2, Outcome.APPLIED), (3, Outcome.NOT_STAGED)])
def test_a_token_that_is_no_longer_good_has_the_command_staged_again(refusals: int, outcome: Outcome) -> None:
    """Nothing was done under it; but a pump that never takes its own tokens is not asked for ever."""
    store = _Numbers()
    command = SetDrug(drug=1, concentration_ug_per_ml=500)
    flow = carry_out(command, 3, store)
    stage, result = next(flow), CommandResult(Outcome.STALE, 0)
    for number in range(1, refusals + 2):
        assert isinstance(stage, Stage)
        digest = hashlib.sha256(stage.command).digest()[:8]
        commit = flow.send(Staged(number, digest, 3, stage.command))
        assert isinstance(commit, Commit)
        assert (commit.cmd_id, commit.token) == (number, number)
        try:
            said = Outcome.NOT_STAGED if number <= refusals else Outcome.APPLIED
            stage = flow.send(Committed(commit.cmd_id, said, 3, b""))
        except StopIteration as ended:
            result = ended.value
            break
    assert result == CommandResult(outcome, 3)
    assert store.outstanding() is None


def test_what_was_read_back_wrong_is_told_without_its_secrets() -> None:
    """The command that the pump understood instead, or how long it was, but no byte of a key; nothing was sent."""
    psk = bytes(range(200, 232))
    for last, told in ((2, "ProvisionKey(kid=9, role=PROGRAMMER, psk=<32 secret bytes>)"), (7, "39... (38 bytes)")):
        store = _Numbers()
        flow = carry_out(ProvisionKey(9, Role.READER, Secret(psk)), 3, store)
        stage = next(flow)
        assert isinstance(stage, Stage)
        altered = stage.command[:5] + bytes([last]) + stage.command[6:]
        with pytest.raises(Misunderstood) as caught:
            flow.send(Staged(1, hashlib.sha256(altered).digest()[:8], 3, altered))
        assert str(caught.value) == f"ProvisionKey was read back as {told}"
        assert store.begun == 0


def test_a_pump_that_tells_late_is_believed() -> None:
    """One refusal, for it was busy, and then the answer."""
    store = _Store()
    flow = settle(store)
    next(flow)
    flow.send(ErrorReply(Reason.INTERNAL, 0))
    with pytest.raises(StopIteration) as ended:
        flow.send(Queried(cmd_id=7, outcome=Outcome.APPLIED, state_seq=4, result=b""))
    assert ended.value.value == CommandResult(Outcome.APPLIED, 4)
    assert store.outstanding() is None


_COMMAND = SetDrug(drug=1, concentration_ug_per_ml=500)


def _read_back(stage: object, state_seq: int = 3) -> Staged:
    assert isinstance(stage, Stage)
    return Staged(1, hashlib.sha256(stage.command).digest()[:8], state_seq, stage.command)


def test_a_command_that_is_not_staged_is_not_sent() -> None:
    """Refused, or staged in another state than it is meant for: nothing was begun, and no answer is asked for again."""
    for said, result in (
        (ErrorReply(Reason.MALFORMED, 1), ErrorReply(Reason.MALFORMED, 1)),
        (None, CommandResult(Outcome.STALE, 4)),
    ):
        store = _Numbers()
        flow = carry_out(_COMMAND, 3, store)
        stage = next(flow)
        assert flow.send(None) == stage
        with pytest.raises(StopIteration) as ended:
            flow.send(_read_back(stage, 4) if said is None else said)
        assert ended.value.value == result
        assert store.begun == 0


@pytest.mark.parametrize(
    "answer",
    [None, ErrorReply(Reason.INTERNAL, 0), Committed(cmd_id=8, outcome=Outcome.APPLIED, state_seq=4, result=b"")],
    ids=["none", "refused", "another-command"],
)
def test_a_commit_without_its_answer_is_asked_after(answer: Message | None) -> None:
    """What became of it is what the pump says then, with the result."""
    store = _Numbers()
    flow = carry_out(_COMMAND, 3, store)
    commit = flow.send(_read_back(next(flow)))
    assert isinstance(commit, Commit)
    assert (commit.cmd_id, commit.if_state) == (1, 3)
    assert flow.send(answer) == Query(cmd_id=1, if_state=3)
    assert store.outstanding() == Outstanding(1, 3)
    with pytest.raises(StopIteration) as ended:
        flow.send(Queried(cmd_id=1, outcome=Outcome.REFUSED, state_seq=4, result=b"xy"))
    assert ended.value.value == CommandResult(Outcome.REFUSED, 4, b"xy")
    assert store.outstanding() is None


def test_one_command_at_a_time() -> None:
    """While the outcome of one is not known no other is staged; and there is nothing to settle where all is known."""
    with pytest.raises(ValueError, match="settle it first"):
        next(carry_out(_COMMAND, 3, _Store()))
    with pytest.raises(ValueError, match="no command's outcome is unknown"):
        next(settle(_Numbers()))
