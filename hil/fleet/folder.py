"""A fleet's folder: what was asked for, one Parquet file for each chunk and table, and what was found."""

import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from firmware_model.config import check_model, read_toml
from firmware_model.fleet.population import LoadedPopulation, Population
from firmware_model.profile import PumpProfile
from hil.durable import write_whole
from hil.errors import UsageError
from hil.fleet.chunk import ChunkResult
from hil.fleet.tables import TABLES
from hil.links.guard import take_guard
from hil.output import writing_to

__all__ = ["FleetFolder", "FleetPlan", "rerun_command"]

_PLAN, _POPULATION = "fleet.json", "population.toml"
_GUARD = ".guard"
"""Held by the process that is at work here; it holds nothing, and stays."""
_PATIENCE_S = 0.5
SCHEMA = "pumprig.fleet/1"


@dataclass(frozen=True)
class FleetPlan:
    """What was asked for: all that the results depend on, and how the pumps are dealt out."""

    file: str
    """The population, as it was named."""
    pumps: int
    days: float
    seed: int
    audit: float = 0.0
    wire: float = 0.0
    chunk: int = 100

    def chunks(self) -> list[tuple[int, int]]:
        """First and last pump of each."""
        return [(first, min(first + self.chunk, self.pumps) - 1) for first in range(0, self.pumps, self.chunk)]

    def command(self, verb: str = "run") -> str:
        """The command that does this again."""
        shares = "".join(
            f" --{name} {_number(share)}" for name, share in (("audit", self.audit), ("wire", self.wire)) if share
        )
        of = f"--pumps {self.pumps} --days {_number(self.days)} --seed {self.seed}"
        return f"pumprig fleet {verb} {quote(self.file)} {of}{shares}"

    def rerun(self, pump: int, variant: str | None = None, criterion: str | None = None) -> str:
        """The command that repeats one pump in full detail, and judges it by a criterion."""
        return rerun_command(self.file, self.seed, pump, self.days, variant=variant, criterion=criterion)


def rerun_command(
    file: str, seed: int, pump: int, days: float, *, variant: str | None = None, criterion: str | None = None
) -> str:
    """The command that repeats one pump in full detail."""
    options = {"variant": variant, "criterion": criterion}
    of = "".join(f" --{name} {quote(text)}" for name, text in options.items() if text is not None)
    return f"pumprig fleet rerun {quote(file)} --seed {seed} --pump {pump} --days {_number(days)}{of}"


def _number(value: float) -> str:
    """All of its digits, and no ``.0``."""
    return str(int(value)) if value == int(value) else repr(value)


class FleetFolder:
    """Files are written whole: a chunk is there, in all of its tables, or it is not."""

    def __init__(self, path: Path) -> None:
        """Know the folder; nothing is read or written yet."""
        self.path = path

    @contextmanager
    def at_work(self, plan: FleetPlan, loaded: LoadedPopulation, *, resume: bool) -> Iterator[FleetPlan]:
        """Make room for a fleet, or go on with the one that is here; gives the plan to follow, and keeps others out.

        Raises UsageError if the folder holds something else, or a fleet that was not finished, or cannot be written,
        or if another process is at work in it; or, to ``resume``, if there is another fleet than this one.
        """
        if self.path.is_file():
            raise UsageError(f"{self.path}: this is a file; name a folder for --out")
        is_ours = (self.path / _PLAN).is_file()
        if resume and not is_ours:
            raise UsageError(f"{self.path}: there is no fleet to go on with; leave out --resume")
        if self.path.is_dir() and not is_ours and any(each.name != _GUARD for each in self.path.iterdir()):
            raise UsageError(f"{self.path}: this folder holds something else; name a new one for --out")
        guard = self._guard()
        try:
            if resume:
                plan = self._resumed(plan, loaded)
            else:
                self._begin(plan, loaded)
            yield plan
        finally:
            os.close(guard)

    def _guard(self) -> int:
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                return take_guard(self.path / _GUARD, patience_s=_PATIENCE_S)
            except BlockingIOError:
                raise UsageError(
                    f"{self.path}: another pumprig is at work on the fleet here; wait for it, or name another --out"
                ) from None

    def _begin(self, plan: FleetPlan, loaded: LoadedPopulation) -> None:
        if not (self.path / "summary.json").exists() and any(self.path.glob("pumps/*.parquet")):
            raise UsageError(f"{self.path}: holds a fleet that was not finished; go on with --resume, or remove it")
        with writing_to(self.path):
            for name in ("summary.json", "report.html", "junit.xml"):
                (self.path / name).unlink(missing_ok=True)
            for name in TABLES:
                if (self.path / name).exists():
                    shutil.rmtree(self.path / name)
            profile = loaded.profile.model_dump(mode="json")
            self._write_json(_PLAN, {"schema": SCHEMA, **asdict(plan), "profile": profile})  # first: by it we know ours
            write_whole(self.path / _POPULATION, loaded.text.encode())

    def keep(self, result: ChunkResult) -> None:
        """Write a chunk; ``pumps``, by which it is known to be there, comes last. Raises UsageError, BenchFault."""
        with writing_to(self.path):
            for name in sorted(result.tables, key=lambda each: each == "pumps"):
                (self.path / name).mkdir(exist_ok=True)
                write_whole(self._part(name, result.first), result.tables[name])

    def is_kept(self, first: int) -> bool:
        """Whether the chunk that begins with this pump is there, in all of its tables, and whole."""
        return all(_is_whole(self._part(table, first)) for table in TABLES)

    def plan(self) -> tuple[FleetPlan, LoadedPopulation]:
        """What was asked for. Raises UsageError if this is no fleet's folder."""
        document = self._document()
        try:
            fields = {name: document[name] for name in FleetPlan.__dataclass_fields__}
            return FleetPlan(**fields), self._loaded(document)
        except (KeyError, TypeError, ValidationError) as error:
            raise UsageError(
                f"{self.path / _PLAN}: is no plan of a fleet ({type(error).__name__}); run it anew"
            ) from error

    def summary(self) -> dict[str, Any]:
        """What was found. Raises UsageError if the fleet was not finished."""
        try:
            found: dict[str, Any] = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UsageError(f"{self.path}: has no summary; go on with pumprig fleet run --resume") from None
        return found

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Keep what was found."""
        self._write_json("summary.json", summary)

    def glob(self, table: str) -> str:
        """All parts of a table, as DuckDB names them; the folder's own name may hold any sign."""
        return str(Path(glob.escape(str(self.path / table))) / "part-*.parquet")

    def parts(self, table: str) -> list[Path]:
        """The files of a table, by pump number."""
        return sorted((self.path / table).glob("part-*.parquet"))

    def _part(self, table: str, first: int) -> Path:
        return self.path / table / f"part-{first:09d}.parquet"

    def _document(self) -> dict[str, Any]:
        try:
            document = json.loads((self.path / _PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise UsageError(f"{self.path}: holds no fleet; name the --out folder of a pumprig fleet run")
        return document

    def _loaded(self, document: dict[str, Any]) -> LoadedPopulation:
        """The population and its profile as they were when the fleet ran."""
        path = self.path / _POPULATION
        text, tables = read_toml(path)
        profile = PumpProfile.model_validate_json(json.dumps(document["profile"]))
        return LoadedPopulation(path, text, check_model(path, text, tables, Population), profile)

    def _resumed(self, plan: FleetPlan, loaded: LoadedPopulation) -> FleetPlan:
        before, there = self.plan()
        ran, runs = self._document().get("pumprig"), version("pumprig")
        if ran != runs:
            raise UsageError(f"{self.path}: was begun by pumprig {ran}, and this is {runs}: begin anew elsewhere")
        for key in ("pumps", "days", "seed", "audit", "wire"):
            was, now = getattr(before, key), getattr(plan, key)
            if was != now:
                holds, wanted = _number(was), _number(now)
                raise UsageError(f"{self.path}: holds a fleet with {key} {holds}, not {wanted}; give --{key} {holds}")
        if there.text != loaded.text or there.profile != loaded.profile:
            raise UsageError(f"{self.path}: holds a fleet of another population or profile than {plan.file} is now")
        return before

    def _write_json(self, name: str, document: dict[str, Any]) -> None:
        document = {**document, "pumprig": version("pumprig")} if name == _PLAN else document
        write_whole(self.path / name, (json.dumps(document, indent=2) + "\n").encode())


def _is_whole(part: Path) -> bool:
    try:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            file.read()
    except (OSError, pa.ArrowException):
        return False
    return True
