"""SCPI, as multimeters, supplies and pressure controllers speak it: a line to the instrument, a line back for queries.

A header is written as manuals print it, ``SOURce[:PRESsure]:SLEW``: the capitals are its short form, brackets may be
left out, and a number may stand behind any node. Numbers come with or without sign and exponent. Errors wait in a queue
inside the instrument until ``SYST:ERR?`` fetches them, one at a time.
"""

import math
import re
from dataclasses import dataclass
from functools import cache

from protocols.errors import InstrumentReplyError

__all__ = [
    "CLEAR",
    "DATA_OUT_OF_RANGE",
    "END",
    "IDENTITY",
    "KEYSIGHT_MAKERS",
    "NEXT_ERROR",
    "NOT_A_NUMBER",
    "NO_ERROR",
    "OVERLOAD",
    "PARAMETER_MISSING",
    "QUEUE_OVERFLOW",
    "RIGOL_MAKERS",
    "UNDEFINED_HEADER",
    "ScpiError",
    "ScpiIdentity",
    "format_error",
    "format_exponent",
    "header",
    "is_overload",
    "parse_error",
    "parse_flag",
    "parse_identity",
    "parse_number",
    "payload",
]

END = b"\n"
IDENTITY = "*IDN?"
CLEAR = "*CLS"
NEXT_ERROR = "SYST:ERR?"
OVERLOAD = 9.9e37
"""What an instrument answers for a quantity beyond its range."""

KEYSIGHT_MAKERS = ("KEYSIGHT", "AGILENT", "HEWLETT-PACKARD")
RIGOL_MAKERS = ("RIGOL",)
"""How the maker begins in replies to ``*IDN?``, in upper case: the two dialects differ in what they understand."""

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[Ee][+-]?\d+)?"
_WHOLE_NUMBER = re.compile(_NUMBER)
_ERROR = re.compile(r'(?P<code>[+-]?\d{1,6})\s*,\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^"]*))')
_NODE = re.compile(r"(?P<open>\[?):?(?P<short>[A-Z*]+)(?P<rest>[a-z]*)(?P<close>\]?)")
_FLAGS = {"1": True, "ON": True, "0": False, "OFF": False}


@dataclass(frozen=True)
class ScpiIdentity:
    """The four fields of a reply to ``*IDN?``."""

    maker: str
    model: str
    serial_number: str
    version: str


@dataclass(frozen=True)
class ScpiError:
    """An entry of the error queue; code 0 is none."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code}, {self.text}"


NO_ERROR = ScpiError(0, "No error")
UNDEFINED_HEADER = ScpiError(-113, "Undefined header")
NOT_A_NUMBER = ScpiError(-104, "Data type error")
PARAMETER_MISSING = ScpiError(-109, "Missing parameter")
DATA_OUT_OF_RANGE = ScpiError(-222, "Data out of range")
QUEUE_OVERFLOW = ScpiError(-350, "Queue overflow")


@cache
def header(notation: str) -> re.Pattern[str]:
    """What matches a header in any form that ``notation`` allows: short, long, any case, optional nodes left out.

    A colon may stand in front, and a number behind any node (SCPI-1999, volume 1, chapter 6).
    """
    pattern, begun = ":?", False
    for node in _NODE.finditer(notation):
        name = re.escape(node["short"]) + (f"(?:{node['rest']})?" if node["rest"] else "") + r"\d?"
        one = f":{name}" if begun else name
        if node["open"]:
            pattern += f"(?:{one})?" if begun else f"(?:{one}:)?"
        else:
            pattern, begun = pattern + one, True
    return re.compile(pattern, re.IGNORECASE)


def payload(line: bytes, query: str, notation: str | None = None) -> str:
    """What a reply says, without line end, spaces around it, and the header that some instruments repeat.

    ``notation`` is the header that may stand there; any other header is the answer to another question.
    Raises InstrumentReplyError for that, for an empty line and for what is no ASCII.
    """
    try:
        text = line.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise InstrumentReplyError(f"a line of ASCII in reply to {query}", line) from error
    if notation is not None and text[:1] in ":*ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        head, _, rest = text.partition(" ")
        if rest and header(notation).fullmatch(head.removesuffix("?")):
            return rest.strip()
    if not text or text[0] in ":*":
        raise InstrumentReplyError(f"an answer to {query}", line)
    return text


def parse_number(line: bytes, query: str, notation: str | None = None) -> float:
    """The number in a reply to ``query``; it may be OVERLOAD. Raises InstrumentReplyError for anything else."""
    text = payload(line, query, notation)
    value = float(text) if _WHOLE_NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise InstrumentReplyError(f"a number in reply to {query}, as in '+3.60000000E+00'", line)
    return value


def parse_flag(line: bytes, query: str, notation: str | None = None) -> bool:
    """The state in a reply to ``query``: 1, 0, ON or OFF. Raises InstrumentReplyError for anything else."""
    state = _FLAGS.get(payload(line, query, notation).upper())
    if state is None:
        raise InstrumentReplyError(f"1, 0, ON or OFF in reply to {query}", line)
    return state


def parse_identity(line: bytes) -> ScpiIdentity:
    """Maker, model, serial number and version. Raises InstrumentReplyError for anything else."""
    fields = [field.strip() for field in payload(line, IDENTITY, "*IDN").split(",", 3)]
    if len(fields) != 4 or not fields[0] or not fields[1] or _WHOLE_NUMBER.fullmatch(fields[0]):
        raise InstrumentReplyError(f"maker, model, serial number and version in reply to {IDENTITY}", line)
    return ScpiIdentity(*fields)


def parse_error(line: bytes) -> ScpiError:
    """The entry in a reply to ``SYST:ERR?``, quoted or not. Raises InstrumentReplyError for anything else."""
    match = _ERROR.fullmatch(payload(line, NEXT_ERROR, "SYSTem:ERRor[:NEXT]"))
    if match is None:
        raise InstrumentReplyError(f"""an error in reply to {NEXT_ERROR}, as in '+0,"No error"'""", line)
    return ScpiError(int(match["code"]), (match["quoted"] or match["bare"] or "").strip())


def is_overload(value: float) -> bool:
    """Whether ``value`` stands for a quantity beyond the range."""
    return abs(value) >= OVERLOAD * 0.999


def format_error(error: ScpiError, *, signed: bool) -> str:
    """The entry as instruments give it: some write a sign before every code."""
    return f'{error.code:+d},"{error.text}"' if signed else f'{error.code},"{error.text}"'


def format_exponent(value: float, digits: int = 8) -> str:
    """A number in the form ``+3.60000000E+00``."""
    return f"{value:+.{digits}E}"
