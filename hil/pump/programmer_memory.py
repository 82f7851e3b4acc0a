"""What a programmer must not forget: the last wake number of a key, and the command whose outcome is not known."""

import json
from pathlib import Path

from hil.durable import write_whole
from hil.errors import UsageError
from protocols.commands.client import Outstanding

__all__ = ["FileMemory", "ProgrammerMemory"]


class ProgrammerMemory:
    """Kept in this process only: for simulated pumps, which forget as well."""

    def __init__(self, first: int = 1) -> None:
        """Begin with this wake number, and this number of a command: a pump may remember what was sent before."""
        self.last_wake = self.last_id = first - 1
        self._outstanding: Outstanding | None = None

    def next_wake(self, at_least: int = 0) -> int:
        """A wake number higher than all before it, kept before it is used."""
        self.last_wake = max(self.last_wake + 1, at_least)
        self.keep()
        return self.last_wake

    def outstanding(self) -> Outstanding | None:
        """The command that was sent last, unless its outcome is known."""
        return self._outstanding

    def begin(self, if_state: int) -> Outstanding:
        """Keep that a command is about to be sent, under a number that was never used before."""
        self.last_id += 1
        self._outstanding = Outstanding(self.last_id, if_state)
        self.keep()
        return self._outstanding

    def done(self) -> None:
        """Its outcome is known."""
        self._outstanding = None
        self.keep()

    def keep(self) -> None:
        """Nothing: it is in this process only."""


class FileMemory(ProgrammerMemory):
    """Kept in a file, written anew and whole before anything is sent."""

    def __init__(self, path: Path) -> None:
        """Go on from what the file says; begin if there is none. Raises UsageError if it cannot be read."""
        super().__init__()
        self._path = path
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        try:
            kept = json.loads(text)
            self.last_wake, self.last_id = int(kept["last_wake"]), int(kept["last_id"])
            self._outstanding = None if kept["outstanding"] is None else Outstanding(*map(int, kept["outstanding"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path}: is no programmer's memory ({error}); restore it, or take another key") from error

    def keep(self) -> None:
        """Write it down before anything is sent."""
        kept = {"last_wake": self.last_wake, "last_id": self.last_id, "outstanding": self._outstanding}
        write_whole(self._path, json.dumps(kept).encode())
