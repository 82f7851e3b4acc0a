"""What a simulated scenario leaves in a folder: events, curves, report."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hil.durable import write_whole
from hil.errors import UsageError
from hil.simulation.sim_report import render_sim_report
from hil.simulation.simulated import Simulated

__all__ = ["check_folder", "write_folder"]

_EVENTS = "events.json"


def check_folder(folder: Path) -> None:
    """Raise UsageError unless ``folder`` is new, empty, or holds an earlier simulation: nothing else is overwritten."""
    if folder.is_file():
        raise UsageError(f"{folder}: this is a file; name a folder for --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _EVENTS).is_file():
        raise UsageError(f"{folder}: this folder holds something else; name a new one for --out")


def write_folder(folder: Path, simulated: Simulated) -> None:
    """Write events.json, curves.parquet and report.html. Raises UsageError as ``check_folder``, OSError."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / _EVENTS, (json.dumps(simulated.as_json(), indent=2) + "\n").encode())
    table = pa.table({name: pa.array(column) for name, column in vars(simulated.result.curves).items()})
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    write_whole(folder / "curves.parquet", parquet.getvalue())
    write_whole(folder / "report.html", render_sim_report(simulated).encode())
