"""What a run has done so far, one line of JSON each, on the disk before anybody acts on it.

===============  ==============================================================================================
entry            says
===============  ==============================================================================================
``part``         a process took the run up: which recording it fills, and at which bench time
``devices``      who answered on the wires
``begun``        an attempt at a procedure began
``measured``     a measurement of it was taken and judged
``kept``         something that a procedure wants to go on from, such as a weighing of a long collection
``finished``     the attempt ended: its whole page, with outcome, measurements and figures
``unfinished``   a fault of the bench ended the attempt: it is for a resumed run to begin again
``quarantined``  the pump failed: nothing more is run
===============  ==============================================================================================
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil.durable import append_whole, sync_folder
from hil.errors import RecordingError, UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["JOURNAL", "RunJournal", "cut_torn_line", "read_journal"]

JOURNAL = "journal.jsonl"


class RunJournal:
    """The journal of a run while a process works on it; a second process is refused."""

    def __init__(self, path: Path) -> None:
        """Begin the journal at ``path``, or go on with it.

        A last line that is not whole was never acknowledged: it is cut off. Raises UsageError if another process
        works on the run, RecordingError if the file cannot be written.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            _lock(self._descriptor, path)
            cut_torn_line(self._descriptor)
            sync_folder(path.parent)
        except OSError as error:
            self.close()
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error
        except UsageError:
            self.close()
            raise

    def append(self, entry: str, **said: Any) -> None:
        """Write one line; it is on the disk when this returns. Raises RecordingError."""
        line = json.dumps({"entry": entry, **said}, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        try:
            append_whole(self._descriptor, line)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Let another process have it. Closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line. Raises RecordingError (file:line) for one that is not ours."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            return  # torn by a kill or a power failure, and so never acknowledged
        try:
            entry = json.loads(line)
            entry["entry"]
        except (ValueError, TypeError, KeyError):
            raise RecordingError(f"{path}:{number}: is no line of a run's journal") from None
        yield entry


def cut_torn_line(descriptor: int) -> None:
    """Cut off what is behind the last end of a line. Raises OSError."""
    size = os.fstat(descriptor).st_size
    at, block = size, 4096
    while at > 0:
        begin = max(0, at - block)
        os.lseek(descriptor, begin, os.SEEK_SET)
        found = os.read(descriptor, at - begin).rfind(b"\n")
        if found >= 0:
            at = begin + found + 1
            break
        at = begin
    if at < size:
        os.ftruncate(descriptor, at)
        os.fsync(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """For as long as this process lives."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path.parent}: another process is working on this run") from None
