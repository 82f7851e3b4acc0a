"""What has come on a socket, whichever library opened it."""

import select
import socket

__all__ = ["receive_from"]

_MOST_BYTES = 65_536


def receive_from(below: socket.socket, timeout_ms: int) -> bytes:
    """All that is there, in one call, as soon as anything is; nothing if none came within ``timeout_ms``.

    Byte by byte a device that talks without a pause is read more slowly than it talks. Raises OSError if the port is
    lost.
    """
    if not select.select([below], [], [], timeout_ms / 1000)[0]:
        return b""
    try:
        data = below.recv(_MOST_BYTES)
    except BlockingIOError:  # it was ready, and then it was not, as after a checksum that was wrong
        return b""
    if not data:
        raise ConnectionError("the device closed the connection")
    return data
