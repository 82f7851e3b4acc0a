"""Who did what, when and why: one JSON line each, chained so that a line changed later shows."""

import getpass
import hashlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from hil.durable import append_whole
from hil.errors import RecordingError

__all__ = ["AuditTrail", "last_said", "verify_audit"]

_FIRST = "0" * 64
"""What the first line names as the line before."""

_KEYS = ("time_utc", "who", "what", "why", "previous")


class AuditTrail:
    """An audit file that is appended to. Each line names the SHA-256 of the one before.

    The chain shows a line that was changed, taken out or put between; that the last lines were cut off shows in the
    manifest, which holds the SHA-256 of the whole file.
    """

    def __init__(self, path: Path) -> None:
        """Go on with the file at ``path`` if it exists. Raises RecordingError if it was tampered with."""
        self.path = path
        self._previous = _follow(path)[1] if path.exists() else _FIRST

    def append(self, what: str, *, why: str) -> None:
        """Write down ``what`` was done and ``why``; it is on the disk when this returns. Raises RecordingError."""
        line = json.dumps(
            {
                "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "who": f"{_user()}@{socket.gethostname()}",
                "what": what,
                "why": why,
                "previous": self._previous,
            }
        ).encode()
        try:
            with self.path.open("ab") as file:
                append_whole(file.fileno(), line + b"\n")
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._previous = hashlib.sha256(line).hexdigest()


def verify_audit(path: Path) -> int:
    """How many lines of an audit file are chained as they were written.

    Raises RecordingError at the first line that is no audit line, was changed, or follows one that is missing.
    """
    return _follow(path)[0]


def last_said(path: Path, what: str) -> str | None:
    """Why ``what`` happened, by the last line that says so; None if none does. Raises RecordingError as above."""
    verify_audit(path)
    entries = map(json.loads, path.read_bytes().splitlines())
    return next((str(each["why"]) for each in reversed(list(entries)) if each["what"] == what), None)


def _follow(path: Path) -> tuple[int, str]:
    """The number of lines, and the hash of the last."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    previous, number = _FIRST, 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if _link_of(line) is None:
            raise RecordingError(f"{path}:{number}: is no whole audit line")
        if _link_of(line) != previous:
            raise RecordingError(f"{path}:{number}: is not chained to the line before: one of them was changed")
        previous = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
    return number, previous


def _link_of(line: bytes) -> str | None:
    """The hash that a line names; None if it is no audit line, or not all of one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not line.endswith(b"\n") or not isinstance(entry, dict) or not all(isinstance(entry.get(k), str) for k in _KEYS):
        return None
    return str(entry["previous"])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container may have no name for its user
        return f"uid{os.getuid()}" if hasattr(os, "getuid") else "unknown"
