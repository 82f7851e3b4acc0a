"""Who stands on a bench: each link that its file names is asked by its own driver, and no other port is touched."""

from collections.abc import Callable
from dataclasses import dataclass

from hil.bench import PUMP_SERIAL
from hil.bench_file import LoadedBench, SerialTable
from hil.clock import WallClock
from hil.errors import RigError
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.programmer import Programmer

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
    found = [_asked("pump", file.pump.link, "pump", _settings(PUMP_SERIAL, file.pump.serial), _pump_identity(bench))]
    if (balance := file.instruments.balance) is not None:
        serial = _settings(MtSicsBalance.SERIAL, balance.serial)
        found.append(_asked("balance", balance.link, balance.driver, serial, _balance_identity))
    if (bath := file.instruments.bath) is not None:
        serial = _settings(JulaboBath.SERIAL, bath.serial)
        found.append(_asked("bath", bath.link, bath.driver, serial, _bath_identity))
    return found


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


def _balance_identity(link: Link) -> str:
    identity = MtSicsBalance(link, WallClock()).identify()
    return f"{identity.model}, serial number {identity.serial_number}"


def _bath_identity(link: Link) -> str:
    return JulaboBath(link, WallClock()).identify().version


def _settings(factory: SerialSettings, table: SerialTable) -> SerialSettings:
    return SerialSettings(**{**vars(factory), **table.model_dump(exclude_none=True)})
