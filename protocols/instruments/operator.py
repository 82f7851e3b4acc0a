"""The operator: a person at the bench, asked line by line to do by hand what no instrument can.

A task is one line, ``verb [arguments] | what to do, in words``; it is answered by one line once it is done: ``done``,
with a number where one was asked for, or ``refused`` with a reason; and ``who`` by ``name`` and a name. The words are
for the person, all before them for a machine in the person's place.
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
    "format_name",
    "format_refused",
    "format_task",
    "parse_answer",
    "parse_name",
    "parse_task",
    "parse_volume_ml",
]

LINE_END = b"\n"

IDENTIFY, WITHDRAW, FILL, CLAMP, UNCLAMP = "who", "withdraw", "fill", "clamp", "unclamp"

_VERB = re.compile(r"[a-z]+")
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


def format_task(verb: str, *arguments: float, words: str) -> str:
    """A task as it goes to the operator, without the end of its line."""
    return " ".join([verb, *(f"{argument:.3f}" for argument in arguments)]) + f" | {words}"


def parse_task(line: bytes) -> Task:
    """The task of a line. Raises InstrumentReplyError for anything else."""
    head, bar, words = _text(line).partition("|")
    verb, *arguments = head.split() or [""]
    if not bar or not _VERB.fullmatch(verb) or not all(_NUMBER.fullmatch(each) for each in arguments):
        raise InstrumentReplyError("a task for the operator", line)
    return Task(verb, tuple(float(each) for each in arguments), words.strip())


def format_name(name: str) -> bytes:
    """The line that says who is at the bench."""
    return f"name {name}".encode() + LINE_END


def format_done(answer: str = "") -> bytes:
    """The line that says that a task is done; ``answer`` is what was asked for."""
    return f"done {answer}".strip().encode() + LINE_END


def format_refused(reason: str) -> bytes:
    """The line that says that a task was not done."""
    return f"refused {reason}".encode() + LINE_END


def parse_name(line: bytes) -> str:
    """Who is at the bench. Raises InstrumentReplyError for an answer to anything else."""
    word, _, name = _text(line).strip().partition(" ")
    if word != "name" or not name.strip():
        raise InstrumentReplyError("the operator's name", line)
    return name.strip()


def parse_answer(line: bytes) -> str | Refused:
    """What a person answered: the text behind ``done``, or why it was not done. Raises InstrumentReplyError."""
    word, _, rest = _text(line).strip().partition(" ")
    if word == "done":
        return rest.strip()
    if word == "refused":
        return Refused(rest.strip() or "no reason given")
    raise InstrumentReplyError("done or refused from the operator", line)


def parse_volume_ml(line: bytes) -> float | Refused:
    """A volume that was asked for, in mL. Raises InstrumentReplyError for anything else."""
    answer = parse_answer(line)
    if isinstance(answer, Refused):
        return answer
    number = answer.removesuffix("mL").strip()
    if not _NUMBER.fullmatch(number):
        raise InstrumentReplyError("a volume in mL from the operator", line)
    return float(number)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InstrumentReplyError("a line of text from the operator", line) from error
