"""A run as its folder keeps it: what it was to do, and how far it had come when its process ended.

``plan.json`` is there before any port is touched, ``journal.jsonl`` grows with the run: a kill at any moment leaves
enough to go on from.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from firmware_model.config import first_problem
from hil.benches.bench_file import LoadedBench
from hil.errors import RecordingError, UsageError
from hil.figure import Figure
from hil.measurement import Measurement, Outcome
from hil.procedure import Procedure
from hil.runs.run_folder import MANIFEST
from hil.runs.run_journal import JOURNAL, read_journal
from hil.runs.run_settings import RunSettings

__all__ = ["PLAN", "ItemKey", "KeptPlan", "KeptRun", "Page", "Part", "Taken"]

PLAN = "plan.json"

ItemKey = tuple[str, int]
"""A procedure as pytest names it, and the attempt at it, counted from 1."""

_TEXT = TypeAdapter(str)
_DEVICES = TypeAdapter(dict[str, dict[str, str]])


class KeptPlan(BaseModel):
    """What a run was to do, with nothing left open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["pumprig.plan/1"] = "pumprig.plan/1"
    pumprig: str
    settings: RunSettings
    """With absolute paths: it may be taken up from another folder."""
    bench: LoadedBench
    files: dict[str, str]
    """SHA-256 of every procedure file, by its path."""
    command: str
    started_utc: str

    @classmethod
    def of(
        cls, settings: RunSettings, bench: LoadedBench, files: tuple[Path, ...], *, command: str, started_utc: str
    ) -> "KeptPlan":
        """What is to be kept of a plan that was just made."""
        return cls(
            pumprig=version("pumprig"),
            settings=_absolute(settings),
            bench=bench.model_copy(update={"path": os.path.abspath(bench.path)}),  # noqa: PTH100 - links stay as named
            files={str(file): _sha256(file) for file in files},
            command=command,
            started_utc=started_utc,
        )

    def check_files(self) -> None:
        """Raises UsageError if a procedure is not the one that the run began with."""
        for name, digest in self.files.items():
            path = Path(name)
            if not path.is_file():
                raise UsageError(f"{path}: is gone, but the run to be resumed has procedures in it")
            if _sha256(path) != digest:
                raise UsageError(
                    f"{path}: was changed since the run began; a changed procedure is another test: begin a new run"
                )


class Page(BaseModel):
    """A procedure's page as it is kept."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    name: str
    declared: tuple[str, ...]
    requirements: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    figures: tuple[Figure, ...]
    marked: bool
    outcome: Outcome
    problem: str | None
    exit_code: int | None

    @classmethod
    def of(cls, procedure: Procedure) -> "Page":
        """The page of a procedure that has ended."""
        return cls.model_validate({name: getattr(procedure, name) for name in cls.model_fields}, from_attributes=True)


class Taken(BaseModel):
    """A measurement as it is kept."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    measurement: Measurement


class Part(BaseModel):
    """One process's share of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    part: int
    utc: str
    """When the process took the run up."""
    recording: str
    start_utc_ms: int
    """UTC at bench time 0."""
    began_ms: int
    """Bench time at which this part begins."""
    world: Literal["first", "went on", "began anew"]
    lives_on: bool
    """Whether the bench outlives the process."""
    served_by: str = ""
    """Which server's world it is, if a served bench says so: a server that was started again has another."""
    pumprig: str = ""
    """Version that worked on it."""


@dataclass
class KeptRun:
    """A run that ended before its time: its plan and all that its journal says."""

    path: Path
    plan: KeptPlan
    parts: list[Part] = field(default_factory=list)
    finished: dict[ItemKey, Page] = field(default_factory=dict)
    begun: dict[ItemKey, str] = field(default_factory=dict)
    """Names of the procedures of which an attempt began."""
    measured: dict[ItemKey, list[Measurement]] = field(default_factory=dict)
    kept: dict[tuple[str, int, str], list[Any]] = field(default_factory=dict)
    """What procedures kept to go on from: by item, attempt and name."""
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the devices said of themselves."""
    quarantined: str | None = None
    bench_faults: list[str] = field(default_factory=list)
    """What ended attempts that are to be begun again: which procedure, and what was wrong with the bench."""

    @classmethod
    def load(cls, path: Path) -> "KeptRun":
        """The run in folder ``path``.

        Raises UsageError if there is nothing to resume, RecordingError if what was kept cannot be read.
        """
        if not path.is_dir():
            raise UsageError(f"{path}: there is no such run folder")
        if not (path / PLAN).is_file():
            raise UsageError(f"{path}: holds no {PLAN}: it is no run folder, or its run ended before it began")
        try:
            kept = cls(path, KeptPlan.model_validate_json((path / PLAN).read_bytes()))
        except (OSError, ValidationError) as error:
            problem = first_problem(error) if isinstance(error, ValidationError) else str(error.strerror)
            raise RecordingError(
                f"{path / PLAN}: cannot be read: {problem}; the run cannot go on, begin a new one "
                f"(`pumprig info {quote(str(path))}` says what this one has recorded)"
            ) from error
        if (path / JOURNAL).exists():
            try:
                for entry in read_journal(path / JOURNAL):
                    kept._take(entry)
            except (KeyError, TypeError, ValidationError) as error:
                problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
                raise RecordingError(f"{path / JOURNAL}: is of another version of pumprig: {problem}") from error
        return kept

    def from_the_start(self) -> "KeptRun":
        """The same run with nothing found yet: a recording cannot be entered in its middle, so it is judged again."""
        return replace(self, finished={}, measured={}, kept={}, quarantined=None, bench_faults=[])

    def check_unfinished(self) -> None:
        """Raises UsageError if the run has ended, neither interrupted nor by a fault of the bench."""
        manifest = self.path / MANIFEST
        if not manifest.exists():
            return
        try:
            said = json.loads(manifest.read_bytes())
            is_open = said.get("interrupted") or said.get("resumable")
        except (OSError, ValueError, AttributeError) as error:
            raise RecordingError(f"{manifest}: cannot be read: {error}") from error
        if not is_open:
            raise UsageError(f"{self.path}: is finished (verdict {said.get('verdict')}); there is nothing to resume")

    def _take(self, entry: dict[str, Any]) -> None:
        match entry["entry"]:
            case "part":
                self.parts.append(Part.model_validate(entry))
            case "devices":
                self.devices |= _DEVICES.validate_python(entry["devices"])
            case "begun":
                key = (entry["item"], entry["attempt"])
                self.begun[key] = entry["name"]
                self.measured.pop(key, None)
            case "measured":
                self.measured.setdefault((entry["item"], entry["attempt"]), []).append(
                    Taken.model_validate(entry).measurement
                )
            case "kept":
                self.kept.setdefault((entry["item"], entry["attempt"], entry["name"]), []).append(entry["data"])
            case "finished":
                self.finished[entry["item"], entry["attempt"]] = Page.model_validate(entry["page"])
            case "unfinished":
                self.bench_faults.append(_TEXT.validate_python(entry["fault"]))
            case "quarantined":
                self.quarantined = _TEXT.validate_python(entry["reason"])


def _absolute(settings: RunSettings) -> RunSettings:
    """The same choices, with every path absolute."""
    return replace(
        settings,
        procedures=tuple(str(Path(name).resolve()) if name.endswith(".py") else name for name in settings.procedures),
        bench=None if settings.bench is None else settings.bench.resolve(),
        recording=None if settings.recording is None else settings.recording.resolve(),
        out=settings.out.resolve(),
        limits_file=None if settings.limits_file is None else settings.limits_file.resolve(),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
