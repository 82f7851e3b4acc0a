"""The bench that a procedure works on: pump, instruments and time, whatever stands behind them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TypeVar

from hil.benches.bench_file import LoadedBench
from hil.benches.instrument_tables import (
    BalanceTable,
    BathTable,
    InstrumentTable,
    MultimeterTable,
    PressureTable,
    SupplyTable,
)
from hil.benches.wiring import ReplayWiring, Wiring
from hil.clock import Clock
from hil.errors import BenchFault, UsageError
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.catalogue import driver_of, fitting_driver, serial_settings, settings_of
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument
from hil.instruments.multimeter import Multimeter
from hil.instruments.operator import Operator
from hil.instruments.pressure_controller import PressureController
from hil.instruments.supply import Supply
from hil.links.link import Link
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import Programmer, PumpFault
from hil.pump.pump_session import PumpSession, open_session
from hil.pump.pump_wire import LONG_PATIENCE_MS, PumpWire
from hil.recording.tap import TappedLink, WireSink
from protocols.messages import Identify, Identity
from protocols.session.programmer_channel import ProgrammerChannel

__all__ = ["PUMP_SERIAL", "Bench", "identified", "identified_pump", "open_bench", "same_instrument"]

Table = TypeVar("Table", bound=InstrumentTable)
Driver = TypeVar("Driver", bound=Instrument)

PUMP_SERIAL = SerialSettings(baud=115_200)
"""The telemetry head's port, unless the bench file says otherwise."""


@dataclass(frozen=True)
class Bench:
    """A DUT, its instruments and their clock. An instrument that the bench lacks is None."""

    loaded: LoadedBench
    clock: Clock
    pump: Programmer
    identified: Identity | PumpFault
    """Who the pump said it is, or why that is not known: procedures for any pump work on such a one, too."""
    instruments: Mapping[str, Instrument]
    """By role, as the bench file has them."""
    identities: dict[str, InstrumentIdentity]
    pump_link: Link
    """The pump's own wire, for procedures that look at bytes."""
    reader: Programmer | None
    """The same pump under a reader's key; None in the open mode, or if the bench has none."""
    _taps: tuple[TappedLink, ...]

    @property
    def pump_identity(self) -> Identity:
        """Who the pump said it is. Raises PumpFault if it could not."""
        if isinstance(self.identified, PumpFault):
            raise self.identified
        return self.identified

    @property
    def balance(self) -> Balance | None:
        """The balance under the beaker."""
        return self._driver("balance", Balance)  # type: ignore[type-abstract] # asked for by its role's class

    @property
    def reference_balance(self) -> Balance | None:
        """The balance under the vessel that shows what evaporates."""
        return self._driver("reference_balance", Balance)  # type: ignore[type-abstract]

    @property
    def bath(self) -> Bath | None:
        """The water bath around the pump."""
        return self._driver("bath", Bath)  # type: ignore[type-abstract]

    @property
    def ambient_pressure(self) -> PressureController | None:
        """The controller of the chamber around pump and outlet, absolute."""
        return self._driver("ambient_pressure", PressureController)  # type: ignore[type-abstract]

    @property
    def outlet_pressure(self) -> PressureController | None:
        """The controller of the pressure on top of the outlet's static head, gauge."""
        return self._driver("outlet_pressure", PressureController)  # type: ignore[type-abstract]

    @property
    def multimeter(self) -> Multimeter | None:
        """The multimeter in the pump's supply line."""
        return self._driver("multimeter", Multimeter)  # type: ignore[type-abstract]

    @property
    def supply(self) -> Supply | None:
        """The supply of the pump's electronics."""
        return self._driver("supply", Supply)  # type: ignore[type-abstract]

    @property
    def operator(self) -> Operator | None:
        """The person at the bench."""
        return self._driver("operator", Operator)

    @property
    def balance_table(self) -> BalanceTable:
        """What the bench file says of the balance. Raises UsageError if it has none."""
        return _present("balance", self.loaded.file.instruments.balance)

    @property
    def bath_table(self) -> BathTable:
        """What the bench file says of the bath. Raises UsageError if it has none."""
        return _present("bath", self.loaded.file.instruments.bath)

    @property
    def ambient_pressure_table(self) -> PressureTable:
        """What the bench file says of the chamber's controller. Raises UsageError if it has none."""
        return _present("ambient_pressure", self.loaded.file.instruments.ambient_pressure)

    @property
    def outlet_pressure_table(self) -> PressureTable:
        """What the bench file says of the outlet's controller. Raises UsageError if it has none."""
        return _present("outlet_pressure", self.loaded.file.instruments.outlet_pressure)

    @property
    def multimeter_table(self) -> MultimeterTable:
        """What the bench file says of the multimeter. Raises UsageError if it has none."""
        return _present("multimeter", self.loaded.file.instruments.multimeter)

    @property
    def supply_table(self) -> SupplyTable:
        """What the bench file says of the supply. Raises UsageError if it has none."""
        return _present("supply", self.loaded.file.instruments.supply)

    def now_ms(self) -> int:
        """Bench time of the last answer on any wire, in ms.

        Procedures date and decide by this, never by the clock itself: it is what a recording holds, so
        a replay comes to the same times and the same decisions.
        """
        return max((tap.last_time_ms for tap in self._taps), default=0)

    def remarks(self) -> tuple[tuple[int, str], ...]:
        """What happened to the wires themselves, such as a port that came back, each with its bench time in ms."""
        return tuple(sorted(remark for tap in self._taps for remark in tap.remarks))

    def utc_ms(self) -> int:
        """UTC at ``now_ms``, in ms since 1970; on a simulated bench that of its file."""
        return self.clock.start_utc_ms + self.now_ms()

    def sleep(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let bench time pass: virtual on a simulated bench, real on a real one, none in a replay.

        Raises UsageError for less than nothing, and for what is no number.
        """
        time_ms = hours * 3_600_000 + minutes * 60_000 + seconds * 1000
        if not 0 <= time_ms < inf:
            raise UsageError(f"sleep: hours={hours}, minutes={minutes}, seconds={seconds} is no time that can pass")
        self.clock.sleep_ms(round(time_ms))

    def sleep_until(self, time_ms: int) -> None:
        """Let bench time pass until ``time_ms``."""
        self.clock.sleep_ms(max(0, time_ms - self.clock.now_ms()))

    def _driver(self, role: str, kind: type[Driver]) -> Driver | None:
        found = self.instruments.get(role)
        assert found is None or isinstance(found, kind)  # noqa: S101 - the catalogue has it so
        return found


def open_bench(
    loaded: LoadedBench,
    wiring: Wiring,
    sink: WireSink,
    cleanup: ExitStack,
    *,
    seed: int,
    began_ms: int = 0,
    any_pump: bool = False,
) -> Bench:
    """Open every link, feed the pump if it hangs on a supply, ask every device who it is, and refuse strangers.

    Raises BenchFault where a port is missing, a device is silent, or another serial number answers.
    ``cleanup`` closes what was opened, also if this fails half way; ``seed`` is that of a simulated pump's keys;
    ``began_ms`` is the bench time at which a run is resumed: its telecommands must not look like repeated ones.
    With ``any_pump``, a pump that says something, but cannot say who it is, is taken as well: what is wrong with it is
    for the procedures to find.
    """
    file = loaded.file
    cleanup.callback(wiring.close)
    taps: list[TappedLink] = []

    def tap(wire: str, resource: str, serial: SerialSettings) -> TappedLink:
        link = TappedLink(wiring.open(wire, resource, serial), wire, sink, wiring.clock)
        cleanup.callback(link.close)
        taps.append(link)
        return link

    pump_link = tap("pump", file.pump.link, serial_settings(PUMP_SERIAL, file.pump.serial))
    first_seq = (wiring.clock.start_utc_ms + began_ms) & 0xFFFF
    session = _session(loaded, wiring, sink, seed)
    pump = Programmer(pump_link, session.channel, first_seq=first_seq, memory=session.memory)
    reader = None if session.reader is None else Programmer(pump_link, session.reader)
    tables = file.instruments.present()
    instruments = {
        role: driver_of(role, table, tap(role, table.link, settings_of(role, table)), wiring.clock)
        for role, table in tables.items()
    }

    def who(role: str) -> InstrumentIdentity:
        return identified(role, instruments[role].identify(), tables[role])

    early = {"supply": who("supply")} if "supply" in instruments else {}
    if early:
        _feed(instruments["supply"], file.instruments.supply)
    identity = _any_identity(loaded, pump, pump_link) if any_pump else identified_pump(loaded, pump.identify())
    identities = {role: early[role] if role in early else who(role) for role in instruments}
    for role, other in same_instrument(identities):
        raise BenchFault(f"{role}: {tables[role].link} leads to the {other}, {tables[other].link}; check the cables")
    return Bench(loaded, wiring.clock, pump, identity, instruments, identities, pump_link, reader, tuple(taps))


def same_instrument(identities: Mapping[str, InstrumentIdentity]) -> Iterator[tuple[str, str]]:
    """Roles that one and the same instrument answers for, each with the one before it: two links, one device."""
    seen: dict[tuple[str, str, str], str] = {}
    for role, told in identities.items():
        if not told.serial_number.strip("0"):
            continue  # some do not tell their number, and some say 0
        other = seen.setdefault((told.maker, told.model, told.serial_number), role)
        if other != role:
            yield role, other


def _feed(supply: Instrument, table: SupplyTable | None) -> None:
    """Feed the pump's electronics before anybody asks the pump: the safe state of the run before has switched them off.

    A supply that is on is left as somebody has set it.
    """
    assert isinstance(supply, Supply)  # noqa: S101 - the catalogue has it so
    assert table is not None  # noqa: S101 - there is a supply
    if not supply.is_on():
        supply.set(table.voltage_v, table.current_limit_a)
        supply.output(on=True)


def _session(loaded: LoadedBench, wiring: Wiring, sink: WireSink, seed: int) -> PumpSession:
    """As the bench file says, its keys told to ``sink``; a recording of a provisioned pump needs no key."""
    pump = loaded.file.pump
    if isinstance(wiring, ReplayWiring) and pump.session == "key-file":
        return wiring.session()
    session = open_session(pump.session, loaded.key_file, seed, wiring.clock.start_utc_ms)
    for channel in (session.channel, session.reader):
        if isinstance(channel, ProgrammerChannel):
            insecure = pump.session == "insecure-test-key"
            channel.on_session = partial(sink.session, "pump", key=channel.key, insecure=insecure)
    return session


def _present(role: str, table: Table | None) -> Table:
    if table is None:
        raise UsageError(f"the bench file has no [instruments.{role}]")
    return table


def _any_identity(loaded: LoadedBench, pump: Programmer, link: Link) -> Identity | PumpFault:
    """Who a pump is that may keep to no rule, by any Identity that it sends; or why that is not known.

    Raises PumpFault for a stranger, for one that says nothing that begins as its frames do, and for one of which
    nobody can tell whether it is the pump that the bench is for.
    """
    try:
        said = pump.identify()
    except PumpFault as fault:
        if loaded.file.pump.session != "open":
            raise
        wire = PumpWire(link)
        wire.listen(LONG_PATIENCE_MS)  # to the rest of what was asked in vain
        heard = wire.ask(Identify(), wait_ms=LONG_PATIENCE_MS)
        came = [each.message for each in (*heard.frames, *heard.others) if isinstance(each.message, Identity)]
        if not came and heard.speaks and loaded.file.pump.serial_number is None:
            return fault
        if not came:
            raise
        said = came[0]
    return identified_pump(loaded, said)


def identified_pump(loaded: LoadedBench, identity: Identity) -> Identity:
    """``identity``, if it is that of the pump that the bench is for. Raises PumpFault for a stranger."""
    table = loaded.file.pump
    if table.serial_number not in (None, identity.serial_number):
        raise PumpFault(
            f"{table.link}: pump {identity.serial_number} answers, but {loaded.path} is for "
            f"{table.serial_number}; connect that pump or correct pump.serial_number"
        )
    return identity


def identified(role: str, identity: InstrumentIdentity, table: InstrumentTable) -> InstrumentIdentity:
    """``identity``, if it is the one that ``table`` is for. Raises BenchFault for a stranger, UsageError for a slip."""
    wanted, fitting = table.serial_number, fitting_driver(role, table.driver, identity)
    if fitting != table.driver:
        raise UsageError(f'instruments.{role}.driver: {identity.maker} {identity.model} answers; write "{fitting}"')
    if wanted is not None and not identity.serial_number:
        raise UsageError(f"instruments.{role}.serial_number: it does not tell its number; leave the key out")
    if wanted not in (None, identity.serial_number):
        raise BenchFault(f"{role}: serial number {identity.serial_number} answers, but the bench file is for {wanted}")
    return identity
