"""A device that never stops talking: what it says is read when it says it."""

import socket
import struct
import threading
import time
from bisect import bisect_right
from itertools import accumulate
from statistics import median

from hil.links.open_link import open_link
from hil.links.serial_settings import SerialSettings

_STAMP = struct.Struct("<d")
_PIECE_BYTES = 1024
_PIECES = 800
_EVERY_S = 0.0025
"""400 kB/s."""


def test_dense_bytes_of_a_socket_are_read_at_once() -> None:
    """At 400 kB/s for 2 s no byte waits for long before it is read, though there are always more behind it."""
    read: list[tuple[float, bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = threading.Event()
        talking = threading.Thread(target=_talk, args=(server, opened))
        talking.start()
        with open_link(f"socket://127.0.0.1:{server.getsockname()[1]}", SerialSettings()) as link:
            opened.set()  # pyserial throws away what came while it opened
            until = time.monotonic() + 30
            while sum(len(data) for _, data in read) < _PIECES * _PIECE_BYTES and time.monotonic() < until:
                data = link.read_some(200)
                read.append((time.monotonic(), data))
        talking.join()
    whole = b"".join(data for _, data in read)
    assert len(whole) == _PIECES * _PIECE_BYTES
    said_s = [_STAMP.unpack_from(whole, at)[0] for at in range(0, len(whole), _PIECE_BYTES)]
    ends = list(accumulate(len(data) for _, data in read))
    late_s = [read[bisect_right(ends, n * _PIECE_BYTES)][0] - said for n, said in enumerate(said_s)]
    assert median(late_s) < 0.02
    assert max(len(data) for _, data in read) < 65_536


def _talk(server: socket.socket, opened: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        opened.wait(10)
        began = time.monotonic()
        for number in range(_PIECES):
            time.sleep(max(0.0, began + number * _EVERY_S - time.monotonic()))
            connection.sendall(_STAMP.pack(time.monotonic()).ljust(_PIECE_BYTES, b"."))
        connection.recv(1)  # until the other end has read all
