"""Runs in forked children that are killed at a chosen or random moment, and what they had acknowledged until then.

A child tells through a pipe of every record and journal line whose write has returned: that, and no less, must be
found in its folder afterwards.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hil.runs.run_documents
import hil.runs.run_procedures
import hil.virtual_bench.world  # noqa: F401 - what a child would import again and again
from hil.recording.reader import Recording
from hil.recording.writer import RecordingWriter
from hil.runs.observer import Silent
from hil.runs.run_folder import RunFolder
from hil.runs.run_journal import RunJournal, read_journal
from hil.runs.run_procedures import run_procedures
from hil.runs.run_settings import RunSettings
from tests.system.forks import forked

__all__ = ["End", "found_in", "only_run", "run_in_child"]


@dataclass(frozen=True)
class End:
    """How a child ended, and what it had acknowledged."""

    killed: bool
    exit_code: int
    records: list[tuple[str, str, str, int, str]]
    """File, wire, direction, bench time and bytes (hexadecimal) of every record."""
    entries: list[dict[str, Any]]
    """Every line of the journal."""


def run_in_child(settings: RunSettings, *, kill_at: int | None = None, kill_after_s: float | None = None) -> End:
    """Run in a forked child; kill -9 before or after its write number ``kill_at``, or after a while."""
    reading, writing = os.pipe()

    def run() -> int:
        _tell_of_writes(writing, kill_at)
        return run_procedures(settings, Silent()).exit_code

    child = forked(run)
    os.close(writing)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    told = [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return End(
        killed=os.WIFSIGNALED(status),
        exit_code=os.WEXITSTATUS(status),
        records=[(each[1], each[2], each[3], each[4], each[5]) for each in told if each[0] == "record"],
        entries=[each[1] for each in told if each[0] == "entry"],
    )


def found_in(folder: Path) -> End:
    """What the folder of a run holds."""
    records = [
        (path.name, record.wire, str(record.direction), record.time_ms, record.data.hex())
        for path in sorted(folder.glob("run*.mcap"), key=lambda path: int(path.stem.partition("-")[2] or 1))
        if path.stat().st_size > 100
        for record in Recording.open(path).records
    ]
    journal = folder / "journal.jsonl"
    return End(
        killed=False, exit_code=0, records=records, entries=list(read_journal(journal)) if journal.exists() else []
    )


def only_run(out: Path) -> Path | None:
    """The only run folder in ``out``, if there is one yet."""
    folders = list(out.iterdir()) if out.exists() else []
    assert len(folders) <= 1
    return folders[0] if folders else None


def _tell_of_writes(pipe: int, kill_at: int | None) -> None:
    count = 0

    def wrapped(real: Callable[..., Any], say: Callable[..., list[Any] | None]) -> Callable[..., Any]:
        def write(self: Any, *given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == kill_at and count % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(self, *given, **named)
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            said = say(self, *given, **named)
            if said is not None:
                os.write(pipe, json.dumps(said).encode() + b"\n")
            return done

        return write

    def record(self: RecordingWriter, wire: str, direction: str, time_ms: int, data: bytes) -> list[Any]:
        return ["record", self.path.name, wire, direction, time_ms, data.hex()]

    def entry(self: RunJournal, kind: str, **said: Any) -> list[Any]:  # noqa: ARG001
        return ["entry", {"entry": kind, **said}]

    RecordingWriter.write = wrapped(RecordingWriter.write, record)  # type: ignore[method-assign]
    RunJournal.append = wrapped(RunJournal.append, entry)  # type: ignore[method-assign]
    RunFolder.write = wrapped(RunFolder.write, lambda *_: None)  # type: ignore[method-assign]
    RunFolder.audit = wrapped(RunFolder.audit, lambda *_, **__: None)  # type: ignore[method-assign]
