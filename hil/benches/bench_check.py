"""Whether a bench can be used: a line for each device, and none stops the others.

::

    each link of the bench file:  locked by another? -> said, not opened    else -> opened, asked who it is, asked again

All are asked at once, so that a silent one costs no time of the others. Identities, states and one reading are asked
for; nothing is set, and the time of a served bench is left alone. (A multimeter is not read: it would change its
function.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import NamedTuple

from hil.bench import PUMP_SERIAL, identified, identified_pump, same_instrument
from hil.benches.bench_file import LoadedBench
from hil.benches.bench_state import BenchState
from hil.benches.calibration import Calibration
from hil.benches.check_line import CheckLine, Timing, timed
from hil.benches.instrument_tables import InstrumentTable
from hil.benches.safe_state import safe_states
from hil.benches.wiring import SimulatedWiring
from hil.clock import Clock, WallClock
from hil.errors import RigError, UsageError
from hil.instruments.balance import Balance
from hil.instruments.bath import Bath
from hil.instruments.catalogue import driver_of, serial_settings, settings_of
from hil.instruments.identity import InstrumentIdentity
from hil.instruments.instrument import Instrument
from hil.instruments.pressure_controller import PressureController
from hil.instruments.supply import Supply
from hil.links.console import CONSOLE
from hil.links.impatient import ImpatientLink
from hil.links.link import Link
from hil.links.lock import held_locks
from hil.links.open_link import open_link
from hil.links.resource_key import used_key
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import Programmer
from hil.pump.pump_session import open_session
from hil.virtual_bench.control import ControlClient, Hello

__all__ = ["check_bench"]

_SEED = 1
_UNTOUCHED = "untouched"
_OFF = "output off"


class Told(NamedTuple):
    """Who answers over a link, what it is set to, how fast it is, and what is wrong with it if anything is."""

    who: str
    state: str
    timing: Timing | None
    problem: str


Ask = Callable[[Link], Told]
Look = Callable[[], CheckLine]


@dataclass(frozen=True)
class _Served:
    """The server behind the links, if there is one."""

    line: CheckLine | None = None
    seed: int = _SEED


def check_bench(loaded: LoadedBench) -> list[CheckLine]:
    """The bench as a whole, then each device. Raises nothing that a bench can cause."""
    check = _Check(loaded)
    bench = [check.left_safe(), *([] if check.served.line is None else [check.served.line])]
    tables = loaded.file.instruments.present()
    looks: dict[str, Look] = {"pump": check.pump}
    looks |= {role: partial(check.instrument, role, table) for role, table in tables.items()}
    lines = _at_once(looks, {wire: link for wire, link in loaded.file.links().items() if not link.startswith("sim:")})
    pump, *instruments = (check.distinct(lines[wire]) for wire in looks)
    if pump.problem and any(line.state == _OFF for line in instruments if line.name == "supply"):
        pump = replace(pump, problem=f"{pump.problem} (the supply is off now; a run switches it on)")
    return [*bench, pump, *instruments]


class _Check:
    """One look at a bench."""

    def __init__(self, loaded: LoadedBench) -> None:
        self._loaded = loaded
        self._simulated = _simulated(loaded)
        self.served = _served(loaded)
        self._clock: Clock = WallClock() if self._simulated is None else self._simulated.clock
        self._identities: dict[str, InstrumentIdentity] = {}
        self._calibration = Calibration.of(loaded.file.instruments, {})
        self._safe = safe_states(loaded)

    def left_safe(self) -> CheckLine:
        """Whether anybody uses it, and how the last run left it."""
        if not any(not link.startswith("sim:") for link in self._loaded.file.links().values()):
            return CheckLine("bench", found="simulated inside each run")
        try:
            BenchState(self._loaded).check()
        except RigError as error:
            return CheckLine("bench", problem=str(error))
        return CheckLine("bench", found="free; no run left it otherwise than safe")

    def pump(self) -> CheckLine:
        """The pump: who it is, and how fast it tells its status."""
        table = self._loaded.file.pump

        def ask(link: Link) -> Told:
            session = open_session(table.session, self._loaded.key_file, self.served.seed, self._clock.start_utc_ms)
            first_seq = WallClock().start_utc_ms & 0xFFFF
            pump = Programmer(link, session.channel, first_seq=first_seq, memory=session.memory)
            told = pump.identify()
            who = f"{told.model} {told.serial_number}, firmware {told.firmware_version}"
            timing, problem = timed(pump.read_status)
            return Told(who, "", timing, problem or _problem(lambda: identified_pump(self._loaded, told)))

        return self._line("pump", table.link, serial_settings(PUMP_SERIAL, table.serial), ask, safe=_UNTOUCHED)

    def instrument(self, role: str, table: InstrumentTable) -> CheckLine:
        """An instrument: who it is, how fast it says so, its calibration and what it is left in."""

        def ask(link: Link) -> Told:
            if table.link == CONSOLE:
                return Told("a person at this terminal, not asked", "", None, "")
            driver = driver_of(role, table, link, self._clock)
            told = driver.identify()
            who = " ".join(filter(None, (told.maker, told.model, told.serial_number, told.version)))
            self._identities[role] = told
            timing, problem = timed(driver.greet)
            problem = problem or _problem(lambda: identified(role, told, table))
            state = ""
            try:
                if not problem:
                    state, problem = _state_of(driver)
            except RigError as error:
                problem = str(error)
            return Told(who or "nameless", state, timing, problem)

        world, due = self._loaded.file.world, table.calibration_due
        today = datetime.now(UTC).date() if world is None else world.start_utc.astimezone(UTC).date()
        calibration = f"due {due}" if due is not None else "not stated" if table.is_measuring else ""
        overdue = self._calibration.objection(today, [role])
        return self._line(
            role, table.link, settings_of(role, table), ask, safe=self._safe.get(role, ""), calibration=calibration,
            overdue=overdue,
        )  # fmt: skip

    def distinct(self, line: CheckLine) -> CheckLine:
        """``line``, with a problem if its instrument is the one behind another link."""
        links = self._loaded.file.links()
        others = dict(same_instrument({role: self._identities[role] for role in links if role in self._identities}))
        if line.name not in others or line.problem:
            return line
        other = others[line.name]
        return replace(line, problem=f"this is the {other}, which {links[other]} leads to as well; check the cables")

    def _line(
        self,
        name: str,
        link: str,
        serial: SerialSettings,
        ask: Ask,
        *,
        safe: str,
        calibration: str = "",
        overdue: str = "",
    ) -> CheckLine:
        lock, problem = _lock_on(link)
        told = Told("", "", None, problem)
        if not problem:
            try:
                with ImpatientLink(self._opened(name, link, serial)) as opened:
                    told = ask(opened)
            except (RigError, ValueError) as error:
                told = Told("", "", None, str(error))
        problem = "; ".join(filter(None, (told.problem, overdue)))
        return CheckLine(name, told.who, problem, told.state, link, told.timing, calibration, safe, lock)

    def _opened(self, name: str, link: str, serial: SerialSettings) -> Link:
        if not link.startswith("sim:"):
            return open_link(link, serial)
        if self._simulated is None:
            raise UsageError(f"{link}: is simulated, but the bench file has no [world]")
        return self._simulated.open(name, link, serial)


def _simulated(loaded: LoadedBench) -> SimulatedWiring | None:
    """A world for the devices that live inside a run, if there are any."""
    if any(link.startswith("sim:") for link in loaded.file.links().values()):
        return SimulatedWiring(loaded, _SEED, ())
    return None


def _served(loaded: LoadedBench) -> _Served:
    """What the server says of itself; it is asked nothing that moves its world."""
    if loaded.file.serve is None:
        return _Served()
    try:
        control = ControlClient(loaded.file.serve.control)
        try:
            hello: Hello = control.hello()
        finally:
            control.close()
    except RigError as error:
        return _Served(CheckLine("served bench", problem=str(error)))
    pace = "in lock step" if hello.time == "lock-step" else f"at {hello.rate:g} times real time"
    problem = (
        "" if hello.digest == loaded.world_digest() else "it simulates another world or pump than this file states"
    )
    return _Served(CheckLine("served bench", f"{hello.name}, {pace}, seed {hello.seed}", problem), hello.seed)


def _lock_on(link: str) -> tuple[str, str]:
    """Who holds ``link``, and that as a problem if it is another living process."""
    if link.startswith("sim:") or link == CONSOLE:
        return "", ""
    try:
        key, locks = used_key(link), held_locks()
    except RigError:
        return "", ""  # opening it says what is wrong
    for lock in locks:
        if lock.key == key and lock.is_stale:
            return f"left behind by {lock.owner}", ""
        if lock.key == key:
            return f"held by {lock.owner}", f"in use by {lock.owner} since {lock.since}; not opened"
    return "free", ""


def _state_of(driver: Instrument) -> tuple[str, str]:
    """What an instrument is set to and what it reads, and what is wrong with it by its own word."""
    if isinstance(driver, Balance):
        weighing = driver.weigh()
        return f"{weighing.mass_g:.5f} g{'' if weighing.stable else ', not at rest'}", ""
    if isinstance(driver, Bath):
        state = f"{'running' if driver.running() else 'stopped'} at {driver.set_point_c():.2f} C"
        trouble = driver.trouble()
        return f"{state}, water {driver.temperature_c():.2f} C", trouble and f"it says {trouble}"
    if isinstance(driver, PressureController):
        state = f"controlling to {driver.set_point_kpa():.3f} kPa" if driver.is_controlling() else _OFF
        return f"{state}, {driver.pressure_kpa():.3f} kPa", ""
    if isinstance(driver, Supply):
        return (f"output on, {driver.voltage_v():.3f} V" if driver.is_on() else _OFF), ""
    return "", ""


def _at_once(looks: Mapping[str, Look], real: Mapping[str, str]) -> dict[str, CheckLine]:
    """All lines by wire: of ``real`` devices at once, of those that share a simulated world one after the other."""
    lines: dict[str, CheckLine] = {}

    def look(wire: str) -> None:
        try:
            lines[wire] = looks[wire]()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end with its thread
            lines[wire] = CheckLine(wire, problem=f"{type(error).__name__}: {error}", link=real[wire])

    threads = [Thread(target=look, args=(wire,), daemon=True) for wire in real]
    for thread in threads:
        thread.start()
    lines |= {wire: one() for wire, one in looks.items() if wire not in real}
    for thread in threads:
        thread.join()
    return lines


def _problem(check: Callable[[], object]) -> str:
    try:
        check()
    except RigError as error:
        return str(error)
    return ""
