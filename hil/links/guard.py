"""A guard over files: one process at a time, and free again the moment that process ends, however it ends."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["guarded", "take_guard"]

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
    descriptor = take_guard(path, patience_s=_PATIENCE_S)
    try:
        os.utime(path)
        yield path.stat().st_mtime
    finally:
        os.close(descriptor)


def take_guard(path: Path, *, patience_s: float) -> int:
    """A descriptor that holds the guard file ``path`` for as long as any process has it open.

    Raises BlockingIOError if others hold it all the while, OSError if there can be no such file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with suppress(OSError):  # another user's, who has done so
        path.chmod(0o666)  # it holds nothing: whoever may write into the folder may guard it
    give_up = time.monotonic() + patience_s
    while True:
        try:
            _lock(descriptor)
        except OSError:
            if time.monotonic() >= give_up:
                os.close(descriptor)
                raise
            time.sleep(_RETRY_S)
        else:
            return descriptor
