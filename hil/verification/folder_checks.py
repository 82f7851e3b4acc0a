"""A run's folder against its manifest, and its audit trail against itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

from hil.errors import RecordingError
from hil.runs.audit import last_said, verify_audit
from hil.runs.run_folder import AUDIT, MANIFEST, MEASUREMENTS
from hil.verification.check import Check

__all__ = ["check_audit", "check_files", "check_verdict", "gone_on_from", "read_manifest"]

_ENDED = "run finished"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder. Raises RecordingError if there is none, or it cannot be read."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(f"{path}: is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise RecordingError(f"{path}: is no manifest")
    return manifest


def check_files(folder: Path | None) -> Check:
    """SHA-256 of every file against the manifest, and the other way round."""
    name = "files"
    if folder is None:
        return Check.skipped(name, "it is no run folder: there is no manifest to hold its hash against")
    try:
        stated = read_manifest(folder).get("files")
    except RecordingError as error:
        return Check(name, "the run was never finished, or its manifest is lost", (str(error),))
    if not isinstance(stated, dict):
        return Check(name, "the manifest cannot be used", (f"{folder / MANIFEST}: has no table of files",))
    there = {path.name for path in folder.iterdir() if path.is_file()} - {MANIFEST}
    findings = [f"{file}: the manifest has it, the folder does not" for file in sorted(set(stated) - there)]
    findings += [f"{file}: is in the folder, but not in the manifest" for file in sorted(there - set(stated))]
    for file in sorted(there & set(stated)):
        found = _sha256(folder / file)
        if found != stated[file]:
            findings.append(f"{file}: SHA-256 is {found}, the manifest says {stated[file]}")
    return Check(
        name,
        f"SHA-256 of {len(there & set(stated))} files held against the manifest",
        tuple(findings),
        ("manifest.json itself: nothing outside the folder holds its hash",),
    )


def gone_on_from(folder: Path | None) -> frozenset[str]:
    """Names of the recordings at whose end the run was interrupted, by its manifest, which has their SHA-256."""
    try:
        manifest = {} if folder is None else read_manifest(folder)
    except RecordingError:
        return frozenset()
    recordings, files = manifest.get("recordings"), manifest.get("files")
    if not (manifest.get("resumed") and isinstance(recordings, list) and isinstance(files, dict)):
        return frozenset()
    return frozenset(str(name) for name in recordings[:-1] if str(name) in files)


def check_audit(folder: Path | None) -> Check:
    """The chain over the audit trail."""
    name = "audit"
    if folder is None:
        return Check.skipped(name, "it is no run folder: it has no audit trail")
    try:
        lines = verify_audit(folder / AUDIT)
    except RecordingError as error:
        return Check(name, "the chain is broken", (str(error),))
    return Check(name, f"{lines} lines, each chained to the one before")


def check_verdict(folder: Path | None) -> Check:
    """What the manifest says came of the run, against what other files of its folder say."""
    name = "verdict"
    if folder is None:
        return Check.skipped(name, "it is no run folder: it has no verdict")
    try:
        manifest, ended = read_manifest(folder), last_said(folder / AUDIT, _ENDED)
    except RecordingError as error:
        return Check.skipped(name, str(error))
    verdict, measured = manifest.get("verdict"), manifest.get("measurements")
    findings = []
    if ended is None:
        findings.append(f"{AUDIT}: does not say that the run has ended, but the manifest says {verdict}")
    elif ended.split(",")[0] != f"verdict {verdict}":
        findings.append(f"the manifest says verdict {verdict}, {AUDIT} says {ended}")
    rows = _measured(folder / MEASUREMENTS)
    if rows is not None and rows != _told(measured, rows):
        findings.append(f"the manifest says other measurements than {MEASUREMENTS}")
    return Check(name, f"{verdict}, and {len(rows or ())} measurements, held against the other files", tuple(findings))


def _measured(path: Path) -> list[dict[str, Any]] | None:
    """The table's rows; None if it cannot be read, which its SHA-256 tells."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException):
        return None
    return rows


def _told(measured: Any, rows: list[dict[str, Any]]) -> list[Any]:
    """The manifest's measurements, of each what the table has as well."""
    columns = rows[0].keys() if rows else ()
    each = measured if isinstance(measured, list) else []
    return [{name: one.get(name) for name in columns} if isinstance(one, dict) else one for one in each]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
