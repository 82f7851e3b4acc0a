"""Files where the user wants them: whatever the disk has against it is one line, which says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.errors import BenchFault, UsageError

__all__ = ["check_writable", "writing_to"]

_FULL_OR_BROKEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """What is written inside belongs to ``path``, as the user named it.

    Raises UsageError if nothing can be written there, BenchFault if the disk is full or broken.
    """
    try:
        yield
    except OSError as error:
        what = f"{path}: cannot be written: {error.strerror or error}"
        if error.errno in _FULL_OR_BROKEN:
            raise BenchFault(f"{what}; make room, or name another place") from error
        raise UsageError(f"{what}; name another place") from error


def check_writable(path: Path) -> None:
    """Find out now whether a file can be written there, and not after hours of work. Raises UsageError, BenchFault."""
    trial = path.with_name(f".{path.name}.trial")
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        trial.touch()
        trial.unlink()
