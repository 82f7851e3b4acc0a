"""A command to an instrument beside a bare pyvisa query of the same bytes over the same wire, in one process."""

import multiprocessing
import os
import pty
import socket
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import pyvisa

from hil.clock import WallClock
from hil.instruments.multimeter_scpi import ScpiMultimeter
from hil.links.open_link import open_link
from hil.virtual_bench.sim_multimeter import SimulatedMultimeter

_BLOCKS, _IN_A_BLOCK, _WANTED = 20, 100, 2.0


def _answer(read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
    """The far end: a simulated multimeter whose answer to a reading is worked out once."""
    meter = SimulatedMultimeter(lambda _: 3.6, lambda _: 0.02, 1)
    known: dict[bytes, bytes] = {}
    with suppress(OSError):
        while data := read():
            if data not in known:
                known[data] = meter.receive(0, data)
            write(known[data])


def _serve_socket(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _answer(lambda one=connection: one.recv(4096), connection.sendall)  # type: ignore[misc]


def _serve_pty(near: int) -> None:
    _answer(lambda: os.read(near, 4096), lambda data: os.write(near, data))


@contextmanager
def _served(wire: str) -> Iterator[str]:
    fork = multiprocessing.get_context("fork")
    if wire == "TCPIP":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = fork.Process(target=_serve_socket, args=(listener,), daemon=True)
            process.start()
            yield f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
            process.kill()
            process.join()
        return
    near, far = pty.openpty()
    tty.setraw(near)
    tty.setraw(far)
    process = fork.Process(target=_serve_pty, args=(near,), daemon=True)
    process.start()
    yield f"ASRL{os.ttyname(far)}::INSTR"
    process.kill()
    process.join()
    os.close(near)
    os.close(far)


def _block_us(once: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(_IN_A_BLOCK):
        once()
    return (time.perf_counter() - start) * 1e6 / _IN_A_BLOCK


@pytest.mark.parametrize("wire", ["TCPIP", "ASRL"])
def test_a_command_beside_a_bare_query(wire: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both send MEAS:VOLT:DC? and read its answer; the ratio is what the driver adds, less what its link saves."""
    with _served(wire) as resource:
        opened = pyvisa.ResourceManager("@py").open_resource(resource, read_termination="\n", write_termination="\n")
        bare = min(_block_us(lambda: float(opened.query("MEAS:VOLT:DC?"))) for _ in range(_BLOCKS))  # type: ignore[attr-defined]
        opened.close()
        with open_link(resource, ScpiMultimeter.SERIAL) as link:
            meter = ScpiMultimeter(link, WallClock())
            meter.voltage_v()
            ours = min(_block_us(meter.voltage_v) for _ in range(_BLOCKS))
    with capsys.disabled():
        print(f"\n{'a reading over ' + wire:28}{'us':>10}{'goal':>10}")
        print(f"{'bare pyvisa query':28}{bare:10.0f}")
        print(f"{'driver':28}{ours:10.0f}")
        print(f"{'ratio':28}{ours / bare:10.2f}{_WANTED:10.1f}")
    assert ours / bare <= _WANTED
