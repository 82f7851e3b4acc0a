"""The programmer's side of exactly once, without a link: requests out, answers in.

A flow is a generator: it yields what to ask, and gets the answer, or None if none came in time. What it must not forget
it keeps in its store before it asks; after a restart ``settle`` finds out what became of the command.
"""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from protocols.commands.journal import inner, outer
from protocols.errors import ExchangeError, MessageError
from protocols.messages import (
    DIGEST_BYTES,
    Commit,
    Committed,
    ErrorReply,
    Message,
    Outcome,
    Queried,
    Query,
    Stage,
    Staged,
    Telecommand,
)

__all__ = [
    "ClientStore",
    "CommandFlow",
    "CommandResult",
    "Misunderstood",
    "Outstanding",
    "Unsettled",
    "carry_out",
    "settle",
]


_MOST_STAGINGS = 3
_MOST_ANSWERS = 3
"""That do not say what was asked: a pump may be busy for a moment, but does not change its mind."""


class Misunderstood(ExchangeError):
    """The pump read back another command than the one that was meant; nothing was carried out."""


class Unsettled(ExchangeError):
    """The pump answers, but does not say what became of the command."""


class Outstanding(NamedTuple):
    """A command whose outcome is not known yet."""

    cmd_id: int
    if_state: int


class ClientStore(Protocol):
    """Where a programmer keeps what it must not forget."""

    def outstanding(self) -> Outstanding | None:
        """The command that was sent last, unless its outcome is known."""

    def begin(self, if_state: int) -> Outstanding:
        """Keep that a command is about to be sent, under a number that was never used before."""

    def done(self) -> None:
        """Its outcome is known."""


@dataclass(frozen=True)
class CommandResult:
    """How a command ended, for certain."""

    outcome: Outcome
    state_seq: int
    """The pump's state then: what the next command is meant for."""
    result: bytes = b""
    """``opcode u8 | body`` of the pump's answer; empty if it gave none."""


CommandFlow = Generator[Telecommand, Message | None, CommandResult | ErrorReply]


def carry_out(command: Telecommand, if_state: int, store: ClientStore) -> CommandFlow:
    """Have a command carried out once, in the state ``if_state`` only.

    A line that doubles or delays a Stage has the pump stage it twice, and the token that came first is no longer good:
    then nothing was done, and it is staged again. Gives the pump's refusal if it would not even stage it. Raises
    Misunderstood, and ValueError while another command's outcome is not known.
    """
    if store.outstanding() is not None:
        raise ValueError("the outcome of an earlier command is not known yet: settle it first")
    for _ in range(_MOST_STAGINGS):
        result = yield from _staged_and_committed(command, if_state, store)
        if isinstance(result, ErrorReply) or result.outcome is not Outcome.NOT_STAGED:
            break
    return result


def _staged_and_committed(command: Telecommand, if_state: int, store: ClientStore) -> CommandFlow:
    encoded = outer(command)
    staged: Message | None = None
    while not isinstance(staged, Staged):
        staged = yield Stage(command=encoded)
        if isinstance(staged, ErrorReply):
            return staged
    digest = hashlib.sha256(encoded).digest()[:DIGEST_BYTES]
    if (staged.command, staged.digest) != (encoded, digest):
        raise Misunderstood(f"{type(command).__name__} was read back as {_told(staged.command)}")
    if staged.state_seq != if_state:
        return CommandResult(Outcome.STALE, staged.state_seq)
    mine = store.begin(if_state)
    reply = yield Commit(cmd_id=mine.cmd_id, token=staged.token, digest=digest, if_state=if_state)
    if isinstance(reply, Committed) and reply.cmd_id == mine.cmd_id:
        store.done()
        return CommandResult(reply.outcome, reply.state_seq, reply.result)
    return (yield from settle(store))


def settle(store: ClientStore) -> CommandFlow:
    """Find out what became of the command that was sent last.

    No answer is waited for as long as whoever drives this likes. Raises Unsettled for answers that do not tell,
    ValueError if there is no such command.
    """
    mine = store.outstanding()
    if mine is None:
        raise ValueError("no command's outcome is unknown")
    answers: list[Message] = []
    while len(answers) < _MOST_ANSWERS:
        reply = yield Query(cmd_id=mine.cmd_id, if_state=mine.if_state)
        if isinstance(reply, Queried) and reply.cmd_id == mine.cmd_id:
            store.done()
            return CommandResult(reply.outcome, reply.state_seq, reply.result)
        if reply is not None:
            answers.append(reply)
    raise Unsettled(
        f"what became of command {mine.cmd_id} is not known: asked {_MOST_ANSWERS} times, the last answer was {reply}"
    )


def _told(command: bytes) -> str:
    """A command for people: of one that cannot be read, and may hold a key, only its opcode and its length."""
    try:
        return str(inner(command))
    except MessageError:
        return f"{command[:1].hex()}... ({len(command)} bytes)"
