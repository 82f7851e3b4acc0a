"""Every driver, by the role that it plays on a bench and the name that a bench file gives it.

A new instrument is a grammar (``protocols/instruments/``), a driver here, a simulator (``hil/virtual_bench/``), a
corpus of exchanges (``fixtures/golden/instruments/``), and a row in this table and in
``hil/virtual_bench/simulators.py``.
"""

from collections.abc import Mapping

from hil.benches.instrument_tables import InstrumentTable, SerialTable
from hil.clock import Clock
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.balance_sbi import SbiBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument
from hil.instruments.multimeter_scpi import RigolMultimeter, ScpiMultimeter
from hil.instruments.operator import Operator
from hil.instruments.pressure_pace import PacePressureController
from hil.instruments.supply_scpi import KeysightSupply, RigolSupply
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings

__all__ = ["DRIVERS", "driver_of", "fitting_driver", "serial_settings", "settings_of"]

_BALANCES: Mapping[str, type[Instrument]] = {"mt-sics": MtSicsBalance, "sbi": SbiBalance}
_PRESSURE_CONTROLLERS: Mapping[str, type[Instrument]] = {"pace": PacePressureController}

DRIVERS: Mapping[str, Mapping[str, type[Instrument]]] = {
    "balance": _BALANCES,
    "reference_balance": _BALANCES,
    "bath": {"julabo": JulaboBath},
    "ambient_pressure": _PRESSURE_CONTROLLERS,
    "outlet_pressure": _PRESSURE_CONTROLLERS,
    "multimeter": {"keysight": ScpiMultimeter, "rigol": RigolMultimeter},
    "supply": {"keysight": KeysightSupply, "rigol": RigolSupply},
    "operator": {"text": Operator},
}


def driver_of(role: str, table: InstrumentTable, link: Link, clock: Clock) -> Instrument:
    """The driver that a bench file's table asks for, on ``link``; nothing is sent yet."""
    return DRIVERS[role][table.driver](link, clock)


def fitting_driver(role: str, driver: str, identity: InstrumentIdentity) -> str:
    """The driver that an instrument wants by its maker's name; ``driver`` itself if that says nothing."""
    maker = identity.maker.upper()
    return next((name for name, each in DRIVERS[role].items() if maker.startswith(each.MAKERS or "\0")), driver)


def settings_of(role: str, table: InstrumentTable) -> SerialSettings:
    """The serial settings of an instrument: its factory's, but for what its table says."""
    return serial_settings(DRIVERS[role][table.driver].SERIAL, table.serial)


def serial_settings(factory: SerialSettings, table: SerialTable) -> SerialSettings:
    """``factory`` settings, but for what ``table`` says."""
    return SerialSettings(**{**vars(factory), **table.model_dump(exclude_none=True)})
