"""Druck PACE pressure controllers: SCPI whose replies repeat the header, in its full short form.

Headers as in the manual K0472, chapter 4. Pressures are in whatever unit ``:UNIT:PRES`` is set to. Venting is a command
of its own, with a state of its own: 0 none, 1 under way, 2 completed.
"""

import re

from protocols.errors import InstrumentReplyError
from protocols.instruments import scpi

__all__ = [
    "IN_LIMITS",
    "KPA_PER_UNIT",
    "NEXT_ERROR",
    "OUTPUT",
    "PRESSURE",
    "SET_POINT",
    "SLEW",
    "SLEW_MODE",
    "UNIT",
    "VENT",
    "VENT_COMPLETED",
    "VENT_NONE",
    "VENT_UNDER_WAY",
    "format_reply",
    "parse_in_limits",
    "parse_mode",
    "parse_unit",
    "parse_vent",
    "short_form",
]

PRESSURE = "SENSe[:PRESsure]"
IN_LIMITS = "SENSe[:PRESsure]:INLimits"
SET_POINT = "SOURce[:PRESsure][:LEVel][:IMMediate][:AMPLitude]"
SLEW = "SOURce[:PRESsure]:SLEW"
SLEW_MODE = "SOURce[:PRESsure]:SLEW:MODE"
VENT = "SOURce[:PRESsure][:LEVel][:IMMediate][:AMPLitude]:VENT"
OUTPUT = "OUTPut[:STATe]"
UNIT = "UNIT[:PRESsure]"
NEXT_ERROR = "SYSTem:ERRor[:NEXT]"

VENT_NONE, VENT_UNDER_WAY, VENT_COMPLETED = 0, 1, 2

KPA_PER_UNIT = {
    "PA": 0.001,
    "HPA": 0.1,
    "KPA": 1.0,
    "MPA": 1000.0,
    "MBAR": 0.1,
    "BAR": 100.0,
    "ATM": 101.325,
    "PSI": 6.894757293168,
    "MMHG": 0.133322387415,
    "INHG": 3.386388640341,
    "TORR": 101.325 / 760,
}
"""Units whose size is a matter of definition; mercury at 0 C."""

_LIMITS = re.compile(r"(?P<pressure>[^,]+),\s*(?P<inside>[01])")


def short_form(notation: str) -> str:
    """The header that a PACE repeats: short nodes, none left out but ``[:NEXT]``, as in ``:SOUR:PRES:LEV:IMM:AMPL``."""
    return ":" + "".join(character for character in notation if character.isupper() or character in ":*").replace(
        ":NEXT", ""
    )


def format_reply(notation: str, value: str) -> str:
    """A reply as a PACE gives it."""
    return f"{short_form(notation)} {value}"


def parse_in_limits(line: bytes, query: str) -> bool:
    """Whether the pressure is within the limits. Raises InstrumentReplyError for anything else."""
    match = _LIMITS.fullmatch(scpi.payload(line, query, IN_LIMITS))
    if match is None:
        raise InstrumentReplyError(f"pressure and 0 or 1 in reply to {query}, as in ':SENS:PRES:INL 1000.5, 1'", line)
    try:
        scpi.parse_number(match["pressure"].encode("ascii"), query)
    except InstrumentReplyError as error:
        raise InstrumentReplyError(error.expected, line) from error
    return match["inside"] == "1"


def parse_unit(line: bytes, query: str) -> str:
    """The unit's name, one of KPA_PER_UNIT. Raises InstrumentReplyError for anything else."""
    name = scpi.payload(line, query, UNIT).strip('"').upper()
    if name not in KPA_PER_UNIT:
        raise InstrumentReplyError(f"a unit of pressure in reply to {query}: {', '.join(KPA_PER_UNIT)}", line)
    return name


def parse_mode(line: bytes, query: str) -> str:
    """LIN or MAX. Raises InstrumentReplyError for anything else."""
    mode = scpi.payload(line, query, SLEW_MODE).upper()[:3]
    if mode not in {"LIN", "MAX"}:
        raise InstrumentReplyError(f"LIN or MAX in reply to {query}", line)
    return mode


def parse_vent(line: bytes, query: str) -> int:
    """The state of the vent, 0 to 9: above 2 are later firmware's ways of saying that it failed."""
    text = scpi.payload(line, query, VENT)
    if not re.fullmatch(r"\d", text):
        raise InstrumentReplyError(f"0, 1 or 2 in reply to {query}", line)
    return int(text)
