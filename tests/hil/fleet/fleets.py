"""Small fleets for tests, in folders of their own."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hil.fleet.chunk import Chunk, ChunkResult, run_chunk
from hil.fleet.fleet_run import FleetOutcome, FleetSettings, run_fleet
from hil.fleet.tables import TABLES
from tests.firmware_model.fleet.populations import EVENTFUL, written

__all__ = ["Told", "backwards", "fleet", "settings", "tables_of"]


class Told:
    """What a fleet says of its progress."""

    def __init__(self) -> None:
        self.said: list[tuple[int, float]] = []
        self.done = 0

    def begun(self, pumps: int, done: int) -> None:
        """How many were there."""
        self.said.append((pumps, float(done)))
        self.done = done

    def advanced(self, pumps: int, pump_years: float) -> None:
        """How many more."""
        self.said.append((pumps, pump_years))


def settings(folder: Path, out: str, text: str = EVENTFUL, **options: Any) -> FleetSettings:
    """Twelve eventful pumps for a month, in one process if nothing else is said."""
    usual: dict[str, Any] = {"pumps": 12, "days": 30.0, "seed": 5, "jobs": 1, "chunk": 4}
    return FleetSettings(str(written(folder, text)), out=folder / out, **(usual | options))


def fleet(folder: Path, out: str, text: str = EVENTFUL, **options: Any) -> FleetOutcome:
    """Such a fleet, finished."""
    return run_fleet(settings(folder, out, text, **options), Told())


def backwards(chunks: list[Chunk], *, jobs: int, scheduler: str | None) -> Iterator[ChunkResult]:
    """An executor that begins at the end."""
    del jobs, scheduler
    yield from map(run_chunk, reversed(chunks))


def tables_of(outcome: FleetOutcome) -> dict[str, list[Any]]:
    """All rows of all tables, by pump number, however they were dealt out."""
    parts: dict[str, Iterable[Path]] = {name: sorted((outcome.folder / name).glob("*.parquet")) for name in TABLES}
    return {name: [row for part in files for row in pq.read_table(part).to_pylist()] for name, files in parts.items()}
