"""CSV: one file for each kind, with the columns of its Parquet table."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from hil.export.flat import for_csv
from hil.export.kinds import Kind
from hil.export.tables import Table

__all__ = ["CsvFile"]


class CsvFile:
    """One file, with a line of names first."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Create ``path``."""
        schema = for_csv(pa.RecordBatch.from_pylist([], schema=kind.schema)).schema
        self._writer = csv.CSVWriter(path, schema)

    def write(self, table: Table) -> None:
        """Append rows."""
        self._writer.write_batch(for_csv(table.rows))

    def close(self) -> None:
        """Make it whole."""
        self._writer.close()
