"""A recording, or what is wanted of it, as files for other programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from hil.errors import RecordingError
from hil.export.csv_file import CsvFile
from hil.export.json_lines import JsonLines
from hil.export.kinds import kind_named
from hil.export.parquet import ParquetFile
from hil.export.pcapng import Pcapng
from hil.export.pieces import PIECE_BYTES
from hil.export.selection import Selection
from hil.export.sink import Sink, TableFolder
from hil.export.telemetry import Telemetry

__all__ = ["FORMATS", "SMALL_PIECE_BYTES", "Exported", "Format", "Part", "export"]

Format = Literal["csv", "parquet", "jsonl", "pcapng"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
SMALL_PIECE_BYTES: Final = 1 << 17
"""Of what goes out row by row, where a row takes a hundred times the memory of its columns."""


class Part(NamedTuple):
    """One recording, and what is wanted of it. A run that was resumed has several."""

    telemetry: Telemetry
    selection: Selection


@dataclass(frozen=True)
class Exported:
    """What was written."""

    rows: Counter[str]
    """By kind."""
    files: list[Path]


def export(parts: Sequence[Part], form: Format, out: Path) -> Exported:
    """Write what is wanted of ``parts``, in order, to ``out``: a folder with a file for each kind, or one file.

    Raises UsageError if ``out`` does not fit or is there already; RecordingError if the recording is damaged, and then
    all that stands before the damage has been written.
    """
    sink = _sink(parts, form, out)
    piece_bytes = PIECE_BYTES if form == "parquet" else SMALL_PIECE_BYTES
    rows: Counter[str] = Counter()
    damage: RecordingError | None = None
    try:
        try:
            for telemetry, selection in parts:
                for tables in telemetry.tables(selection, piece_bytes=piece_bytes, with_encoded=sink.needs_encoded):
                    sink.write(tables)
                    rows.update({table.kind.name: table.rows.num_rows for table in tables})
        except RecordingError as error:
            damage = error
        files = sink.finish()
    except BaseException:
        sink.abandon()
        raise
    if damage is not None:
        raise RecordingError(f"{damage}; {_written(rows, files, out)}") from damage
    return Exported(rows, files)


def _written(rows: Counter[str], files: Sequence[Path], out: Path) -> str:
    return (
        f"{rows.total()} rows before it were written to {out}" if files else "nothing that is wanted stands before it"
    )


def _sink(parts: Sequence[Part], form: Format, out: Path) -> Sink:
    selection = parts[0].selection  # only their times differ
    only = (
        kind_named(next(iter(selection.kinds))) if selection.kinds is not None and len(selection.kinds) == 1 else None
    )
    match form:
        case "parquet":
            return TableFolder(out, ".parquet", partial(ParquetFile, metadata=_said_of(parts)), only)
        case "csv":
            return TableFolder(out, ".csv", CsvFile, only)
        case "jsonl":
            return JsonLines(out)
        case "pcapng":
            return Pcapng(out)


def _said_of(parts: Sequence[Part]) -> dict[str, str]:
    """What a table says of where it comes from; the first part says it for all."""
    stream = parts[0].telemetry.stream
    return {
        "recording": ", ".join(part.telemetry.stream.path.name for part in parts),
        "start_utc_ms": str(stream.start_utc_ms),
        "pumprig": version("pumprig"),
        **{f"recording.{name}": value for name, value in stream.metadata.items()},
    }
