"""MT-SICS, the command set of Mettler-Toledo and Ohaus balances: one line to the balance, one or more back.

Lines end in CR LF; commands are upper case. The driver and the simulated balance both use this module, and the
exchanges cited in ``fixtures/golden/instruments/mt-sics.toml`` hold them to what balances really say.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from protocols.errors import InstrumentReplyError

__all__ = [
    "BUSY",
    "CANCEL",
    "CLEAR_TARE",
    "IDENTIFY_MODEL",
    "IDENTIFY_VERSION",
    "SERIAL_NUMBER",
    "TARE_NOW",
    "TARE_VALUE",
    "TERMINATOR",
    "WEIGH_NOW",
    "WEIGH_STABLE",
    "ZERO",
    "Refusal",
    "Weight",
    "format_tare",
    "format_text_reply",
    "format_weight",
    "parse_done",
    "parse_text_reply",
    "parse_weight",
]

TERMINATOR = b"\r\n"

BUSY = "I"
CANCEL = "@"
WEIGH_NOW = "SI"
WEIGH_STABLE = "S"
ZERO = "ZI"
TARE_NOW = "TI"
CLEAR_TARE = "TAC"
TARE_VALUE = "TA"
IDENTIFY_MODEL = "I2"
IDENTIFY_VERSION = "I3"
SERIAL_NUMBER = "I4"

_VALUE_WIDTH = 10
_REPLY_IDS = {"SI": ("S", "SI"), "SIR": ("S", "SIR")}
_WEIGHT = re.compile(r"(?P<id>S|SI|T|TI|TA) (?P<status>[SDA]) +(?P<value>[+-]?\d+(?:\.\d+)?) +(?P<unit>[A-Za-z%]+) *")
_TEXT = re.compile(r"(?P<id>[A-Z0-9]+) (?P<status>[AB]) (?P<text>.*)")
_REFUSALS = {
    "I": "it cannot do this now: busy, or no stable weight in time",
    "L": "it does not take this parameter",
    "+": "overload: more than its capacity is on the pan",
    "-": "underload: the pan is missing or lifted",
}
_ERRORS = {
    "ES": "it does not know this command",
    "ET": "a byte was damaged on the way",
    "EL": "it cannot carry this out",
}


@dataclass(frozen=True)
class Weight:
    """A reply to S, SI, SIR, T, TI or TA: the net weight, or the tare, in ``unit``."""

    value: Decimal
    unit: str
    stable: bool


@dataclass(frozen=True)
class Refusal:
    """A reply by which the balance says that, and why, it did not do it."""

    code: str
    meaning: str


def format_weight(command: str, weight: Weight) -> bytes:
    """The line for ``weight``: the value right-aligned in 10 columns."""
    status = "S" if weight.stable else "D"
    return f"{command} {status} {weight.value:>{_VALUE_WIDTH}} {weight.unit}".encode("ascii") + TERMINATOR


def format_tare(tare_g: Decimal) -> bytes:
    """The line for a tare: ``TA A     100.00 g``."""
    return f"{TARE_VALUE} A {tare_g:>{_VALUE_WIDTH}} g".encode("ascii") + TERMINATOR


def parse_weight(line: bytes, command: str) -> Weight | Refusal:
    """The weight, or the refusal, in a reply to ``command``. Raises InstrumentReplyError for anything else.

    The manual has SI answered by a line that begins with S; some balances repeat SI, and are understood as well.
    """
    text = _text_of(line, f"a weight in reply to {command}")
    ids = _REPLY_IDS.get(command, (command,))
    for each in ids:
        refusal = _refusal(text, each)
        if refusal is not None:
            return refusal
    match = _WEIGHT.fullmatch(text)
    if match is None or match["id"] not in ids or (match["status"] == "A") != (command == TARE_VALUE):
        raise InstrumentReplyError(f"a weight in reply to {command}, as in 'S S     100.00 g'", line)
    try:
        value = Decimal(match["value"])
    except InvalidOperation as error:
        raise InstrumentReplyError("a number", line) from error
    return Weight(value, match["unit"], stable=match["status"] != "D")


def parse_done(line: bytes, command: str) -> Refusal | None:
    """None if ``command`` was carried out, or the refusal. Raises InstrumentReplyError for anything else."""
    text = _text_of(line, f"an acknowledgement of {command}")
    refusal = _refusal(text, command)
    if refusal is None and text.split(" ")[:2] not in ([command, "A"], [command, "S"], [command, "D"]):
        raise InstrumentReplyError(f"'{command} A'", line)
    return refusal


def format_text_reply(command: str, *texts: str, more: bool = False) -> bytes:
    """The line by which a balance answers with text: ``I4 A "B021002593"``; B instead of A if more lines follow."""
    quoted = " ".join(f'"{text}"' for text in texts)
    return f"{command} {'B' if more else 'A'} {quoted}".encode("ascii") + TERMINATOR


def parse_text_reply(line: bytes, command: str) -> str | Refusal:
    """The texts in a reply such as ``I2 A "XS204 220.1 g"``, joined by spaces, or the refusal."""
    text = _text_of(line, f"text in reply to {command}")
    refusal = _refusal(text, command)
    if refusal is not None:
        return refusal
    match = _TEXT.fullmatch(text)
    if match is None or match["id"] != command:
        raise InstrumentReplyError(f"""text in reply to {command}, as in '{command} A "..."'""", line)
    quoted = re.findall(r'"([^"]*)"', match["text"])
    return " ".join(quoted) if quoted else match["text"].strip()


def _text_of(line: bytes, expected: str) -> str:
    try:
        return line.removesuffix(b"\n").removesuffix(b"\r").decode("ascii")
    except UnicodeDecodeError as error:
        raise InstrumentReplyError(expected, line) from error


def _refusal(text: str, command: str) -> Refusal | None:
    if text in _ERRORS:
        return Refusal(text, _ERRORS[text])
    head, _, code = text.rpartition(" ")
    return Refusal(code, _REFUSALS[code]) if head == command and code in _REFUSALS else None
