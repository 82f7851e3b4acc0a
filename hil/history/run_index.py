"""What is known of all runs under a folder, asked by DuckDB over their files: no server, and no index that goes stale.

::

    run folders ──manifest.json──▶ runs (a row each; without a manifest: incomplete)  ──▶ list
                └─measurements.parquet──▶ measurements ─────────────────────────────▶ points of a trend
"""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from hil.errors import UsageError
from hil.history.run_names import run_folders, started_of
from hil.runs.run_folder import MANIFEST, MEASUREMENTS

__all__ = ["DAMAGED", "INCOMPLETE", "RunFilter", "RunPoint", "RunRow", "runs_of", "trend_of"]

INCOMPLETE = "incomplete"
"""The verdict of a run that never wrote its manifest: it was killed, or still goes on."""
DAMAGED = "damaged"
"""The verdict of a run whose manifest cannot be read."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs; None and nothing are all of them."""

    dut: str | None = None
    procedure: str | None = None
    verdict: str | None = None
    since: date | None = None
    until: date | None = None
    """The last day that counts."""


@dataclass(frozen=True)
class RunRow:
    """One run at a glance."""

    name: str
    started: datetime
    dut: str
    target: str
    procedures: tuple[str, ...]
    verdict: str
    seed: int | None
    measured: int
    rejudged: bool = False
    """Whether by other limits than the procedures'."""

    @property
    def is_replay(self) -> bool:
        """Whether it measured nothing, and judged a recording."""
        return self.target == "replay"

    @property
    def how(self) -> str:
        """The target, and whether it was re-judged."""
        return f"{self.target}, re-judged" if self.rejudged else self.target

    def as_json(self) -> dict[str, Any]:
        """The row for other programs."""
        return {**asdict(self), "started": self.started.isoformat(), "procedures": list(self.procedures)}


@dataclass(frozen=True)
class RunPoint:
    """A measurement in one run."""

    run: str
    started: datetime
    dut: str
    value: float
    expanded_uncertainty: float | None
    """None if it had none: then its outcome is an error."""
    unit: str
    lower: float | None
    upper: float | None
    outcome: str


def runs_of(folder: Path, which: RunFilter) -> list[RunRow]:
    """The runs under ``folder``, the oldest first. Raises UsageError if there is no such folder."""
    rows = [_row(path, started) for path in run_folders(folder) if (started := started_of(path)) is not None]
    if not rows:
        return []
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE runs (place INTEGER, dut VARCHAR, procedures VARCHAR[], verdict VARCHAR, started TIMESTAMP)"
        )
        database.executemany(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?)",
            [[n, r.dut, list(r.procedures), r.verdict, r.started.replace(tzinfo=None)] for n, r in enumerate(rows)],
        )
        where, values = _where(which)
        found = database.execute(f"SELECT place FROM runs WHERE {where} ORDER BY place", values).fetchall()  # noqa: S608 - our own words; values are bound
    return [rows[place] for (place,) in found]


def trend_of(folder: Path, measurement: str, which: RunFilter) -> list[RunPoint]:
    """Each time that ``measurement`` was taken in these runs, the oldest first; of a retried one, the last attempt.

    Replays are left out: they judge again what one of the others has measured, and say nothing new about the device.
    Raises UsageError, with the nearest name, if these runs measured other things only.
    """
    rows = {row.name: row for row in runs_of(folder, which) if not row.is_replay}
    files = [folder / name / MEASUREMENTS for name in rows if (folder / name / MEASUREMENTS).is_file()]
    readable = [str(path) for path in files if _is_parquet(path)]
    if not readable:
        return []
    question = """
        SELECT parse_filename(parse_path(filename)[-2]) AS run, value, expanded_uncertainty, unit, lower, upper, outcome
        FROM read_parquet(
            ?, filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false
        )
        WHERE name = ? AND value IS NOT NULL AND (? IS NULL OR procedure = ?)
        QUALIFY row_number() OVER (PARTITION BY filename, procedure ORDER BY file_row_number DESC) = 1
        ORDER BY run, file_row_number
    """
    with duckdb.connect() as database:
        found = database.execute(question, [readable, measurement, which.procedure, which.procedure]).fetchall()
        names = "SELECT DISTINCT name FROM read_parquet(?, union_by_name = true) ORDER BY name"
        measured = [name for (name,) in database.execute(names, [readable]).fetchall()]
    if measured and measurement not in measured:
        close = get_close_matches(measurement, measured, n=1)
        there = f"did you mean {close[0]}?" if close else f"measured: {', '.join(measured)}"
        raise UsageError(f"{measurement}: was measured in none of these runs; {there}")
    return [
        RunPoint(run, rows[run].started, rows[run].dut, value, uncertainty, unit, lower, upper, outcome)
        for run, value, uncertainty, unit, lower, upper, outcome in found
    ]


def _row(path: Path, started: datetime) -> RunRow:
    """One run, from its manifest; what a folder's name says, if it has none that can be read."""
    _, procedure, *_, dut, _ = path.name.split("_")
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return RunRow(
            name=path.name,
            started=started,
            dut=manifest["pump"].get("serial number") or dut,
            target=manifest["target"],
            procedures=tuple(each["name"] for each in manifest["procedures"]) or (procedure,),
            verdict=manifest["verdict"],
            seed=manifest["seed"],
            measured=len(manifest["measurements"]),
            rejudged=manifest.get("rejudged", False),
        )
    except FileNotFoundError:
        verdict = INCOMPLETE
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        verdict = DAMAGED
    return RunRow(path.name, started, dut, "", (procedure,), verdict, None, 0)


def _where(which: RunFilter) -> tuple[str, list[Any]]:
    conditions: list[tuple[str, Any]] = [
        ("dut = ?", which.dut),
        ("list_contains(procedures, ?)", which.procedure),
        ("verdict = ?", which.verdict),
        ("started >= ?", which.since),
        ("started < CAST(? AS DATE) + 1", which.until),
    ]
    given = [(condition, value) for condition, value in conditions if value is not None]
    return " AND ".join(condition for condition, _ in given) or "true", [value for _, value in given]


def _is_parquet(path: Path) -> bool:
    """Whether it can be read: a damaged file of one run must not hide the others."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True
