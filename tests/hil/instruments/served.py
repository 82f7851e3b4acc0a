"""A simulated instrument behind a real wire, in a thread of its own."""

import contextlib
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Iterator

from hil.virtual_bench.device import Device

__all__ = ["WIRES", "served"]

WIRES = {
    "serial-pty": "{}",
    "serial-socket": "socket://127.0.0.1:{}",
    "visa-asrl": "ASRL{}::INSTR",
    "visa-socket": "TCPIP::127.0.0.1::{}::SOCKET",
}


@contextlib.contextmanager
def served(device: Device, wire: str) -> Iterator[str]:
    """The resource name under which ``device`` is reached by ``wire``."""
    stop = threading.Event()
    with contextlib.ExitStack() as cleanup:
        if wire in {"serial-pty", "visa-asrl"}:
            near, far = os.openpty()
            tty.setraw(near)
            tty.setraw(far)
            cleanup.callback(os.close, near)
            cleanup.callback(os.close, far)
            name, descriptor, listener = os.ttyname(far), near, None
        else:
            listener = cleanup.enter_context(socket.create_server(("127.0.0.1", 0)))
            name, descriptor = str(listener.getsockname()[1]), -1
        thread = threading.Thread(target=_serve, args=(device, descriptor, listener, stop), daemon=True)
        thread.start()
        try:
            yield WIRES[wire].format(name)
        finally:
            stop.set()
            thread.join(timeout=5)


def _serve(device: Device, descriptor: int, listener: socket.socket | None, stop: threading.Event) -> None:
    with contextlib.ExitStack() as cleanup:
        if listener is not None:
            listener.settimeout(5)
            connection = cleanup.enter_context(listener.accept()[0])
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            descriptor = connection.fileno()
        began = time.monotonic()
        while not stop.is_set():
            if select.select([descriptor], [], [], 0.02)[0]:
                data = os.read(descriptor, 4096)
                if not data and listener is not None:
                    return
                os.write(descriptor, device.receive(int((time.monotonic() - began) * 1000), data))
