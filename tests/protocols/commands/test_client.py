"""What a programmer does with a pump that answers, but not what it was asked."""

import pytest

from protocols.commands.client import CommandResult, Outstanding, Unsettled, settle
from protocols.messages import ErrorReply, Message, Outcome, Queried, Query, Reason


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
