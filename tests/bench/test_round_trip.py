"""A request and its reply over a pseudo-terminal, beside a bare echo of as many bytes by pyserial, in one process."""

import multiprocessing
import os
import pty
import time
import tty
from collections.abc import Callable
from contextlib import suppress

import pytest
import serial

from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings
from hil.pump.programmer import Programmer
from protocols.channel import OpenChannel
from protocols.framing import encode_frame
from protocols.messages import Message, ReadStatus, Status, Telecommand, encode_message
from protocols.responder import Responder
from protocols.vectors import examples

_ROUNDS, _WANTED = 2000, 3.0


def _pump(master: int) -> None:
    """The far end that answers by the protocol."""
    status = examples(Status)[1]

    def answer(_: Telecommand) -> Message:
        return status

    responder = Responder(OpenChannel(), answer)
    with suppress(OSError):
        while True:
            os.write(master, responder.receive(os.read(master, 4096)))


def _echo(master: int) -> None:
    """The far end that gives as many bytes for a request, and knows nothing."""
    reply = encode_frame(OpenChannel().seal(encode_message(0, examples(Status)[1])))
    with suppress(OSError):
        while True:
            if os.read(master, 4096).endswith(b"\0"):
                os.write(master, reply)


def _with_far_end(far_end: Callable[[int], None], measure: Callable[[str], float]) -> float:
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    process = multiprocessing.get_context("fork").Process(target=far_end, args=(master,), daemon=True)
    process.start()
    try:
        return measure(os.ttyname(slave))
    finally:
        process.kill()
        process.join()
        os.close(master)
        os.close(slave)


def _bare(path: str) -> float:
    request = encode_frame(OpenChannel().seal(encode_message(0, ReadStatus())))
    length = len(encode_frame(OpenChannel().seal(encode_message(0, examples(Status)[1]))))
    with serial.Serial(path, 115_200, timeout=1) as port:
        return _each_us(lambda: (port.write(request), port.read(length)))


def _programmer(path: str) -> float:
    with open_link(path, SerialSettings(baud=115_200)) as link:
        programmer = Programmer(link)
        return _each_us(programmer.read_status)


def _each_us(once: Callable[[], object]) -> float:
    """The fastest hundred in a row, per round trip."""
    spent = []
    for _ in range(_ROUNDS // 100):
        start = time.perf_counter()
        for _ in range(100):
            once()
        spent.append((time.perf_counter() - start) * 1e4)
    return min(spent)


def test_a_request_beside_a_bare_echo(capsys: pytest.CaptureFixture[str]) -> None:
    """Both cross two processes; the ratio is what link, exchange, framing and construct add."""
    bare, ours = _with_far_end(_echo, _bare), _with_far_end(_pump, _programmer)
    with capsys.disabled():
        print(f"\n{'round trip over a pty':24}{'us':>10}{'goal':>10}")
        print(f"{'bare pyserial echo':24}{bare:10.0f}")
        print(f"{'request and reply':24}{ours:10.0f}")
        print(f"{'ratio':24}{ours / bare:10.2f}{_WANTED:10.1f}")
    assert ours / bare <= _WANTED
