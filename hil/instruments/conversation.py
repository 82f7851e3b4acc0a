"""Questions and answers over a link, one at a time, that never takes a late answer for the next one.

::

    poisoned ──begin: drain, ask who it is until it says so──▶ in step ◀──an answer with a meaning──┐
        ▲  ▲                                                   │  └──────────ask──────────▶ waiting ─┤
        │  └──── something came unasked, or the port was lost ─┘                                     │
        └──────────────────── no answer in time, or one that makes no sense ─────────────────────────┘

Instruments answer in order. So once the identity has been told, whatever was asked before has been answered or never
will be: what came until then is thrown away. It stays in the recording, a partial answer with the timeout that ended
it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from hil.clock import Clock
from hil.errors import BenchFault, InstrumentFault, LinkError, LinkTimeout
from hil.links.link import Link
from protocols.errors import InstrumentReplyError

__all__ = ["Conversation", "Manners"]

R = TypeVar("R")

_LINES_PASSED_OVER = 16
"""A balance that streams has some lines on the way when it is told to stop."""
_BLANK_LINES = 4
_LATEST_MS = 10_000
"""Later than this an answer to a greeting that was given up does not come any more."""


@dataclass(frozen=True)
class Manners:
    """How one kind of instrument wants to be talked to."""

    greetings: tuple[bytes, ...]
    """What asks who it is; tried one after the other."""
    recognise: Callable[[bytes], str]
    """Who answers, from a reply to a greeting. Raises InstrumentReplyError for a reply to anything else."""
    expected: str
    """The answer to a greeting, in words."""
    advice: str
    """What to check if it is silent."""
    command_end: bytes
    reply_end: bytes = b"\n"
    timeout_ms: int = 3000
    pause_ms: int = 0
    """That it wants before every command, in bench time."""
    upper_case: bool = False


class Conversation:
    """One link's conversation. It begins poisoned: what the last user left behind must not answer our first command."""

    def __init__(self, link: Link, clock: Clock, kind: str, manners: Manners) -> None:
        """Talk over ``link``; nothing is sent yet."""
        self._link = link
        self._clock = clock
        self._kind = kind
        self._manners = manners
        self._poisoned = True
        self._unanswered_greetings = 0
        self._told = b""
        self._who: str | None = None
        self.beginnings = 0
        """How often it began anew: settings made before are in doubt since."""

    def ask(self, command: str, parse: Callable[[bytes], R]) -> R:
        """What ``parse`` makes of the reply to ``command``.

        Raises InstrumentFault if no complete reply comes in time, or if ``parse`` raises InstrumentReplyError.
        """
        self._ready()
        self._poisoned = True  # until the answer is there and has a meaning
        try:
            self._send(command)
            answer = self._understood(self._read(command), command, parse)
        except InstrumentReplyError as error:
            raise self._not_understood(error) from error
        self._poisoned = False
        return answer

    def tell(self, command: str) -> None:
        """Send ``command``, which has no reply."""
        self._ready()
        self._send(command)

    def begin(self) -> str:
        """Begin anew; gives who is there. Raises BenchFault if that is another one than before."""
        self._poisoned = True
        try:
            who = self._greeted()
            if self._who not in (None, who):
                who = self._greeted()  # a byte may have been damaged: twice is no mistake
        except InstrumentReplyError as error:
            raise self._not_understood(error) from error
        if self._who not in (None, who):
            raise BenchFault(
                f"{self._link.resource}: {who!r} answers where {self._who!r} was before; "
                f"was the {self._kind} exchanged? Run again with the right one"
            )
        self._who = who
        self._poisoned = False
        self.beginnings += 1
        return who

    def know_by(self, greetings: tuple[bytes, ...], recognise: Callable[[bytes], str], who: str | None = None) -> None:
        """From now on ask by other ``greetings``, to which ``who`` is the answer; None if it stays the same."""
        self._manners = replace(self._manners, greetings=greetings, recognise=recognise)
        self._who = self._who if who is None else who

    def _ready(self) -> None:
        """Begin anew if an answer is missing, or if one has come that nobody asked for: a line may double them.

        Also if the port was lost since the last answer. Nothing was asked then, so no command met the loss: the
        greeting opens the port again, and finds out whether the same instrument is behind it.
        """
        try:
            unasked = self._link.discard().strip(b"\r\n\x11\x13 ")
        except LinkError:
            self._poisoned, unasked = True, b""
        if self._poisoned or unasked:
            self.begin()

    def _greeted(self) -> str:
        self._link.drain()
        first: bytes | None = None
        silence: InstrumentFault | None = None
        for greeting in self._manners.greetings:
            try:
                self._write(greeting)
                self._unanswered_greetings += 1
                for _ in range(_LINES_PASSED_OVER):
                    line = self._read(greeting.decode("ascii").strip())
                    first = first or line
                    who = self._recognised(line)
                    if who is not None:
                        self._unanswered_greetings -= 1
                        if self._who is not None:  # else nothing was asked yet that could still be answered
                            self._settle()
                        self._prefer(greeting)
                        return who
            except InstrumentFault as error:
                silence = silence or error
        if first is None and silence is not None:
            raise silence
        raise InstrumentReplyError(self._manners.expected, first or b"") from silence

    def _settle(self) -> None:
        """Take the late answers to greetings that were given up, and whatever is between them.

        While one of them is under way, who answered may have answered that one, with our last question still to come.
        """
        for _ in range(_LINES_PASSED_OVER):
            if self._unanswered_greetings == 0:
                return
            try:
                line = self._link.read_until(self._manners.reply_end, _LATEST_MS)
            except LinkTimeout:
                self._unanswered_greetings = 0  # lost, then
                return
            self._unanswered_greetings -= self._recognised(line) is not None

    def _prefer(self, greeting: bytes) -> None:
        """Ask by the ``greeting`` that was answered first from now on, and in its case."""
        others = (other for other in self._manners.greetings if other != greeting)
        upper_case = len(self._manners.greetings) > 1 and greeting.isupper()
        self._manners = replace(self._manners, greetings=(greeting, *others), upper_case=upper_case)

    def _recognised(self, line: bytes) -> str | None:
        try:
            return self._manners.recognise(line)
        except InstrumentReplyError:
            return None

    def _understood(self, line: bytes, command: str, parse: Callable[[bytes], R]) -> R:
        try:
            return parse(line)
        except InstrumentReplyError:
            if self._who is None or self._recognised(line) != self._who:
                raise
        self._unanswered_greetings = max(0, self._unanswered_greetings - 1)
        return parse(self._read(command))  # that was a very late answer to a greeting

    def _read(self, command: str) -> bytes:
        """The next line that is not blank: an empty line acknowledges, or ends the line before; it answers nothing."""
        try:
            for _ in range(_BLANK_LINES):
                line = self._link.read_until(self._manners.reply_end, self._manners.timeout_ms)
                if line.strip(b"\r\n\x11\x13 "):
                    return line
        except LinkTimeout as timeout:
            raise InstrumentFault(f"{timeout}: {self._silence(command, timeout.partial)}") from timeout
        raise InstrumentReplyError(f"an answer to {command} within {_BLANK_LINES} lines", line)

    def _silence(self, command: str, partial: bytes) -> str:
        """What no complete answer to ``command`` means."""
        if partial.endswith(b"\r"):
            return f"the {self._kind} ends its lines with CR alone; set it to CR LF"
        return f"the {self._kind} does not answer {command}; {self._manners.advice}"

    def _send(self, command: str) -> None:
        cased = command.upper() if self._manners.upper_case else command
        self._write(cased.encode("ascii") + self._manners.command_end)

    def _write(self, data: bytes) -> None:
        if self._manners.pause_ms:
            self._clock.sleep_ms(self._manners.pause_ms)
        self._told = data
        self._link.write(data)

    def _not_understood(self, error: InstrumentReplyError) -> InstrumentFault:
        if error.reply.strip() == self._told.strip():
            return InstrumentFault(
                f"{self._link.resource}: our own {self._told.strip()!r} comes back: the {self._kind} echoes what it is "
                "told (switch its echo off), or the cable joins both directions"
            )
        return InstrumentFault(
            f"{self._link.resource}: {error}; is this the {self._kind}'s port, and are its serial settings right?"
        )
