"""The one place that makes consoles: what a person reads is what was written, whatever its text."""

import sys
from typing import Any, TextIO

from rich.console import Console

__all__ = ["screen"]


class _Unread:
    """A stream whose reader may leave: what cannot be written any more is dropped, for the run goes on without it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_left = False

    def write(self, text: str) -> int:
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Any, *arguments: str) -> None:
        if not self._is_left:
            try:
                act(*arguments)
            except (OSError, ValueError):  # a terminal or a pipe that was closed, a full disk
                self._is_left = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Screen(Console):
    """rich would end the process with exit code 1 where a pipe is closed, and that is a requirement that failed."""

    def on_broken_pipe(self) -> None:
        """Tell whoever prints: called while the error is handled."""
        raise  # noqa: PLE0704


def screen(*, stderr: bool = False, outlives_reader: bool = False) -> Console:
    """A console for this process's standard output, or standard error.

    No ``:name:`` of a text becomes an emoji, for a wire is named so, and a command that is shown must be the one to
    type. No line is broken: a terminal does that by itself, and a log is searched line by line. With
    ``outlives_reader`` nothing that becomes of the stream is an error.
    """
    stream = sys.stderr if stderr else sys.stdout  # this very stream: pytest puts another in its place
    file: Any = _Unread(stream) if outlives_reader else stream
    return _Screen(file=file, emoji=False, highlight=False, soft_wrap=True)
