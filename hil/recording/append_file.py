"""A file that only grows: every append has reached the system when it returns, or nothing more is taken."""

import os
import time
from pathlib import Path

from hil.durable import sync_folder
from hil.errors import RecordingError

__all__ = ["AppendFile"]


class AppendFile:
    """A new file, written without any buffer of this process: a kill loses nothing that was appended.

    The first failure is the last: a disk that is full may take a shorter record later, and the file would then
    look whole with a hole in it. So every later append or sync raises the same error again. One thread appends;
    another may sync.
    """

    def __init__(self, path: Path) -> None:
        """Create ``path``. Raises RecordingError if that fails, or if it exists."""
        self.path = path
        self._failure: str | None = None
        self._named = False
        self._writing_since: float | None = None
        self._syncing_since: float | None = None
        self._unsynced_since: float | None = None
        try:
            # O_APPEND: what follows a truncation goes to the new end.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be made: {error.strerror}") from error

    @property
    def size(self) -> int:
        """Bytes in it."""
        return os.fstat(self._descriptor).st_size

    @property
    def needs_sync(self) -> bool:
        """Whether something was appended that the disk may not have."""
        return self._unsynced_since is not None and self._failure is None

    def waiting_s(self) -> float:
        """For how long something has waited for the disk, in s: a write, a sync, or bytes for their sync."""
        now = time.monotonic()
        begun = (self._writing_since, self._syncing_since, self._unsynced_since)
        return max((now - since for since in begun if since is not None), default=0.0)

    def append(self, data: bytes) -> None:
        """Add ``data`` at the end. Raises RecordingError if not all of it was taken."""
        self._refuse_after_failure()
        self._writing_since = time.monotonic()
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise self._failed(f"cannot be written behind byte {self.size}: {error.strerror}") from error
        finally:
            self._writing_since = None
            if self._unsynced_since is None:  # only now: a sync that is under way may have missed it
                self._unsynced_since = time.monotonic()

    def truncate(self, size: int) -> None:
        """Cut off what is behind byte ``size``. Raises RecordingError."""
        self._refuse_after_failure()
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            raise self._failed(f"cannot be cut at byte {size}: {error.strerror}") from error

    def sync(self) -> None:
        """Wait until the disk has it all. Raises RecordingError if it did not take it, or no longer has the file."""
        self._refuse_after_failure()
        self._syncing_since, self._unsynced_since = time.monotonic(), None
        try:
            os.fsync(self._descriptor)
            is_there = self._is_there()
            if is_there and not self._named:
                sync_folder(self.path.parent)
                self._named = True
        except OSError as error:
            # Linux drops the pages that it could not write: a second fsync that succeeds would prove nothing.
            raise self._failed(f"the disk did not take all of {self.size} bytes: {error.strerror}") from error
        finally:
            self._syncing_since = None
        if not is_there:
            raise self._failed("is no longer there; was it deleted, or its folder moved?")

    def _is_there(self) -> bool:
        """Whether the file is still under its name: one that was deleted takes bytes until it is closed."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def close(self) -> None:
        """Give the file back. Must be called once."""
        self._failure = self._failure or f"{self.path}: is closed"
        os.close(self._descriptor)

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise RecordingError(self._failure)

    def _failed(self, what: str) -> RecordingError:
        self._failure = f"{self.path}: {what}; the recording ends here"
        return RecordingError(self._failure)
