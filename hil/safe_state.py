"""What a bench is left in, whatever becomes of the run: each instrument told, and read back.

The pump is never touched: stopping therapy is not a safe state.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from hil.bench_file import LoadedBench
from hil.clock import WallClock
from hil.durable import write_whole
from hil.errors import BenchFault, RigError
from hil.instruments.bath_julabo import JulaboBath
from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.state_folder import state_folder

__all__ = ["BenchState", "SafeStep", "bring_to_safe_state", "is_confirmed", "needs_a_safe_state"]


@dataclass(frozen=True)
class SafeStep:
    """One instrument: what it should be, what it says that it is, and what went wrong if it is not."""

    instrument: str
    wanted: str
    found: str
    problem: str = ""


def needs_a_safe_state(bench: LoadedBench) -> bool:
    """Whether anything on the bench outlives this process and can be left in a state that is not safe."""
    bath = bench.file.instruments.bath
    return bath is not None and not bath.link.startswith("sim:")


def bring_to_safe_state(bench: LoadedBench) -> list[SafeStep]:
    """Tell every instrument that has a safe state, and read it back. Raises nothing: problems are in the steps."""
    return [_bath_made_safe(bench)] if needs_a_safe_state(bench) else []


def is_confirmed(steps: Iterable[SafeStep]) -> bool:
    """Whether every instrument says that it is as it should be."""
    return not any(step.problem for step in steps)


def _bath_made_safe(bench: LoadedBench) -> SafeStep:
    table, wanted = bench.file.instruments.bath, bench.file.safe_state.bath
    assert table is not None  # noqa: S101 - asked before
    said = f"{'running' if wanted.running else 'stopped'} at {wanted.set_point_c:.2f} C"
    settings = SerialSettings(**{**vars(JulaboBath.SERIAL), **table.serial.model_dump(exclude_none=True)})
    try:
        with open_link(table.link, settings) as link:
            bath = JulaboBath(link, WallClock())
            if not wanted.running:
                bath.stop()  # what heats first; each verb reads back what it set, and raises unless it is that
            bath.set_point(wanted.set_point_c)
            if wanted.running:
                bath.start()
    except RigError as error:
        return SafeStep("bath", said, "not known", str(error))
    return SafeStep("bath", said, said)


class BenchState:
    """What is known of a bench between runs: a small file for each set of links on this machine."""

    def __init__(self, bench: LoadedBench) -> None:
        """The state of the bench with these links."""
        links = json.dumps(bench.file.links(), sort_keys=True)
        self.bench_path = bench.path
        self.path = state_folder() / f"{sha256(links.encode()).hexdigest()[:16]}.json"

    def check(self) -> None:
        """Raises BenchFault if the bench is in use, or was not left in its safe state."""
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
        if kept is not None and not kept["safe"] and not kept["steps"] and _is_alive(kept["supervisor"]):
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
