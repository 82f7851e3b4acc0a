"""Where what was decoded goes to: one file, or one for each kind in a folder. A file has its name once it is whole."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np

from hil.errors import UsageError
from hil.export.kinds import Kind
from hil.export.tables import Table
from hil.output import writing_to

__all__ = ["KindFile", "OpenFile", "Sink", "TableFolder", "WholeFile", "in_order"]

PARTIAL_SUFFIX: Final = ".partial"


class Sink(Protocol):
    """Takes tables, piece by piece."""

    needs_encoded: bool
    """Whether it wants what stood on the wire."""

    def write(self, tables: Sequence[Table]) -> None:
        """Take a piece."""

    def finish(self) -> list[Path]:
        """Everything was taken; gives the files that there are now."""

    def abandon(self) -> None:
        """Leave nothing half done behind."""


class KindFile(Protocol):
    """A file of the rows of one kind."""

    def write(self, table: Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Make it whole."""


class WholeFile:
    """A path that is taken once its file is whole: until then the file has another name beside it."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError if there is one already: an export never replaces anything."""
        if path.exists():
            raise UsageError(f"{path}: there is one already; name another, or delete it")
        self.path = path
        self.partial = path.with_name(path.name + PARTIAL_SUFFIX)
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)

    def finish(self) -> Path:
        """Give it its name."""
        self.partial.replace(self.path)
        return self.path

    def abandon(self) -> None:
        """Delete what there is."""
        self.partial.unlink(missing_ok=True)


class OpenFile(WholeFile):
    """One that is written here."""

    def __init__(self, path: Path, mode: str, encoding: str | None = None) -> None:
        """Create it. Raises UsageError."""
        super().__init__(path)
        with writing_to(path):
            self.file: IO[Any] = self.partial.open(mode, encoding=encoding)

    def finish(self) -> Path:
        """Give it its name. Raises BenchFault if the disk does not take the rest."""
        with writing_to(self.path):
            self.file.close()
        return super().finish()

    def abandon(self) -> None:
        """Delete what there is."""
        with suppress(OSError):  # what does not fit on the disk does not matter any more
            self.file.close()
        super().abandon()


class TableFolder:
    """A file for each kind: in a folder, by the kind's name; or a single one for a single kind."""

    needs_encoded = False

    def __init__(self, out: Path, suffix: str, opened: Callable[[Path, Kind], KindFile], only: Kind | None) -> None:
        """Write to ``out``, a folder; or a file if it ends with ``suffix``, and ``only`` one kind can come."""
        self._is_file = out.suffix == suffix
        if self._is_file and only is None:
            raise UsageError(f"{out}: a file holds one type; name it with --type, or a folder")
        if not self._is_file and out.is_file():
            raise UsageError(f"{out}: is a file; name a folder, or a file that ends with {suffix}")
        if not self._is_file and out.is_dir() and any(out.iterdir()):
            raise UsageError(f"{out}: is a folder with something in it; name another")
        self._out, self._suffix, self._opened = out, suffix, opened
        self._files: dict[str, tuple[WholeFile, KindFile]] = {}
        self.rows: Counter[str] = Counter()

    def write(self, tables: Sequence[Table]) -> None:
        """Take a piece. Raises UsageError, BenchFault if the disk does not."""
        for table in tables:
            with writing_to(self._out):
                self._file(table.kind).write(table)

    def finish(self) -> list[Path]:
        """Close all of them. Raises BenchFault if the disk does not take the rest."""
        with writing_to(self._out):
            for _, file in self._files.values():
                file.close()
        return [whole.finish() for whole, _ in self._files.values()]

    def abandon(self) -> None:
        """Delete all of them."""
        for whole, _ in self._files.values():
            whole.abandon()

    def _file(self, kind: Kind) -> KindFile:
        found = self._files.get(kind.name)
        if found is None:
            whole = WholeFile(self._out if self._is_file else self._out / f"{kind.name}{self._suffix}")
            found = self._files[kind.name] = (whole, self._opened(whole.partial, kind))
        return found[1]


def in_order(tables: Sequence[Table]) -> Iterator[tuple[int, int]]:
    """Numbers of table and row, in the order of the recording."""
    order = np.concatenate([table.order for table in tables]) if tables else np.empty(0, np.int64)
    sizes = [table.order.size for table in tables]
    number = np.repeat(np.arange(len(tables)), sizes)
    row = np.concatenate([np.arange(size) for size in sizes]) if tables else order
    ranked = np.argsort(order, kind="stable")
    return zip(number[ranked].tolist(), row[ranked].tolist(), strict=True)
