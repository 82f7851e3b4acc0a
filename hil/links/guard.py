"""A guard over a folder: one process at a time, and free again the moment that process ends, however it ends."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["guarded"]

_PATIENCE_S = 5.0
_RETRY_S = 0.005

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def guarded(path: Path) -> Iterator[float]:
    """Hold the guard file ``path``; gives the time by its file system's own clock, in s since 1970.

    That clock dates every file in the folder, also where machines share it whose own clocks differ. Raises OSError if
    the guard cannot be had within 5 s: a process that holds it was stopped.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                _lock(descriptor)
                break
            except OSError:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_RETRY_S)
        os.utime(path)
        with suppress(OSError):  # another user's, who has done so
            path.chmod(0o666)  # it holds nothing: whoever may write into the folder may guard it
        yield path.stat().st_mtime
    finally:
        os.close(descriptor)
