"""Keys as they are pressed, one by one, while a terminal is in use; and the terminal as it was, afterwards."""

import os
import re
import select
import sys
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["TerminalKeys"]

_NAMES: Final = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
_ARROWS: Final = {begin + letter: name for begin in (b"\x1b[", b"\x1bO") for letter, name in _NAMES.items()}
"""In a terminal's normal mode, and in its application mode."""
_KEY: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[@-~]|.", re.DOTALL)
"""A control sequence (ECMA-48, 5.4), or a byte."""
_TORN: Final = re.compile(rb"\x1b(\[[0-?]*[ -/]*|O)?\Z")
_REST_S: Final = 0.05
"""Within which the rest of a sequence comes; escape alone is a key too."""
_READ_BYTES: Final = 1024


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

    def pressed(self, seconds: float) -> list[str]:
        """The keys that are pressed within ``seconds``, in order: characters, and the names of arrows."""
        data = self._read(seconds)
        while _TORN.search(data) and (rest := self._read(_REST_S)):
            data += rest
        return [_ARROWS.get(key, key.decode(errors="replace")) for key in _KEY.findall(data)]

    def _read(self, seconds: float) -> bytes:
        if not self.is_there or not select.select([sys.stdin], [], [], seconds)[0]:
            return b""
        data = os.read(sys.stdin.fileno(), _READ_BYTES)
        self.is_there = bool(data)  # nothing: it has hung up
        return data
