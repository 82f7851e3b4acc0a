"""A link to the person at this terminal: a task goes out in words, and what is typed comes back as its answer."""

import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from hil.errors import LinkError
from hil.links.link import BufferedLink
from protocols.instruments.operator import IDENTIFY, Task, format_done, format_name, format_refused, parse_task

__all__ = ["CONSOLE", "ConsoleLink"]

CONSOLE = "console:"
"""How a bench file names it."""


class ConsoleLink(BufferedLink):
    """Shows the words of each task, and takes what is typed for the answer.

    An empty line means that it is done; one that begins with ``no`` that it is not.
    """

    def __init__(self, resource: str, asking: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Talk to this process's terminal, in ``asking()`` from each question to its answer, so that nothing else does.

        Raises LinkError if there is no terminal.
        """
        super().__init__(resource)
        self._task: Task | None = None
        self._asking = asking
        self._asked = ExitStack()
        try:
            self._terminal = os.open("CON" if sys.platform == "win32" else "/dev/tty", os.O_RDWR)
        except OSError as error:
            raise LinkError(
                f"{resource}: there is no terminal to ask a person at; start the run in one, or leave "
                "[instruments.operator] out"
            ) from error

    def monotonic_ms(self) -> int:
        """Real time."""
        return time.monotonic_ns() // 1_000_000

    def _send(self, data: bytes) -> None:
        self._task = parse_task(data)
        self._asked.close()  # nobody answered the one before
        self._asked.enter_context(self._asking())
        self._write(f"\r\n\a>> Please {self._task.words}.\r\n   [Enter] when done, or the answer; `no REASON` if not: ")

    def _receive(self, timeout_ms: int) -> bytes:
        if sys.platform != "win32" and not select.select([self._terminal], [], [], timeout_ms / 1000)[0]:
            return b""
        try:
            typed = os.read(self._terminal, 4096).decode(errors="replace").strip()
        except OSError as error:
            raise LinkError(f"{self.resource}: lost while reading: {error.strerror}") from error
        self._asked.close()
        word, _, reason = typed.partition(" ")
        if self._task is not None and self._task.verb == IDENTIFY:
            return format_name(typed or "unnamed")
        return format_refused(reason) if word.lower() == "no" else format_done(typed)

    def _close(self) -> None:
        self._asked.close()
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def _write(self, text: str) -> None:
        try:
            os.write(self._terminal, text.encode())
        except OSError as error:
            raise LinkError(f"{self.resource}: lost while sending: {error.strerror}") from error
