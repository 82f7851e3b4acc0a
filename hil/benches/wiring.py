"""How the wires of a bench are opened, and in whose time they run: the one place where the targets differ.

A procedure never sees this module. It gets a bench whose links and clock came from one of these:

======================  ============================  ===========================================
wiring                  links                         bench time
======================  ============================  ===========================================
``SimulatedWiring``     devices in this process       virtual, moves when somebody waits
``PortWiring``          serial ports, sockets, VISA   the wall clock; or that of a served bench
``ReplayWiring``        a recording                   as it was recorded
======================  ============================  ===========================================
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from firmware_model.faults.injection import Injection, parse_injection
from hil.benches.bench_file import LoadedBench
from hil.clock import Clock, WallClock
from hil.errors import UsageError
from hil.links.console import CONSOLE, ConsoleLink
from hil.links.faulty import FaultyDevice, FaultyLink
from hil.links.link import Link
from hil.links.open_link import open_link
from hil.links.port_link import PortLink
from hil.links.serial_settings import SerialSettings
from hil.links.virtual import VirtualLink
from hil.links.wire_faults import parse_wire_faults
from hil.pump.pump_session import PumpSession
from hil.recording.reader import Recording
from hil.recording.replay import ReplayClock, ReplayLink
from hil.recording.replayed_session import ReplayedChannel, ReplayedMemory
from hil.virtual_bench.bench_faults import KNOWN_FAULTS
from hil.virtual_bench.control import ControlClient, Hello, LockStepClock

if TYPE_CHECKING:  # a real bench needs no simulation, which is slow to import
    from hil.virtual_bench.world import World

__all__ = ["PortWiring", "ReplayWiring", "SimulatedWiring", "VirtualClock", "Wiring", "check_served"]


class Wiring(Protocol):
    """Links by wire name, and the clock they share."""

    clock: Clock

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:
        """Open the link of one device. Raises LinkError naming the resource."""

    def close(self) -> None:
        """Give back what is not a link: a world, a control port, a recording."""


class VirtualClock:
    """The time of a world in this process: sleeping moves the world on."""

    def __init__(self, world: "World") -> None:
        """Drive ``world``."""
        self._world = world
        self.start_utc_ms = world.start_utc_ms

    def now_ms(self) -> int:
        """Bench time now, in ms."""
        return self._world.now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Let ``duration_ms`` of bench time pass."""
        if duration_ms > 0:
            self._world.advance_to(self._world.now_ms + duration_ms)


class SimulatedWiring:
    """The whole bench in this process."""

    def __init__(
        self, bench: LoadedBench, seed: int, injections: Sequence[str], wire_faults: Sequence[str] = ()
    ) -> None:
        """Build the world that the bench file states, and put faults into its wires."""
        from hil.virtual_bench.world import World  # noqa: PLC0415

        self._world = World(bench, seed=seed, injections=_parse(injections))
        self._seed, self._faults = seed, parse_wire_faults(wire_faults, bench.file.links())
        self.clock: Clock = VirtualClock(self._world)

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:  # noqa: ARG002 - a virtual wire has no baud rate
        """Plug into the simulated device."""
        world = self._world
        device = world.devices[wire]
        if not any(fault.concerns(wire) for fault in self._faults):
            return VirtualLink(resource, device, lambda: world.now_ms, world.advance_to)
        faulty = FaultyDevice(device, wire, self._faults, self._seed)
        return FaultyLink(resource, faulty, lambda: world.now_ms, world.advance_to)

    def close(self) -> None:
        """Nothing is left behind."""


class PortWiring:
    """Real ports, whatever stands behind them; a served bench is asked for its time."""

    def __init__(
        self, bench: LoadedBench, seed: int, injections: Sequence[str], *, begun_on: str | None = None
    ) -> None:
        """Find out in whose time the bench runs. Raises BenchFault if a served bench is not there.

        ``begun_on`` is the server's instance, "" for a real bench, if this run was begun by a process that is gone:
        what it injected then is still there, unless the server was started again.
        """
        self._control: ControlClient | None = None
        self._in_lock_step = False
        self.asking: Callable[[], AbstractContextManager[None]] = nullcontext
        """What a question to a person at the terminal is asked in."""
        self.served_by = ""
        """Which server's world it is; nothing for a real bench."""
        self.lives_on = True
        """Whether the bench outlives this process."""
        self.is_as_left = begun_on is not None
        """Whether it is the very bench that an interrupted process has left."""
        if bench.file.serve is None:
            if injections:
                raise UsageError("--inject needs a simulated bench: nothing can be injected into real instruments")
            self.clock: Clock = WallClock()
            return
        _parse(injections)  # a typing mistake should not need a served bench to be found
        self._control = ControlClient(bench.file.serve.control)
        try:
            self.clock = self._take_over(self._control, bench, seed, injections, begun_on)
        except BaseException:
            self._control.close()
            raise

    def _take_over(
        self, control: ControlClient, bench: LoadedBench, seed: int, injections: Sequence[str], begun_on: str | None
    ) -> Clock:
        hello = _fitting(control, bench, seed)
        self.served_by, self.lives_on = hello.instance, hello.time == "real"
        self.is_as_left = self.lives_on and begun_on == hello.instance
        if hello.time == "lock-step":
            control.reset(seed, injections)
            self._in_lock_step = True
            return LockStepClock(control, hello.start_utc_ms)
        for injection in () if self.is_as_left else injections:
            control.inject(injection)
        return WallClock(hello.rate)

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:
        """Open the port that the bench file names."""
        if resource.startswith("sim:"):
            raise UsageError(f"{wire}: link {resource} is simulated in process; run with --target sim")
        if resource == CONSOLE:
            return ConsoleLink(resource, self.asking)
        link = open_link(resource, serial)
        if isinstance(link, PortLink) and self._in_lock_step:
            link.slept_ms = self.clock.now_ms
        return link

    def close(self) -> None:
        """Leave a served bench to the next client."""
        if self._control is not None:
            self._control.close()


def check_served(bench: LoadedBench, seed: int) -> None:
    """Raise BenchFault if ``bench`` is served and not there, UsageError if it does not fit; nothing is changed."""
    if bench.file.serve is None:
        return
    control = ControlClient(bench.file.serve.control)
    try:
        _fitting(control, bench, seed)
    finally:
        control.close()


def _fitting(control: ControlClient, bench: LoadedBench, seed: int) -> Hello:
    """What the server says of itself, if it serves what ``bench`` states. Raises UsageError if not."""
    hello = control.hello()
    if hello.digest != bench.world_digest():
        raise UsageError(
            f"{bench.path}: the bench served at {control.address} ({hello.name}) simulates another world or pump "
            "than this file states; serve this file, or run with the file that is served"
        )
    if hello.time == "real" and hello.seed != seed:
        raise UsageError(f"the bench at {control.address} is served with seed {hello.seed}; run with that --seed")
    return hello


class ReplayWiring:
    """A recording in the place of the bench."""

    def __init__(self, recording: Recording) -> None:
        """Play ``recording``."""
        self._recording = recording
        self._clock = ReplayClock(self._recording)
        self.clock: Clock = self._clock

    def session(self) -> PumpSession:
        """Sessions under a key that is not in the recording, as they were. Raises RecordingError if it has none."""
        channel = ReplayedChannel(self._recording, self._clock.tape)
        return PumpSession(channel, ReplayedMemory(channel, self._clock.tape))

    def open(self, wire: str, resource: str, serial: SerialSettings) -> Link:  # noqa: ARG002 - the wire's bytes are recorded
        """Listen to what was recorded on ``wire``."""
        return ReplayLink(self._recording, wire, self._clock)

    def close(self) -> None:
        """Nothing is left behind."""


def _parse(injections: Sequence[str]) -> list[Injection]:
    return [parse_injection(text, KNOWN_FAULTS) for text in injections]
