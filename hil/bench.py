"""The bench that a procedure works on: pump, instruments and time, whatever stands behind them."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from hil.bench_file import BalanceTable, BathTable, InstrumentTable, LoadedBench, SerialTable
from hil.clock import Clock
from hil.errors import BenchFault, UsageError
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.instruments.identity import InstrumentIdentity
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from hil.programmer import Programmer, PumpFault
from hil.pump_session import PumpSession, open_session
from hil.recording.tap import TappedLink, WireSink
from hil.wiring import ReplayWiring, Wiring
from protocols.messages import Identity
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["Bench", "open_bench"]

Table = TypeVar("Table", bound=InstrumentTable)

PUMP_SERIAL = SerialSettings(baud=115_200)
"""The telemetry head's port, unless the bench file says otherwise."""


@dataclass(frozen=True)
class Bench:
    """A DUT, its instruments and their clock. An instrument that the bench lacks is None."""

    loaded: LoadedBench
    clock: Clock
    pump: Programmer
    pump_identity: Identity
    balance: MtSicsBalance | None
    bath: JulaboBath | None
    identities: dict[str, InstrumentIdentity]
    pump_link: Link
    """The pump's own wire, for procedures that look at bytes."""
    reader: Programmer | None
    """The same pump under a reader's key; None in the open mode, or if the bench has none."""
    _taps: tuple[TappedLink, ...]
    reference_balance: MtSicsBalance | None = None
    """Under the vessel that only evaporates."""

    @property
    def balance_table(self) -> BalanceTable:
        """What the bench file says of the balance. Raises UsageError if it has none."""
        return _present("balance", self.loaded.file.instruments.balance)

    @property
    def bath_table(self) -> BathTable:
        """What the bench file says of the bath. Raises UsageError if it has none."""
        return _present("bath", self.loaded.file.instruments.bath)

    def now_ms(self) -> int:
        """Bench time of the last answer on any wire, in ms.

        Procedures date and decide by this, never by the clock itself: it is what a recording holds, so
        a replay comes to the same times and the same decisions.
        """
        return max((tap.last_time_ms for tap in self._taps), default=0)

    def utc_ms(self) -> int:
        """UTC at ``now_ms``, in ms since 1970; on a simulated bench that of its file."""
        return self.clock.start_utc_ms + self.now_ms()

    def sleep(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let bench time pass: virtual on a simulated bench, real on a real one, none in a replay."""
        self.clock.sleep_ms(round(hours * 3_600_000 + minutes * 60_000 + seconds * 1000))

    def sleep_until(self, time_ms: int) -> None:
        """Let bench time pass until ``time_ms``."""
        self.clock.sleep_ms(max(0, time_ms - self.clock.now_ms()))


def open_bench(loaded: LoadedBench, wiring: Wiring, sink: WireSink, cleanup: ExitStack, *, seed: int) -> Bench:
    """Open every link, ask every device who it is, and refuse strangers.

    Raises BenchFault where a port is missing, a device is silent, or another serial number answers.
    ``cleanup`` closes what was opened, also if this fails half way; ``seed`` is that of a simulated pump's keys.
    """
    file = loaded.file
    cleanup.callback(wiring.close)
    taps: list[TappedLink] = []

    def tap(wire: str, resource: str, serial: SerialSettings) -> TappedLink:
        link = TappedLink(wiring.open(wire, resource, serial), wire, sink, wiring.clock)
        cleanup.callback(link.close)
        taps.append(link)
        return link

    pump_link = tap("pump", file.pump.link, _settings(PUMP_SERIAL, file.pump.serial))
    first_seq = wiring.clock.start_utc_ms & 0xFFFF
    session = _session(loaded, wiring, sink, seed)
    pump = Programmer(pump_link, session.channel, first_seq=first_seq, memory=session.memory)
    reader = None if session.reader is None else Programmer(pump_link, session.reader, memory=session.memory)
    balance_table, bath_table = file.instruments.balance, file.instruments.bath
    balance = reference_balance = bath = None
    reference_table = file.instruments.reference_balance
    if reference_table is not None:
        serial = _settings(MtSicsBalance.SERIAL, reference_table.serial)
        reference_balance = MtSicsBalance(tap("reference_balance", reference_table.link, serial), wiring.clock)
    if balance_table is not None:
        serial = _settings(MtSicsBalance.SERIAL, balance_table.serial)
        balance = MtSicsBalance(tap("balance", balance_table.link, serial), wiring.clock)
    if bath_table is not None:
        serial = _settings(JulaboBath.SERIAL, bath_table.serial)
        bath = JulaboBath(tap("bath", bath_table.link, serial), wiring.clock)

    identity = pump.identify()
    if file.pump.serial_number not in (None, identity.serial_number):
        raise PumpFault(
            f"{file.pump.link}: pump {identity.serial_number} answers, but {loaded.path} is for "
            f"{file.pump.serial_number}; connect that pump or correct pump.serial_number"
        )
    identities = {}
    if balance is not None and balance_table is not None:
        identities["balance"] = _identified("balance", balance.identify(), balance_table.serial_number)
    if reference_balance is not None and reference_table is not None:
        identity_told = reference_balance.identify()
        identities["reference_balance"] = _identified("reference_balance", identity_told, reference_table.serial_number)
    if bath is not None and bath_table is not None:
        identities["bath"] = _identified("bath", bath.identify(), bath_table.serial_number)
    return Bench(
        loaded,
        wiring.clock,
        pump,
        identity,
        balance,
        bath,
        identities,
        pump_link,
        reader,
        tuple(taps),
        reference_balance,
    )


def _session(loaded: LoadedBench, wiring: Wiring, sink: WireSink, seed: int) -> PumpSession:
    """As the bench file says, its keys told to ``sink``; a recording of a provisioned pump needs no key."""
    pump = loaded.file.pump
    if isinstance(wiring, ReplayWiring) and pump.session == "key-file":
        return wiring.session()
    key_file = None if pump.key_file is None else Path(loaded.path).parent / pump.key_file
    session = open_session(pump.session, key_file, seed, wiring.clock.start_utc_ms)
    for channel in (session.channel, session.reader):
        if isinstance(channel, ProgrammerChannel):
            insecure = pump.session == "insecure-test-key"
            channel.on_session = partial(sink.session, "pump", key=channel.key, insecure=insecure)
    return session


def _present(role: str, table: Table | None) -> Table:
    if table is None:
        raise UsageError(f"the bench file has no [instruments.{role}]")
    return table


def _identified(role: str, identity: InstrumentIdentity, wanted: str | None) -> InstrumentIdentity:
    if wanted is not None and not identity.serial_number:
        raise UsageError(f"instruments.{role}.serial_number: it does not tell its number; leave the key out")
    if wanted not in (None, identity.serial_number):
        raise BenchFault(f"{role}: serial number {identity.serial_number} answers, but the bench file is for {wanted}")
    return identity


def _settings(factory: SerialSettings, table: SerialTable) -> SerialSettings:
    return SerialSettings(**{**vars(factory), **table.model_dump(exclude_none=True)})
