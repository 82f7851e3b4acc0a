"""SBI, the printer-like protocol of Sartorius balances: ESC and a letter to the balance, a line of 16 characters back.

Only printing and asking who it is are answered; taring and zeroing are silent. Of the 16 characters the first is the
sign, 2 to 10 the value, 12 to 14 the unit, and CR LF ends them; in the form of 22 an identifier of six stands in front.
The unit is blank while the weight is not stable. Square brackets mark a digit that is not verified.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from protocols.errors import InstrumentReplyError

__all__ = [
    "END",
    "MODEL",
    "PRINT",
    "SERIAL_NUMBER",
    "TARE",
    "TARE_ONLY",
    "VERSION",
    "ZERO",
    "BalanceState",
    "PrintedWeight",
    "command",
    "format_state",
    "format_text",
    "format_weight",
    "parse_print",
    "parse_text",
    "take_commands",
]

END = b"\r\n"
PRINT = "P"
TARE = "T"
"""Tare and zero."""
TARE_ONLY = "U"
ZERO = "V"
MODEL = "x1_"
SERIAL_NUMBER = "x2_"
VERSION = "x3_"

_ESCAPE = b"\x1b"
_COLUMNS, _LABEL = 14, 6
_COMMAND = re.compile(rb"\x1b(?P<name>[A-Z]|[a-z][0-9A-Z]{0,3}_)")
_WEIGHT = re.compile(
    r"(?P<sign>[+-]?) *(?P<value>\d+(?:\.\d*)?(?:\[\d+\])?|\.\d+) *(?P<unit>[A-Za-z%/][A-Za-z/ ]{0,3})?"
)
_LABELLED = re.compile(r"(?!T)[A-Z][A-Za-z0-9#]{0,5} +(?:(?=[+-])|(?<=.{8})(?=[\d.]))")
"""An identifier such as N or G#, then the sign, or where that is blank two columns more. T is the tare memory, and no
weight."""
_UNVERIFIED = re.compile(r"[\[\]]")
_STATES = {
    "HIGH": "overload: more than its capacity is on the pan",
    "H": "overload: more than its capacity is on the pan",
    "LOW": "underload: the pan is missing or lifted",
    "L": "underload: the pan is missing or lifted",
    "--": "no weight yet: it is settling or printing its last value",
    "CAL.INT.": "it adjusts itself",
    "CAL.EXT.": "it is being adjusted",
    "C": "it is being adjusted",
}
_ERROR = re.compile(r"(?:(?:APP|DIS|PRT)\.)?ERR ?(?P<number>\d*)")


@dataclass(frozen=True)
class PrintedWeight:
    """The weight as printed; ``unit`` is empty while it is not stable."""

    value: Decimal
    unit: str

    @property
    def stable(self) -> bool:
        """Whether the unit stands there."""
        return bool(self.unit)


@dataclass(frozen=True)
class BalanceState:
    """What is printed in place of a weight. ``passing`` states end by themselves."""

    code: str
    meaning: str
    passing: bool


def command(name: str) -> bytes:
    """What goes to the balance for one of the names above; the line end is optional, and welcome on both sides."""
    return _ESCAPE + name.encode("ascii") + END


def take_commands(received: bytes) -> tuple[list[str], bytes]:
    """The whole commands in ``received``, and what may still become one; anything else is passed over."""
    names, at = [], 0
    for match in _COMMAND.finditer(received):
        names.append(match["name"].decode("ascii"))
        at = match.end()
    rest = received[at:]
    begins = rest.rfind(_ESCAPE)
    return names, rest[begins:] if begins >= 0 else b""


def format_weight(weight: PrintedWeight) -> bytes:
    """The line of 16 characters: ``+     12.345 g  ``."""
    sign = "-" if weight.value < 0 else "+"
    return f"{sign}{abs(weight.value):>9} {weight.unit:<3}".encode("ascii") + END


def format_state(code: str) -> bytes:
    """The line for a state such as ``High``, or for ``Err 053``: seven columns in, as manuals print it."""
    return f"{code:^{_COLUMNS}}".encode("ascii") + END


def format_text(text: str) -> bytes:
    """The line for a model, a serial number or a version."""
    return text.encode("ascii") + END


def parse_print(line: bytes) -> PrintedWeight | BalanceState:
    """The weight, or what stands in its place. Raises InstrumentReplyError for anything else."""
    text = _text_of(line)
    label = _LABELLED.match(text)
    if text.upper().startswith("STAT"):
        text = text[_LABEL:]
    elif label is not None:
        text = text[label.end() :]
    read = _state(text.strip()) or _weight(text)
    if read is None:
        raise InstrumentReplyError("a printed weight, as in '+    100.00 g  '", line)
    return read


def parse_text(line: bytes) -> str:
    """A model, serial number or version: any text that is no print. Raises InstrumentReplyError for anything else."""
    text = _text_of(line).strip()
    if not text or not text.isprintable():
        raise InstrumentReplyError("a model, serial number or version", line)
    try:
        parse_print(line)
    except InstrumentReplyError:
        return text
    raise InstrumentReplyError("a model, serial number or version, not a print", line)


def _text_of(line: bytes) -> str:
    try:
        return line.decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InstrumentReplyError("a line of ASCII from a balance", line) from error


def _state(text: str) -> BalanceState | None:
    folded = re.sub(r"\s+", " ", text).upper()
    meaning = _STATES.get(folded.replace(" ", ""))
    if meaning is not None:
        return BalanceState(folded, meaning, passing=folded.replace(" ", "") not in {"HIGH", "H", "LOW", "L"})
    error = _ERROR.fullmatch(folded)
    return (
        None
        if error is None
        else BalanceState(folded, f"error {error['number']}".strip() + " of its own", passing=False)
    )


def _weight(text: str) -> PrintedWeight | None:
    match = _WEIGHT.fullmatch(text.strip())
    if match is None:
        return None
    unit = (match["unit"] or "").strip()
    if not unit and "." not in match["value"] and not match["sign"]:
        return None  # digits alone are a serial number
    value = Decimal(_UNVERIFIED.sub("", match["value"]))
    return PrintedWeight(-value if match["sign"] == "-" else value, unit)
