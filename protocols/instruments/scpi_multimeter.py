"""Queries of SCPI multimeters: each measures and answers.

Two dialects: Keysight Truevolt, and Rigol DM858; a DM3000 speaks the latter in its Agilent command set.
"""

import re
from dataclasses import dataclass

from protocols.errors import InstrumentReplyError
from protocols.instruments import scpi

__all__ = ["KEYSIGHT", "RIGOL", "MultimeterDialect", "parse_temperature_unit"]


@dataclass(frozen=True)
class MultimeterDialect:
    """What to send for each quantity."""

    name: str
    voltage: str
    current: str
    temperature: str
    """Of a four-wire Pt100."""
    set_celsius: str
    temperature_unit: str
    error_queue_length: int
    signed_error_codes: bool


KEYSIGHT = MultimeterDialect(
    name="keysight",
    voltage="MEAS:VOLT:DC?",
    current="MEAS:CURR:DC?",
    temperature="MEAS:TEMP? FRTD,85",
    set_celsius="UNIT:TEMP C",
    temperature_unit="UNIT:TEMP?",
    error_queue_length=20,
    signed_error_codes=True,
)
RIGOL = MultimeterDialect(
    name="rigol",
    voltage=":MEAS:VOLT:DC?",
    current=":MEAS:CURR:DC?",
    temperature=":MEAS:TEMP? FRTD,385",
    set_celsius=":UNIT:TEMP C",
    temperature_unit=":UNIT:TEMP?",
    error_queue_length=20,
    signed_error_codes=False,
)


def parse_temperature_unit(line: bytes) -> str:
    """C, F or K. Raises InstrumentReplyError for anything else."""
    text = scpi.payload(line, "UNIT:TEMP?").upper()
    if not re.fullmatch("C|F|K|CEL|FAR|KEL", text):
        raise InstrumentReplyError("C, F or K in reply to UNIT:TEMP?", line)
    return text[0]
