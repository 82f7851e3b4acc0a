"""What a bench file says of each instrument: a table for each role that a procedure can ask for."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from firmware_model.config import FrozenModel

__all__ = [
    "ROLES",
    "BalanceTable",
    "BathTable",
    "InstrumentTable",
    "InstrumentsTable",
    "LinkName",
    "MultimeterTable",
    "OperatorTable",
    "PressureTable",
    "SerialTable",
    "SupplyTable",
    "check_link",
]

UncertaintyC = Annotated[float, Field(ge=0, le=10)]
UncertaintyKpa = Annotated[float, Field(ge=0, le=100)]
UncertaintyMg = Annotated[float, Field(ge=0, le=10_000)]
Percent = Annotated[float, Field(ge=0, le=100)]
"""Every number of a bench file has bounds, wide enough for any bench: beyond them it is a slip, and would overflow."""

_URL = re.compile(r"(socket|rfc2217)://([^:/\s\[]+|\[[\da-fA-F:.]+\]):(?P<port>\d+)([/?].*)?")
_VISA = re.compile(r"(ASRL\S+::INSTR|TCPIP\d*::[^:\s]+::(?P<port>\d+)::SOCKET)", re.IGNORECASE)
_PATH = re.compile(
    r"/(?!.*(::|://))[^\0]+|[A-Za-z0-9_.\\-]+|sim:[a-z_]+|usb:([0-9a-f]{4}:[0-9a-f]{4}:)?[^:\s/]+|console:"
)
"""By-path names of Linux have single colons."""


def check_link(text: str) -> str:
    """``text``, the name of a link. Raises ValueError if none can be named so."""
    match = _URL.fullmatch(text) or _VISA.fullmatch(text) or _PATH.fullmatch(text)
    port = match.groupdict().get("port") if match else None
    if match is None or (port is not None and not 0 < int(port) < 65536):
        raise ValueError(
            "this is no link; write a serial port, usb:SERIALNUMBER, socket://HOST:PORT, rfc2217://HOST:PORT, "
            "ASRL...::INSTR or TCPIP::HOST::PORT::SOCKET"
        )
    return text


LinkName = Annotated[str, AfterValidator(check_link)]


class SerialTable(FrozenModel):
    """Settings of a serial port where they differ from the device's factory settings."""

    baud: Annotated[int, Field(gt=0, le=12_000_000)] | None = None
    bits: Literal[7, 8] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop_bits: Literal[1, 2] | None = None
    flow: Literal["none", "rts-cts", "xon-xoff"] | None = None


class InstrumentTable(FrozenModel):
    """What every instrument's table says; ``u_`` keys are standard uncertainties (k = 1)."""

    link: LinkName
    driver: str
    serial: SerialTable = SerialTable()
    serial_number: str | None = None
    calibration_due: date | None = None

    is_measuring: ClassVar[bool] = True
    """Whether anything measured rests on it, so that it needs a calibration."""


class BalanceTable(InstrumentTable):
    """A balance under a beaker."""

    driver: Literal["mt-sics", "sbi"]
    readability_mg: Annotated[float, Field(ge=1e-4, le=10_000)]
    u_repeatability_mg: UncertaintyMg
    u_drift_mg_per_day: UncertaintyMg
    u_sensitivity_ppm: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    """Of the slope between load and reading, relative: it scales every difference of two readings."""
    u_linearity_mg: UncertaintyMg = 0.0
    """Of one reading, beside the slope; at two loads taken as independent, which is the safe side."""
    repeatability_weighings: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    """From how many weighings u_repeatability_mg was found; None if a certificate states it."""


class BathTable(InstrumentTable):
    """The water bath around the pump."""

    driver: Literal["julabo"]
    u_temperature_c: UncertaintyC


class PressureTable(InstrumentTable):
    """A pressure controller, and how far it may go."""

    driver: Literal["pace"]
    u_pressure_kpa: UncertaintyKpa
    slew_kpa_per_s: Annotated[float, Field(ge=1e-3, le=100)] = 1.0


class MultimeterTable(InstrumentTable):
    """The multimeter: its current terminals are in the pump's supply line."""

    driver: Literal["keysight", "rigol"]
    u_current_ua: Annotated[float, Field(ge=0, le=1_000_000)]
    u_current_percent: Percent = 0.0
    u_voltage_mv: Annotated[float, Field(ge=0, le=10_000)]


class SupplyTable(InstrumentTable):
    """The supply that feeds the pump's electronics in the place of its battery."""

    driver: Literal["keysight", "rigol"]
    voltage_v: Annotated[float, Field(ge=0.5, le=6)] = 3.0
    current_limit_a: Annotated[float, Field(gt=0, le=1)] = 0.1


class OperatorTable(InstrumentTable):
    """A person who does by hand what no instrument can: fills, taps, turns."""

    driver: Literal["text"] = "text"

    is_measuring: ClassVar[bool] = False


class InstrumentsTable(FrozenModel):
    """One table for each role that a procedure can ask for."""

    balance: BalanceTable | None = None
    """Under the beaker that collects the infusate."""
    reference_balance: BalanceTable | None = None
    """Under a vessel like the beaker, into which nothing flows: it shows what evaporates."""
    bath: BathTable | None = None
    ambient_pressure: PressureTable | None = None
    """Of the chamber around pump and outlet; absolute."""
    outlet_pressure: PressureTable | None = None
    """On top of the static head at the outlet; gauge."""
    multimeter: MultimeterTable | None = None
    supply: SupplyTable | None = None
    operator: OperatorTable | None = None

    def present(self) -> Mapping[str, InstrumentTable]:
        """The tables that the bench file has, by role."""
        tables: dict[str, InstrumentTable | None] = {role: getattr(self, role) for role in ROLES}
        return {role: table for role, table in tables.items() if table is not None}


ROLES: tuple[str, ...] = tuple(InstrumentsTable.model_fields)
"""What a procedure can ask for beside the pump."""
