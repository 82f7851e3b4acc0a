"""Who stands on a bench: each link that its file names is asked by its own driver, and no other port is touched."""

from collections.abc import Callable
from dataclasses import dataclass

from hil.bench import PUMP_SERIAL
from hil.benches.bench_file import LoadedBench
from hil.benches.instrument_tables import InstrumentTable
from hil.clock import WallClock
from hil.errors import RigError
from hil.instruments.catalogue import driver_of, serial_settings, settings_of
from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import Programmer

__all__ = ["BenchDevice", "bench_devices"]


@dataclass(frozen=True)
class BenchDevice:
    """One device of a bench file: what it says of itself, or why it does not."""

    role: str
    link: str
    driver: str
    identity: str
    problem: str


def bench_devices(bench: LoadedBench) -> list[BenchDevice]:
    """Every device of ``bench``, asked who it is. Simulated ones live in other processes, and are not asked."""
    file = bench.file
    pump = _asked("pump", file.pump.link, "pump", serial_settings(PUMP_SERIAL, file.pump.serial), _pump_identity(bench))
    tables = file.instruments.present().items()
    return [pump, *(_asked(role, t.link, t.driver, settings_of(role, t), _identity_by(role, t)) for role, t in tables)]


def _asked(
    role: str, link: str, driver: str, serial: SerialSettings, identity_of: Callable[[Link], str]
) -> BenchDevice:
    if link.startswith("sim:"):
        return BenchDevice(role, link, driver, "simulated", "")
    try:
        with open_link(link, serial) as opened:
            return BenchDevice(role, link, driver, identity_of(opened), "")
    except RigError as error:
        return BenchDevice(role, link, driver, "", str(error))


def _pump_identity(bench: LoadedBench) -> Callable[[Link], str]:
    def identity_of(link: Link) -> str:
        if bench.file.pump.session != "open":
            return "not asked: it speaks in secure sessions only"
        clock = WallClock()
        identity = Programmer(link, first_seq=clock.start_utc_ms & 0xFFFF).identify()
        return f"{identity.model}, serial number {identity.serial_number}, firmware {identity.firmware_version}"

    return identity_of


def _identity_by(role: str, table: InstrumentTable) -> Callable[[Link], str]:
    def identity_of(link: Link) -> str:
        identity = driver_of(role, table, link, WallClock()).identify()
        serial_number = identity.serial_number and f"serial number {identity.serial_number}"
        return ", ".join(each for each in (identity.maker, identity.model, serial_number, identity.version) if each)

    return identity_of
