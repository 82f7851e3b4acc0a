"""A run's folder: what belongs to one execution, named so that folders sort by time and say what they are."""

import getpass
import hashlib
import json
import os
import re
import socket
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hil.errors import RecordingError

__all__ = ["AUDIT", "MANIFEST", "RECORDING", "RunFolder", "verify_audit"]

AUDIT = "audit.jsonl"
MANIFEST = "manifest.json"
RECORDING = "run.mcap"
_FIRST = "0" * 64


class RunFolder:
    """The folder while a run fills it. The manifest is written last and at once: a folder without one is unfinished."""

    def __init__(self, path: Path) -> None:
        """Use the existing folder ``path``."""
        self.path = path
        self._previous = _FIRST

    @classmethod
    def create(cls, out: Path, *, procedure: str, serial_number: str, started: datetime) -> "RunFolder":
        """A new folder under ``out``, such as ``20261123T031522Z_flow-accuracy_SN0042_a1b2c3``."""
        parts = (f"{started:%Y%m%dT%H%M%SZ}", _fit(procedure), _fit(serial_number), uuid.uuid4().hex[:6])
        path = out / "_".join(parts)
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be made: {error.strerror}; name another folder with --out") from error
        return cls(path)

    def audit(self, what: str, *, why: str) -> None:
        """Append who did ``what`` and ``why``, chained to the line before by its SHA-256."""
        line = json.dumps(
            {
                "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "who": f"{getpass.getuser()}@{socket.gethostname()}",
                "what": what,
                "why": why,
                "previous": self._previous,
            }
        )
        self._previous = hashlib.sha256(line.encode()).hexdigest()
        with (self.path / AUDIT).open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def write(self, name: str, data: bytes) -> None:
        """Put ``data`` into the file ``name``, whole or not at all."""
        path = self.path / name
        unfinished = path.with_name(f".{name}.unfinished")
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, with the SHA-256 of every other file."""
        whole = {**manifest, "files": self.hashes()}
        self.write(MANIFEST, json.dumps(whole, indent=2).encode() + b"\n")

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file but the manifest, by name."""
        files = sorted(path for path in self.path.iterdir() if path.is_file() and path.name != MANIFEST)
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def verify_audit(path: Path) -> int:
    """How many lines of an audit file are chained as they were written.

    Raises RecordingError at the first line that was changed, or that follows one that was taken out.
    """
    previous = _FIRST
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            chained = json.loads(line)["previous"]
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"{path}:{number}: is no audit line") from error
        if chained != previous:
            raise RecordingError(f"{path}:{number}: is not chained to the line before: one of them was changed")
        previous = hashlib.sha256(line).hexdigest()
    return len(lines)


def _fit(text: str) -> str:
    """``text`` as part of a folder's name, on any system."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", Path(text).stem if text.endswith(".py") else text)[:40] or "unnamed"
