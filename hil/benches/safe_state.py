"""What a bench is left in, whatever becomes of the run: each instrument told, and read back.

The pump is never touched: stopping therapy is not a safe state.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Thread

from hil.benches.bench_file import LoadedBench, SafeStateTable
from hil.clock import WallClock
from hil.errors import RigError
from hil.instruments.bath import Bath
from hil.instruments.catalogue import driver_of, settings_of
from hil.instruments.instrument import Instrument
from hil.instruments.pressure_controller import PressureController
from hil.instruments.supply import Supply
from hil.links.open_link import open_link

__all__ = ["SafeStep", "bring_to_safe_state", "is_confirmed", "needs_a_safe_state", "safe_states"]

_AT_MOST_S = 20.0
"""An unplugged instrument is waited for so long, and then given up: a lost port may be back within ten seconds."""


@dataclass(frozen=True)
class SafeStep:
    """One instrument: what it should be, what it says that it is, and what went wrong if it is not."""

    instrument: str
    wanted: str
    found: str
    problem: str = ""


def needs_a_safe_state(bench: LoadedBench) -> bool:
    """Whether anything on the bench outlives this process and can be left in a state that is not safe."""
    return bool(_roles(bench))


def safe_states(bench: LoadedBench) -> dict[str, str]:
    """What each instrument that can do harm is left in, in words."""
    links = bench.file.links()
    return {role: say(bench.file.safe_state) for role, (say, _) in _SAFE.items() if role in links}


def bring_to_safe_state(bench: LoadedBench, at_most_s: float = _AT_MOST_S) -> list[SafeStep]:
    """Tell every instrument that has a safe state, all at once, and read it back.

    None waits for another, and nothing waits longer than ``at_most_s``: the thread of an instrument that is still
    silent then is left to itself. Raises nothing: problems are in the steps.
    """
    done: dict[str, SafeStep] = {}
    threads = {role: Thread(target=_make_safe, args=(bench, role, done), daemon=True) for role in _roles(bench)}
    for thread in threads.values():
        thread.start()
    deadline = time.monotonic() + at_most_s
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    said = safe_states(bench)
    late = f"{{}}: gave no answer within {at_most_s:g} s"
    links = bench.file.links()
    return [done.get(role) or SafeStep(role, said[role], "not known", late.format(links[role])) for role in threads]


def is_confirmed(steps: Iterable[SafeStep]) -> bool:
    """Whether every instrument says that it is as it should be."""
    return not any(step.problem for step in steps)


def _roles(bench: LoadedBench) -> list[str]:
    """Real instruments that can do harm; those that take pressure and current off the pump first."""
    links = bench.file.links()
    return [role for role in _SAFE if role in links and not links[role].startswith("sim:")]


def _make_safe(bench: LoadedBench, role: str, done: dict[str, SafeStep]) -> None:
    try:
        done[role] = _made_safe(bench, role)
    except Exception as error:  # noqa: BLE001 - whatever it is: the other instruments, and the report, must not miss it
        said = safe_states(bench)[role]
        done[role] = SafeStep(role, said, "not known", f"{type(error).__name__}: {error}")


def _made_safe(bench: LoadedBench, role: str) -> SafeStep:
    table = bench.file.instruments.present()[role]
    say, act = _SAFE[role]
    said = say(bench.file.safe_state)
    try:
        with open_link(table.link, settings_of(role, table)) as link:
            act(driver_of(role, table, link, WallClock()), bench.file.safe_state)
    except RigError as error:
        return SafeStep(role, said, "not known", str(error))
    return SafeStep(role, said, said)


# Each verb below reads back what it has set, and raises unless the instrument says that it is so.


def _leave_bath(bath: Instrument, wanted: SafeStateTable) -> None:
    assert isinstance(bath, Bath)  # noqa: S101 - the catalogue has it so
    if not wanted.bath.running:
        bath.stop()  # what heats first
    bath.set_point(wanted.bath.set_point_c)
    if wanted.bath.running:
        bath.start()


def _say_bath(wanted: SafeStateTable) -> str:
    return f"{'running' if wanted.bath.running else 'stopped'} at {wanted.bath.set_point_c:.2f} C"


def _vent(controller: Instrument, _: SafeStateTable) -> None:
    assert isinstance(controller, PressureController)  # noqa: S101 - the catalogue has it so
    controller.vent()


def _leave_supply(supply: Instrument, wanted: SafeStateTable) -> None:
    assert isinstance(supply, Supply)  # noqa: S101 - the catalogue has it so
    supply.output(on=wanted.supply.output)


_SAFE: Mapping[str, tuple[Callable[[SafeStateTable], str], Callable[[Instrument, SafeStateTable], None]]] = {
    "outlet_pressure": (lambda _: "vented", _vent),
    "ambient_pressure": (lambda _: "vented", _vent),
    "supply": (lambda wanted: f"output {'on' if wanted.supply.output else 'off'}", _leave_supply),
    "bath": (_say_bath, _leave_bath),
}
"""What each role is left in: how that is said, and how it is done. Balances and multimeters cannot do harm."""
