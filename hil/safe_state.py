"""What a bench is left in, whatever becomes of the run: each instrument told, and read back.

The pump is never touched: stopping therapy is not a safe state.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from threading import Thread
from typing import Any

from hil.bench_file import LoadedBench, SafeStateTable
from hil.clock import WallClock
from hil.durable import write_whole
from hil.errors import BenchFault, RigError
from hil.instruments.bath import Bath
from hil.instruments.catalogue import driver_of, settings_of
from hil.instruments.instrument import Instrument
from hil.instruments.pressure_controller import PressureController
from hil.instruments.supply import Supply
from hil.links.open_link import open_link
from hil.state_folder import state_folder

__all__ = ["BenchState", "SafeStep", "bring_to_safe_state", "is_confirmed", "needs_a_safe_state", "safe_states"]

_AT_MOST_S = 20.0
"""An unplugged instrument is waited for so long, and then given up: a lost port may be back within ten seconds."""

_LOOK_EVERY_S = 0.05


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


class BenchState:
    """What is known of a bench between runs: a small file for each set of links on this machine."""

    def __init__(self, bench: LoadedBench) -> None:
        """The state of the bench with these links."""
        links = json.dumps(bench.file.links(), sort_keys=True)
        self.bench_path = bench.path
        self.path = state_folder() / f"{sha256(links.encode()).hexdigest()[:16]}.json"

    def check(self) -> None:
        """Raises BenchFault if the bench is in use, or was not left in its safe state.

        A supervisor whose runner has died is about to be done with it, and is waited for.
        """
        deadline = time.monotonic() + _AT_MOST_S
        while (held := self._read()) is not None and _is_held(held) and not _is_alive(held["runner"]):
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_EVERY_S)
        self.refuse_if_in_use()
        kept = self._read()
        if kept is None or kept["safe"]:
            return
        problems = (
            "; ".join(step["problem"] for step in kept["steps"] if step["problem"]) or "its supervisor was killed"
        )
        raise BenchFault(
            f"{self.bench_path}: the bench was not left in its safe state by {kept['run']}: {problems}; "
            f"look at it, then confirm with: pumprig bench safe {self.bench_path}"
        )

    def refuse_if_in_use(self) -> None:
        """Raises BenchFault if a run holds the bench."""
        kept = self._read()
        if kept is not None and _is_held(kept):
            raise BenchFault(f"{self.bench_path}: the bench is in use by process {kept['runner']} ({kept['run']})")

    def write(self, *, safe: bool, run: str, runner: int, supervisor: int, steps: list[SafeStep]) -> None:
        """Keep it. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"bench": self.bench_path, "safe": safe, "run": run, "runner": runner, "supervisor": supervisor}
        write_whole(self.path, json.dumps({**kept, "steps": [asdict(step) for step in steps]}, indent=1).encode())

    def _read(self) -> dict[str, Any] | None:
        try:
            kept: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BenchFault(
                f"{self.path}: cannot be read ({error}); remove it once the bench was looked at"
            ) from error
        return kept


def _is_held(kept: Mapping[str, Any]) -> bool:
    """Whether a supervisor has not yet said how the bench was left."""
    return not kept["safe"] and not kept["steps"] and _is_alive(kept["supervisor"])


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
