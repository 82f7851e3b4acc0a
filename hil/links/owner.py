"""Which process holds a lock, so that a dead one is known from a living one and from another that got its number."""

import getpass
import os
import platform
import shlex
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Owner"]

_COMMAND_CHARACTERS = 200
_STATE, _START = 0, 19
"""Of the fields behind the name in /proc/PID/stat (proc(5))."""
_DEAD = "ZXx"


@dataclass(frozen=True)
class Owner:
    """A process, as others can recognise it."""

    user: str
    pid: int
    start: str
    """When the process began, in ticks since the machine did; empty where the system does not tell."""
    host: str
    boot: str
    """Which start of the machine; empty where the system does not tell."""
    command: str
    pid_namespace: str = ""
    """Where its number counts: a container has numbers of its own. Empty where the system, or an old file, does not
    tell."""

    @classmethod
    def this_process(cls) -> "Owner":
        """The process that asks."""
        pid = os.getpid()
        return cls(_user(), pid, _start_of(pid) or "", platform.node(), _boot(), _command(), _pid_namespace())

    def is_dead(self) -> bool | None:
        """Whether the process has ended; None if that cannot be known here (another machine or container, no /proc)."""
        if (self.host, self.boot, self.pid_namespace) != (platform.node(), _boot(), _pid_namespace()):
            return None
        if not self.start:
            return None
        return _start_of(self.pid) != self.start

    def is_this_process(self) -> bool:
        """Whether it is the one that asks."""
        return self == Owner.this_process()

    def __str__(self) -> str:
        if self.is_this_process():
            return f"this very process ({self.pid})"
        return f"{self.user}, process {self.pid} on {self.host} ({self.command})"


def _start_of(pid: int) -> str | None:
    """When a living process began; None if there is none. A zombie has ended: it holds nothing any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE] in _DEAD else fields[_START]


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path, but a name such as pid:[4026531836]
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name, as in some containers
        return "unknown"


def _command() -> str:
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return shlex.join([program, *sys.argv[1:]])[:_COMMAND_CHARACTERS]
