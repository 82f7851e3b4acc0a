"""Keys as they are pressed, one by one, while a terminal is in use; and the terminal as it was, afterwards."""

import os
import select
import sys
from types import TracebackType
from typing import Any, Self

__all__ = ["TerminalKeys"]

_ARROWS = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1bOC": "right",
    b"\x1bOD": "left",
}


class TerminalKeys:
    """Standard input without line and echo; nothing at all if it is no terminal."""

    def __init__(self) -> None:
        """Look at standard input."""
        self.is_there = sys.platform != "win32" and sys.stdin.isatty()
        self._saved: Any = None

    def __enter__(self) -> Self:
        if self.is_there:
            import termios  # noqa: PLC0415 - not on every system
            import tty  # noqa: PLC0415

            self._saved = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin.fileno())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._saved is not None:
            import termios  # noqa: PLC0415

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)

    def pressed(self, seconds: float) -> str:
        """The key that is pressed within ``seconds``: a character, or the name of an arrow; empty if none is."""
        if not self.is_there or not select.select([sys.stdin], [], [], seconds)[0]:
            return ""
        data = os.read(sys.stdin.fileno(), 16)
        if not data:
            self.is_there = False  # hung up
            return ""
        return _ARROWS.get(data[:3], data[:1].decode(errors="replace"))
