"""The pump's side of exactly once: what is staged, and a journal of what became of every command.

Three things together make a command take effect once, whatever is lost, doubled, delayed or switched off meanwhile:
a command that is known by its number gets its stored outcome; a command is carried out only in the state that it was
meant for, and leaves another one behind; and asking after a command that was not carried out fences it off.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from protocols.errors import MessageError
from protocols.messages import (
    DIGEST_BYTES,
    Commit,
    Committed,
    ErrorReply,
    Message,
    Outcome,
    Queried,
    Query,
    Reason,
    Stage,
    Staged,
    Telecommand,
    decode_message,
    encode_message,
)

__all__ = ["JOURNAL_DEPTH", "STAGED_MS", "CommandStore", "Entry", "Journal", "JournalState", "inner", "outer"]

JOURNAL_DEPTH = 8
"""Outcomes that are kept for each key."""
STAGED_MS = 30_000
_SEQ_BYTES = 2


class Entry(NamedTuple):
    """What became of one command."""

    kid: int
    cmd_id: int
    outcome: Outcome
    state_seq: int
    result: bytes


@dataclass(frozen=True)
class JournalState:
    """What must survive, in one piece with the effect of a command."""

    state_seq: int = 0
    """Counts commands that were carried out, refused or fenced."""
    entries: tuple[Entry, ...] = ()
    """Oldest first; at most so many of each key as the journal is deep."""

    def find(self, kid: int, cmd_id: int) -> Entry | None:
        """What became of a command, if that is still known."""
        return next((each for each in self.entries if (each.kid, each.cmd_id) == (kid, cmd_id)), None)

    def is_past(self, kid: int, cmd_id: int) -> bool:
        """Whether a newer command of this key is known: numbers rise, so this one can only be old."""
        return any(each.kid == kid and each.cmd_id > cmd_id for each in self.entries)

    def then(self, entry: Entry, depth: int) -> "JournalState":
        """With one entry more, and the oldest of its key gone if there are too many."""
        own = [each for each in self.entries if each.kid == entry.kid]
        spare = set(own[: max(0, len(own) + 1 - depth)])
        return JournalState(entry.state_seq, (*(each for each in self.entries if each not in spare), entry))


class CommandStore(Protocol):
    """Where effects and journal go, all or nothing."""

    @property
    def journal(self) -> JournalState:
        """What was saved last."""

    def transaction(self) -> AbstractContextManager[None]:
        """What is done inside is done as a whole, or not at all, even if the power fails."""

    def save(self, journal: JournalState) -> None:
        """Keep the journal; inside a transaction."""


@dataclass(frozen=True)
class _Waiting:
    token: int
    digest: bytes
    command: Telecommand
    until_ms: int


class Journal:
    """One pump's commands, from one start to the next."""

    def __init__(
        self,
        store: CommandStore,
        carry_out: Callable[[Telecommand], Message],
        *,
        first_token: int,
        depth: int = JOURNAL_DEPTH,
    ) -> None:
        """Carry out commands by ``carry_out``. Tokens count from ``first_token``: no start may begin at another's."""
        self._store = store
        self._carry_out = carry_out
        self._depth = depth
        self._next_token = first_token
        self._staged: dict[int, _Waiting] = {}

    @property
    def state_seq(self) -> int:
        """Changes of the pump's state so far."""
        return self._store.journal.state_seq

    def stage(self, now_ms: int, kid: int, request: Stage) -> Staged | ErrorReply:
        """Read a command back; one that was staged before under the same key is forgotten."""
        try:
            command = inner(request.command)
        except MessageError:
            return ErrorReply(Reason.MALFORMED, request.command[0] if request.command else 0)
        if not isinstance(command, Telecommand) or not command.CHANGES_STATE:
            return ErrorReply(Reason.OUT_OF_RANGE, command.OPCODE)
        encoded = outer(command)
        digest = hashlib.sha256(encoded).digest()[:DIGEST_BYTES]
        token, self._next_token = self._next_token, (self._next_token + 1) % (1 << 32)
        self._staged[kid] = _Waiting(token, digest, command, now_ms + STAGED_MS)
        return Staged(token=token, digest=digest, state_seq=self.state_seq, command=encoded)

    def commit(self, now_ms: int, kid: int, request: Commit) -> Committed:
        """Carry out what is staged, once."""
        return Committed(*self._committed(now_ms, kid, request)[1:])

    def query(self, kid: int, request: Query) -> Queried | ErrorReply:
        """What became of a command; if nothing did, nothing will. Refused for one that was forgotten."""
        known = self._known(kid, request.cmd_id)
        if known is None and self._store.journal.is_past(kid, request.cmd_id):
            return ErrorReply(Reason.OUT_OF_RANGE, 0)
        return Queried(*(known or self._fenced(kid, request))[1:])

    def _committed(self, now_ms: int, kid: int, request: Commit) -> Entry:
        known = self._known(kid, request.cmd_id)
        if known is not None:
            return known
        journal = self._store.journal
        if journal.is_past(kid, request.cmd_id):
            return Entry(kid, request.cmd_id, Outcome.STALE, journal.state_seq, b"")
        waiting = self._staged.get(kid)
        fits = waiting is not None and (waiting.token, waiting.digest) == (request.token, request.digest)
        if waiting is None or not fits or now_ms >= waiting.until_ms:
            return Entry(kid, request.cmd_id, Outcome.NOT_STAGED, journal.state_seq, b"")
        if not self._is_meant_for(request.if_state, journal):
            return Entry(kid, request.cmd_id, Outcome.STALE, journal.state_seq, b"")
        with self._store.transaction():
            answer = self._carry_out(waiting.command)
            outcome = Outcome.REFUSED if isinstance(answer, ErrorReply) else Outcome.APPLIED
            entry = Entry(kid, request.cmd_id, outcome, self._next_seq(journal), outer(answer))
            self._store.save(self._store.journal.then(entry, self._depth))
        self._staged.pop(kid, None)
        return entry

    def _known(self, kid: int, cmd_id: int) -> Entry | None:
        return self._store.journal.find(kid, cmd_id)

    def _is_meant_for(self, if_state: int, journal: JournalState) -> bool:
        return if_state == journal.state_seq

    def _next_seq(self, journal: JournalState) -> int:
        return journal.state_seq + 1

    def _fenced(self, kid: int, request: Query) -> Entry:
        """A tombstone; where the state has moved on, a late Commit is stale and needs none."""
        journal = self._store.journal
        entry = Entry(kid, request.cmd_id, Outcome.FENCED, journal.state_seq, b"")
        if self._is_meant_for(request.if_state, journal):
            entry = entry._replace(state_seq=self._next_seq(journal))
            with self._store.transaction():
                self._store.save(journal.then(entry, self._depth))
        return entry


def inner(command: bytes) -> Message:
    """The message in ``opcode u8 | body``. Raises MessageError."""
    return decode_message(bytes(_SEQ_BYTES) + command)[1]


def outer(message: Message) -> bytes:
    """A message as ``opcode u8 | body``."""
    return encode_message(0, message)[_SEQ_BYTES:]
