"""Commands of SCPI supplies in two dialects, written once as templates.

Keysight's E36300 addresses an output by a channel list, ``VOLT 3.6,(@1)``; Rigol's DP800 by name, and sets voltage and
current limit together, ``:APPL CH1,3.6,0.1``. A DP800 answers ``:APPL?`` with label, voltage and current; some firmware
adds the rating to the label, ``CH1:30V/3A``.
"""

import re
from dataclasses import dataclass

from protocols.errors import InstrumentReplyError
from protocols.instruments import scpi

__all__ = ["KEYSIGHT", "RIGOL", "SupplyDialect", "parse_applied"]


@dataclass(frozen=True)
class SupplyDialect:
    """``{ch}`` stands for the channel's number, ``{v}``, ``{a}`` and ``{on}`` for what is set."""

    name: str
    set_commands: tuple[str, ...]
    switch: str
    on_off: tuple[str, str]
    """What ``switch`` wants for off and for on."""
    is_on: str
    voltage: str
    current: str
    settings: tuple[str, ...]
    """Ask for voltage and current limit as set; a single query asks for both."""
    error_queue_length: int
    signed_error_codes: bool


KEYSIGHT = SupplyDialect(
    name="keysight",
    set_commands=("CURR {a},(@{ch})", "VOLT {v},(@{ch})"),
    switch="OUTP {on},(@{ch})",
    on_off=("0", "1"),
    is_on="OUTP? (@{ch})",
    voltage="MEAS:VOLT? (@{ch})",
    current="MEAS:CURR? (@{ch})",
    settings=("VOLT? (@{ch})", "CURR? (@{ch})"),
    error_queue_length=20,
    signed_error_codes=True,
)
RIGOL = SupplyDialect(
    name="rigol",
    set_commands=(":APPL CH{ch},{v},{a}",),
    switch=":OUTP CH{ch},{on}",
    on_off=("OFF", "ON"),
    is_on=":OUTP? CH{ch}",
    voltage=":MEAS:VOLT? CH{ch}",
    current=":MEAS:CURR? CH{ch}",
    settings=(":APPL? CH{ch}",),
    error_queue_length=20,
    signed_error_codes=False,
)

_APPLIED = re.compile(r"CH(?P<channel>\d)(?::[^,]*)?,(?P<volts>[^,]+),(?P<amps>[^,]+)", re.IGNORECASE)


def parse_applied(line: bytes, query: str, channel: int) -> tuple[float, float]:
    """Set voltage and current limit of ``channel``. Raises InstrumentReplyError for anything else, or another one."""
    match = _APPLIED.fullmatch(scpi.payload(line, query).strip('"'))
    if match is None or int(match["channel"]) != channel:
        raise InstrumentReplyError(f"label, voltage and current in reply to {query}, as in 'CH1,5.000,1.0000'", line)
    try:
        volts, amps = (scpi.parse_number(match[name].encode("ascii"), query) for name in ("volts", "amps"))
    except InstrumentReplyError as error:
        raise InstrumentReplyError(error.expected, line) from error
    return volts, amps
