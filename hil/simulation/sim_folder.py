"""What a simulated scenario leaves in a folder: events, curves, report."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hil.durable import write_whole
from hil.errors import UsageError
from hil.output import writing_to
from hil.simulation.sim_report import render_sim_report
from hil.simulation.simulated import Simulated

__all__ = ["make_folder", "write_folder"]

_EVENTS = "events.json"


def make_folder(folder: Path, ours: str = _EVENTS) -> None:
    """Have ``folder``. Raises UsageError if it holds other things and not our file ``ours``, or cannot be made."""
    if folder.is_file():
        raise UsageError(f"{folder}: this is a file; name a folder for --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ours).is_file():
        raise UsageError(f"{folder}: this folder holds something else; name a new one for --out")
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_folder(folder: Path, simulated: Simulated) -> None:
    """Write events.json, curves.parquet and report.html to where ``make_folder`` was. Raises UsageError, BenchFault."""
    table = pa.table({name: pa.array(column) for name, column in vars(simulated.result.curves).items()})
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    page = render_sim_report(simulated).encode()
    with writing_to(folder):
        write_whole(folder / _EVENTS, (json.dumps(simulated.as_json(), indent=2) + "\n").encode())
        write_whole(folder / "curves.parquet", parquet.getvalue())
        write_whole(folder / "report.html", page)
