"""What is known of a bench between runs: who uses it, and which of its instruments nobody has confirmed to be safe.

Two files for each resource, named by its key, whichever bench file it is in and however it is written there::

    KEY.held   a guard that the supervisor of a run holds: the system lets go of it when that process ends in any way;
               says which run it is, and of whom
    KEY.json   there from the first touch of an instrument that can do harm until it is confirmed to be safe
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from shlex import quote

from hil.benches.bench_file import LoadedBench
from hil.benches.safe_state import SafeStep, safe_states
from hil.durable import write_whole
from hil.errors import BenchFault, LinkError
from hil.links.console import CONSOLE
from hil.links.guard import take_guard
from hil.links.lock import ResourceLock
from hil.links.owner import Owner
from hil.links.resource_key import lasting_key, used_key
from hil.state_folder import state_folder

__all__ = ["BenchState"]

_DYING_S = 20.0
"""For so long a supervisor may be busy with instruments that do not answer, once its run has died."""
_PATIENCE_S = 2.0
"""Who looks at a bench holds it for a moment, and a process that has done its work takes a moment to end."""


@dataclass(frozen=True)
class _User:
    """Who began to use a bench, and for what."""

    runner: Owner
    run: str

    def __str__(self) -> str:
        return f"{self.runner} for {self.run}"


@dataclass(frozen=True)
class _NotSafe:
    """An instrument that is in use, or was not confirmed to be safe."""

    instrument: str
    link: str
    run: str
    problem: str
    """Nothing as long as nobody has tried to make it safe."""

    def __str__(self) -> str:
        return f"{self.instrument} ({self.link}) by {self.run}: {self.problem or 'its supervisor was killed'}"


class BenchState:
    """What is known of the resources of one bench."""

    def __init__(self, bench: LoadedBench, keys: Mapping[str, str] | None = None) -> None:
        """The state of ``bench``; ``keys`` are those that its resources had when the run began, if that is known."""
        self.bench_path = bench.path
        self.keys = dict(_keys(bench) if keys is None else keys)
        """Of each resource, by wire name. One that is not there now has none, and cannot be opened either."""
        self._links = bench.file.links()
        self._harmful = [role for role in safe_states(bench) if role in self.keys]
        self.descriptors: list[int] = []
        """What holds the bench; a process that inherits them goes on to hold it. None while it is not held."""

    def check(self) -> None:
        """Raises BenchFault if the bench is in use, or was not left in its safe state."""
        with self.held():
            self.refuse_if_not_safe()

    @contextmanager
    def held(self, run: str = "a look at it") -> Iterator[None]:
        """Hold the bench for ``run``.

        A supervisor whose runner has died is about to be done with it, and is waited for. Raises BenchFault if the
        bench is in use.
        """
        with ExitStack() as guards:
            guards.callback(self.descriptors.clear)
            for guard in self._guards():
                self.descriptors.append(self._take(guard))
                guards.callback(os.close, self.descriptors[-1])
                _sign(guard, run)
            yield

    def hold_for(self, run: str) -> None:
        """What the bench is held for is ``run`` from now on: whoever is refused is told so."""
        for guard in self._guards():
            _sign(guard, run)

    def refuse_if_not_safe(self) -> None:
        """Raises BenchFault if one of its instruments was not left in its safe state."""
        found = [_read(self.keys[role]) for role in self._harmful]
        left = "; ".join(str(each) for each in found if each is not None)
        if left:
            raise BenchFault(
                f"{self.bench_path}: the bench was not left in its safe state: {left}; "
                f"look at it, then confirm with: pumprig bench safe {quote(str(self.bench_path))}"
            )

    def refuse_if_locked(self) -> None:
        """Raises LinkError if another program uses one of its ports just now."""
        for wire in self.keys:
            ResourceLock(used_key(self._links[wire]), self._links[wire]).release()

    def begin(self, run: str) -> None:
        """From now on none of its instruments is safe. Raises BenchFault if that cannot be kept."""
        for role in self._harmful:
            self._keep(role, run, problem="")

    def end(self, run: str, steps: Iterable[SafeStep]) -> None:
        """Keep how ``run`` left the instruments, each for itself. Raises BenchFault if that cannot be kept."""
        faults = []
        for step in steps:
            if step.instrument not in self.keys:
                continue  # it was not there to be touched
            try:
                if step.problem:
                    self._keep(step.instrument, run, step.problem)
                else:
                    _path(self.keys[step.instrument], "json").unlink(missing_ok=True)
            except BenchFault as fault:
                faults.append(fault)
            except OSError as error:
                faults.append(_unwritable(error))
        if faults:
            raise faults[0]

    def _guards(self) -> list[Path]:
        return [_path(key, "held") for key in sorted(set(self.keys.values()))]

    def _take(self, path: Path) -> int:
        deadline = time.monotonic() + _DYING_S
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    return take_guard(path, patience_s=_PATIENCE_S)
                except BlockingIOError:
                    other = _user_in(path)
                    if other is None or not other.runner.is_dead() or time.monotonic() > deadline:
                        by = other or "another process"
                        raise BenchFault(f"{self.bench_path}: the bench is in use by {by}") from None
        except OSError as error:
            raise _unwritable(error) from error

    def _keep(self, role: str, run: str, problem: str) -> None:
        key = self.keys[role]
        said = asdict(_NotSafe(role, self._links[role], run, problem))
        try:
            state_folder().mkdir(parents=True, exist_ok=True)
            write_whole(_path(key, "json"), json.dumps({"key": key, **said}, indent=1).encode())
        except OSError as error:
            raise _unwritable(error) from error


def _keys(bench: LoadedBench) -> Iterator[tuple[str, str]]:
    for wire, link in bench.file.links().items():
        if link.startswith("sim:") or link == CONSOLE:
            continue
        try:
            yield wire, lasting_key(link)
        except LinkError:
            continue


def _path(key: str, kind: str) -> Path:
    return state_folder() / f"{sha256(key.encode()).hexdigest()[:16]}.{kind}"


def _sign(guard: Path, run: str) -> None:
    with suppress(OSError):  # it is held all the same, if only by a nameless process
        guard.write_text(json.dumps(asdict(_User(Owner.this_process(), run))), encoding="utf-8")


def _user_in(path: Path) -> _User | None:
    """Who holds the guard ``path``; None if that is just being written, or could not be."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return _User(Owner(**said["runner"]), said["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(key: str) -> _NotSafe | None:
    path = _path(key, "json")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        del said["key"]
        return _NotSafe(**said)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchFault(f"{path}: cannot be read ({error}); remove it once the bench was looked at") from error


def _unwritable(error: OSError) -> BenchFault:
    return BenchFault(
        f"{state_folder()}: cannot be written: {error.strerror or error}; PUMPRIG_STATE_DIR names another folder"
    )
