"""Keys as a terminal sends them: a pseudo-terminal is standard input."""

import os
import pty
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.player.terminal_keys import TerminalKeys


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where keys are pressed."""
    master, slave = pty.openpty()
    with Path(os.ttyname(slave)).open(encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield master
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("sent", "pressed"),
    [
        (b"\x1b[C\x1b[C\x1b[C", ["right"] * 3),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        (b"\x1bOA\x1bOB\x1bOC\x1bOD", ["up", "down", "right", "left"]),
        (b" +\x1b[Dq", [" ", "+", "left", "q"]),
        (b"\x1b", ["\x1b"]),
        (b"\x1b[5~-", ["\x1b[5~", "-"]),
        (b"\x1b[C" * 200, ["right"] * 200),
    ],
)
def test_every_key_of_one_read_counts(master: int, sent: bytes, pressed: list[str]) -> None:
    """In their order, arrows in both modes of a terminal; what is no key of ours is one key and no letters."""
    with TerminalKeys() as keys:
        os.write(master, sent)
        assert keys.pressed(1.0) == pressed
        assert keys.pressed(0.0) == []


def test_a_key_in_two_reads_is_one(master: int) -> None:
    """A slow line brings the end of an arrow later."""
    with TerminalKeys() as keys:
        os.write(master, b"-\x1b[")
        late = threading.Timer(0.01, os.write, (master, b"B"))
        late.start()
        assert keys.pressed(1.0) == ["-", "down"]
        late.join()
