"""A run's folder: what belongs to one execution, named so that folders sort by time and say what they are."""

import hashlib
import json
import math
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from hil.durable import sync_folder, write_whole
from hil.errors import RecordingError
from hil.output import writing_to
from hil.runs.audit import AuditTrail
from hil.runs.run_journal import cut_torn_line

__all__ = [
    "AUDIT",
    "MANIFEST",
    "MEASUREMENTS",
    "RECORDING",
    "UNIDENTIFIED",
    "RunFolder",
    "recording_name",
    "without_nan",
]

AUDIT = "audit.jsonl"
MANIFEST = "manifest.json"
MEASUREMENTS = "measurements.parquet"
RECORDING = "run.mcap"

UNIDENTIFIED = "unidentified"
"""In the name of a folder, until the pump has said who it is."""
_NAME_CHARACTERS = 40


class RunFolder:
    """The folder while a run fills it. The manifest is written last and at once: a folder without one is unfinished.

    A run that is killed leaves its recording, and the audit lines until then.
    """

    def __init__(self, path: Path) -> None:
        """Use the existing folder ``path``. Raises RecordingError if its audit file was tampered with."""
        self.path = path
        self._trail = AuditTrail(path / AUDIT)

    @classmethod
    def create(cls, out: Path, *, procedure: str, serial_number: str, started: datetime) -> "RunFolder":
        """A new folder under ``out``, such as ``20261123T031522Z_flow-accuracy_SN0042_a1b2c3``.

        Raises UsageError if it cannot be made there, BenchFault if the disk is full or broken.
        """
        parts = (f"{started:%Y%m%dT%H%M%SZ}", _fit(procedure), _fit(serial_number), uuid.uuid4().hex[:6])
        path = out / "_".join(parts)
        with writing_to(path):
            path.mkdir(parents=True)
            sync_folder(out)
        return cls(path)

    @classmethod
    def reopen(cls, path: Path) -> "RunFolder":
        """The folder of a run that is taken up again; an audit line that the end of its process tore is cut off."""
        trail = path / AUDIT
        if trail.exists():
            try:
                with trail.open("r+b") as file:
                    cut_torn_line(file.fileno())
            except OSError as error:
                raise RecordingError(f"{trail}: cannot be written: {error.strerror}") from error
        return cls(path)

    def name_pump(self, serial_number: str) -> None:
        """Put the pump's serial number into the name of a folder that was made before anybody knew it.

        Only when nobody writes into it any more who knows it by its old name; of what follows, the documents.
        """
        named = self.path.with_name(self.path.name.replace(f"_{UNIDENTIFIED}_", f"_{_fit(serial_number)}_"))
        with suppress(OSError):  # the name is a convenience, and the manifest says it as well
            self.path.rename(named)
            sync_folder(named.parent)
            self.path = named

    def next_recording(self) -> tuple[int, str]:
        """Number and name of the recording of the next part of the run: what a killed part recorded stays as it is."""
        number = 1
        while (self.path / recording_name(number)).exists():
            number += 1
        return number, recording_name(number)

    def keep_old(self) -> None:
        """Put aside what an interrupted part has written for its end: the resumed run writes its own."""
        number = 1
        while (self.path / f"manifest-{number}.json").exists():
            number += 1
        for name in (MANIFEST, "report.html", "junit.xml", MEASUREMENTS):
            path = self.path / name
            if path.exists():
                path.rename(path.with_stem(f"{path.stem}-{number}"))
        sync_folder(self.path)

    def audit(self, what: str, *, why: str) -> None:
        """Append who did ``what`` and ``why``, chained to the line before by its SHA-256."""
        self._trail.append(what, why=why)

    def write(self, name: str, data: bytes) -> None:
        """Put ``data`` into the file ``name``, whole or not at all."""
        path = self.path / name
        try:
            write_whole(path, data)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, with the SHA-256 of every other file."""
        whole = without_nan({**manifest, "files": self.hashes()})
        self.write(MANIFEST, json.dumps(whole, indent=2, allow_nan=False).encode() + b"\n")

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file but the manifest, by name."""
        files = sorted(
            path
            for path in self.path.iterdir()
            if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
        )
        try:
            return {path.name: _sha256(path) for path in files}
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be read: {error.strerror}") from error


def recording_name(part: int) -> str:
    """The name of the recording of one part of a run, counted from 1."""
    return RECORDING if part == 1 else f"run-{part}.mcap"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_nan(value: Any) -> Any:
    """``value`` for JSON, which has no NaN and no infinity: a number that says nothing is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(each) for each in value]
    return value


def _fit(text: str) -> str:
    """``text`` as part of a folder's name, on any system."""
    stem = Path(text).stem if text.endswith(".py") else text
    return re.sub(r"[^A-Za-z0-9.-]+", "-", stem)[:_NAME_CHARACTERS] or "unnamed"
