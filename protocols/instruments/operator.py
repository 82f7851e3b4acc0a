"""The operator: a person at the bench, asked line by line to do by hand what no instrument can.

A task is one line, ``VERB [ARGUMENTS] | what to do, in words``; it is answered by one line once it is done: ``DONE``, with a
number where one was asked for, or ``REFUSED`` with a reason. The words are for the person, all before them for a machine in the
person's place.
"""

import re
from dataclasses import dataclass

from protocols.errors import InstrumentReplyError

__all__ = [
    "CLAMP",
    "FILL",
    "IDENTIFY",
    "LINE_END",
    "UNCLAMP",
    "WITHDRAW",
    "Refused",
    "Task",
    "format_done",
    "format_refused",
    "format_task",
    "parse_answer",
    "parse_task",
]

LINE_END = b"\n"

IDENTIFY, WITHDRAW, FILL, CLAMP, UNCLAMP = "WHO", "WITHDRAW", "FILL", "CLAMP", "UNCLAMP"

_VERB = re.compile(r"[A-Z]+")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Task:
    """What is to be done, and with which numbers."""

    verb: str
    arguments: tuple[float, ...]
    words: str


@dataclass(frozen=True)
class Refused:
    """The operator could not or would not do it."""

    reason: str


def format_task(verb: str, *arguments: float, words: str) -> bytes:
    """A task as it goes to the operator."""
    return (" ".join([verb, *(f"{argument:.3f}" for argument in arguments)]) + f" | {words}").encode() + LINE_END


def parse_task(line: bytes) -> Task:
    """The task of a line. Raises InstrumentReplyError for anything else."""
    head, bar, words = _text(line).partition("|")
    verb, *arguments = head.split() or [""]
    if not bar or not _VERB.fullmatch(verb) or not all(_NUMBER.fullmatch(each) for each in arguments):
        raise InstrumentReplyError("a task for the operator", line)
    return Task(verb, tuple(float(each) for each in arguments), words.strip())


def format_done(answer: str = "") -> bytes:
    """The line that says that a task is done; ``answer`` is what was asked for."""
    return f"DONE {answer}".strip().encode() + LINE_END


def format_refused(reason: str) -> bytes:
    """The line that says that a task was not done."""
    return f"REFUSED {reason}".encode() + LINE_END


def parse_answer(line: bytes) -> str | Refused:
    """What a person answered: the text behind DONE, or why it was not done. Raises InstrumentReplyError."""
    word, _, rest = _text(line).strip().partition(" ")
    if word == "DONE":
        return rest.strip()
    if word == "REFUSED":
        return Refused(rest.strip() or "no reason given")
    raise InstrumentReplyError("DONE or REFUSED from the operator", line)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InstrumentReplyError("a line of text from the operator", line) from error
