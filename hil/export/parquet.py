"""Parquet: one file for each kind; units, meanings and what the recording says of itself are in the schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hil.export.kinds import Kind
from hil.export.tables import Table

__all__ = ["ParquetFile"]

_ROWS: Final = 1 << 17
"""Of a row group: so many of a kind are kept in memory."""
_ORDERED: Final = ("time_ms", "utc")
"""Rows are in their order: only of these can readers leave out row groups by their smallest and largest value."""


class ParquetFile:
    """One file, written a row group at a time."""

    def __init__(self, path: Path, kind: Kind, metadata: Mapping[str, str]) -> None:
        """Create ``path``, with ``metadata`` of the recording."""
        self._schema = kind.schema.with_metadata(dict(metadata))
        names = [column.name for column in kind.schema if pa.types.is_dictionary(column.type)]
        encodings = {column.name: "DELTA_BINARY_PACKED" for column in kind.schema if _is_wide(column.type)}
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="snappy",
            use_dictionary=names,
            column_encoding=encodings,
            write_statistics=list(_ORDERED),
        )
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, table: Table) -> None:
        """Append rows."""
        self._pending.append(table.rows)
        self._rows += table.rows.num_rows
        if self._rows >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            batches = [batch.cast(self._schema) for batch in self._pending]
            self._writer.write_table(pa.Table.from_batches(batches, self._schema).unify_dictionaries())
        self._pending, self._rows = [], 0


def _is_wide(kind: pa.DataType) -> bool:
    """Whether values of the type are better kept as differences: a third of the file, and less time to write it."""
    return bool(pa.types.is_timestamp(kind) or (pa.types.is_integer(kind) and kind.bit_width >= 32))
