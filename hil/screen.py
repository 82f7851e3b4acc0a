"""The one place that makes consoles: what a person reads is what was written, whatever its text."""

import sys

from rich.console import Console

__all__ = ["screen"]


class _Screen(Console):
    """rich would end the process with exit code 1 where a pipe is closed, and that is a requirement that failed."""

    def on_broken_pipe(self) -> None:
        """Tell whoever prints: called while the error is handled."""
        raise  # noqa: PLE0704


def screen(*, stderr: bool = False) -> Console:
    """A console for this process's standard output, or standard error.

    No ``:name:`` of a text becomes an emoji, for a wire is named so, and a command that is shown must be the one to
    type. No line is broken: a terminal does that by itself, and a log is searched line by line.
    """
    stream = sys.stderr if stderr else sys.stdout  # this very stream: pytest puts another in its place
    return _Screen(file=stream, emoji=False, highlight=False, soft_wrap=True)
