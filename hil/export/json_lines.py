"""JSON lines: one object for each row, of all kinds, in the order of the recording."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from hil.export.flat import for_json
from hil.export.sink import OpenFile, in_order
from hil.export.tables import Table
from hil.output import writing_to

__all__ = ["JsonLines", "json_lines"]


def json_lines(tables: Sequence[Table]) -> Iterator[str]:
    """A line for each row: ``type``, then its columns by name."""
    objects = [for_json(table.rows) for table in tables]
    for number, row in in_order(tables):
        content = {"type": tables[number].kind.name, **objects[number][row]}
        yield json.dumps(content, separators=(",", ":"), ensure_ascii=False)


class JsonLines:
    """One file."""

    needs_encoded = False

    def __init__(self, path: Path) -> None:
        """Create ``path``. Raises UsageError."""
        self._whole = OpenFile(path, "w", "utf-8")

    def write(self, tables: Sequence[Table]) -> None:
        """Append a piece. Raises BenchFault if the disk does not take it."""
        with writing_to(self._whole.path):
            self._whole.file.writelines(line + "\n" for line in json_lines(tables))

    def finish(self) -> list[Path]:
        """Make it whole. Raises BenchFault if the disk does not take the rest."""
        return [self._whole.finish()]

    def abandon(self) -> None:
        """Delete it."""
        self._whole.abandon()
