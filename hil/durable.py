"""Files that are there as a whole or not at all, also after the power has failed."""

import errno
import os
from pathlib import Path

__all__ = ["append_whole", "sync_folder", "write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` into ``path``: whoever looks sees what was there before, or all of it. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_whole(descriptor: int, data: bytes) -> None:
    """Add ``data`` at the end of a file; it is on the disk when this returns. Raises OSError.

    Of what could not be written whole nothing stays: when there is room again, the next one would go behind it.
    """
    size = os.fstat(descriptor).st_size
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def sync_folder(path: Path) -> None:
    """Wait until the disk knows the names in folder ``path``, which a file's own sync does not do. Raises OSError."""
    if os.name != "posix":
        return  # a folder cannot be opened there; its names are journalled
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have nothing to sync for a folder
            raise
    finally:
        os.close(folder)
