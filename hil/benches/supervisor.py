"""A process of its own that brings the bench to its safe state when the run ends, hangs or dies in any way.

::

    runner ── beat, every half second ──> supervisor ── end of the pipe, silence, "hung" or "release"
                                                                └──> safe state, read back

It opens no port before that, and is in a session of its own: what interrupts the runner does not reach it. It inherits
the bench from the run that holds it, and for as long as it lives it holds it as well.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hil.benches.bench_file import LoadedBench
from hil.benches.bench_state import BenchState
from hil.benches.safe_state import SafeStep, bring_to_safe_state, needs_a_safe_state
from hil.errors import BenchFault

__all__ = ["Supervisor", "main"]

_BEAT_S = 0.5
_SILENCE_S = 5.0
"""Ten beats: on a machine with much to do one is late now and then, and a run of two weeks must not end for that."""
_READY_S = 30.0
_RELEASE_S = 30.0
_CLOSING_S = 5.0
_BEAT, _RELEASE, _HUNG = b"b", b"r", b"h"


class Supervisor:
    """The runner's end: beats as long as the run makes progress, and hears at the end how the bench was left."""

    def __init__(self, bench: LoadedBench, state: BenchState, run: str) -> None:
        """Start the supervisor of ``bench``, which the run holds. Raises BenchFault if that cannot be done."""
        self._hang_s = bench.file.safe_state.hang_s
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hil.benches.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=state.descriptors,
        )
        task = {"bench": bench.model_dump_json(), "keys": state.keys, "run": run, "runner": os.getpid()}
        self._send(json.dumps(task).encode() + b"\n")
        if self._line(_READY_S) != "ready":
            said = self._kill()
            because = said[-1] if said else "it said nothing"
            raise BenchFault(f"{bench.path}: the supervisor did not start ({because}); nothing was touched")
        try:
            state.begin(run)
        except BenchFault:
            self._kill()  # before it sees the end of the pipe, and makes safe what nobody has touched
            raise
        self._touched = time.monotonic()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, name="supervisor beat", daemon=True).start()

    @classmethod
    def for_bench(cls, bench: LoadedBench, state: BenchState, run: str) -> "Supervisor | None":
        """A supervisor, if anything on the bench needs one."""
        return cls(bench, state, run) if needs_a_safe_state(bench) else None

    def touch(self) -> None:
        """The run makes progress."""
        self._touched = time.monotonic()

    def closing(self) -> None:
        """The run is closing its links: from now on it has a few seconds."""
        self._touched, self._hang_s = time.monotonic(), _CLOSING_S

    def release(self) -> list[SafeStep]:
        """The links are closed: have the bench brought to its safe state; gives what was read back."""
        self._ended.set()
        with suppress(OSError):
            self._send(_RELEASE)
        answer = self._line(_RELEASE_S)
        self._process.communicate(timeout=_RELEASE_S)
        if not answer:
            return [SafeStep("bench", "safe", "not known", "the supervisor did not say how it left the bench")]
        return [SafeStep(**step) for step in json.loads(answer)]

    def _kill(self) -> list[str]:
        """End a supervisor that is not needed; gives the lines of its errors."""
        self._process.kill()
        return self._process.communicate()[1].decode(errors="replace").strip().splitlines()

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_S):
            hangs = time.monotonic() - self._touched > self._hang_s
            with suppress(OSError):
                self._send(_HUNG if hangs else _BEAT)
            if hangs:
                return

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _line(self, timeout_s: float) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        return self._process.stdout.readline().decode().strip() if ready else ""


def main() -> None:
    """The supervisor itself: its task comes as the first line of its standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = json.loads(_first_line())
    bench = LoadedBench.model_validate_json(task["bench"])
    import hil.links.serial_port  # noqa: F401, PLC0415 - now, not when there is no time to lose

    print("ready", flush=True)
    _wait_for_the_end(task["runner"])
    leave_safe(bench, task)


def leave_safe(bench: LoadedBench, task: dict[str, Any]) -> None:
    """Bring the bench to its safe state, keep how it was left, and say so if anybody still listens."""
    steps = bring_to_safe_state(bench)
    with suppress(BenchFault):
        BenchState(bench, task["keys"]).end(task["run"], steps)
    folder = Path(task["run"])
    if folder.is_dir():
        with suppress(OSError):
            (folder / "safe-state.json").write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n")
    with suppress(OSError, ValueError):
        print(json.dumps([asdict(step) for step in steps]), flush=True)


def _first_line() -> bytes:
    """Byte by byte, so that no beat is swallowed with it."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _wait_for_the_end(runner: int) -> None:
    """Wait until the runner lets go, dies or hangs.

    The end of the pipe is the end of the runner. One that hangs by its own account, or falls silent, holds its ports:
    it is killed, and waited for until it is gone.
    """
    while True:
        ready, _, _ = select.select([0], [], [], _SILENCE_S)
        data = os.read(0, 4096) if ready else _HUNG
        if not data or _RELEASE in data:
            return
        if _HUNG in data:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(runner, signal.SIGKILL)
            while select.select([0], [], [], _SILENCE_S)[0] and os.read(0, 4096):
                pass
            return


if __name__ == "__main__":
    main()
