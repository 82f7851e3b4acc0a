"""Julabo circulators: a line to the bath, one back for ``in_`` commands and for ``version`` and ``status``.

Commands end in CR; replies in LF or CR LF, and XON/XOFF bytes may stand between. ``out_`` commands get no reply from a
real bath (some firmware sends an empty line), and errors show only in ``status``.
"""

import re

from protocols.errors import InstrumentReplyError

__all__ = [
    "BATH_TEMPERATURE",
    "COMMAND_END",
    "HEATING_POWER",
    "PAUSE_MS",
    "REPLY_END",
    "RUNNING",
    "SET_POINT",
    "SET_RUNNING",
    "SET_SET_POINT",
    "STATUS",
    "VERSION",
    "clean_reply",
    "format_number",
    "parse_flag",
    "parse_number",
    "parse_status",
    "parse_version",
]

COMMAND_END = b"\r"
REPLY_END = b"\n"
PAUSE_MS = 250
"""That a bath wants between two commands."""

VERSION = "version"
STATUS = "status"
BATH_TEMPERATURE = "in_pv_00"
SET_POINT = "in_sp_00"
RUNNING = "in_mode_05"
HEATING_POWER = "in_pv_01"
SET_SET_POINT = "out_sp_00"
SET_RUNNING = "out_mode_05"

_NUMBER = re.compile(r" *[+-]?\d+(?:\.\d+)? *")
_STATUS = re.compile(r"(?P<code>-?\d{2}) (?P<text>.*)")
_FLOW_CONTROL = re.compile(rb"[\x11\x13]")


def clean_reply(line: bytes) -> str:
    """The text of a reply without line end and flow control. Raises InstrumentReplyError if it is no ASCII."""
    try:
        return _FLOW_CONTROL.sub(b"", line).decode("ascii").strip("\r\n")
    except UnicodeDecodeError as error:
        raise InstrumentReplyError("a line of ASCII from a Julabo bath", line) from error


def parse_number(line: bytes, command: str) -> float:
    """The number in a reply to ``command``. Raises InstrumentReplyError for anything else."""
    text = clean_reply(line)
    if not _NUMBER.fullmatch(text):
        raise InstrumentReplyError(f"a number in reply to {command}, as in '37.00'", line)
    return float(text)


def parse_flag(line: bytes, command: str) -> bool:
    """The 0 or 1 in a reply to ``command``. Raises InstrumentReplyError for anything else."""
    text = clean_reply(line).strip()
    if text not in {"0", "1"}:
        raise InstrumentReplyError(f"0 or 1 in reply to {command}", line)
    return text == "1"


def parse_status(line: bytes) -> tuple[int, str]:
    """Code and text of a status, such as (3, 'REMOTE START'); negative codes are errors and warnings."""
    match = _STATUS.fullmatch(clean_reply(line).strip())
    if match is None:
        raise InstrumentReplyError("a status such as '03 REMOTE START'", line)
    return int(match["code"]), match["text"]


def parse_version(line: bytes) -> str:
    """The text by which a bath introduces itself. Raises InstrumentReplyError unless it says Julabo."""
    version = clean_reply(line).strip()
    if "JULABO" not in version.upper():
        raise InstrumentReplyError("the version of a Julabo bath", line)
    return version


def format_number(value: float) -> str:
    """A number as baths show it: two decimals."""
    return f"{value:.2f}"
