"""What has come on a serial port, whichever library opened it."""

import time
from contextlib import suppress
from typing import Any

__all__ = ["receive_from_port"]


def receive_from_port(port: Any, timeout_ms: int) -> bytes:
    """All that is there, as soon as anything is; nothing if none came within ``timeout_ms``.

    ``port`` is pyserial's, whose own short timeout stays as it is. Raises OSError, or TypeError or ValueError of a port
    that was closed meanwhile, if it is lost; what had come before that was given back already.
    """
    deadline_s = time.monotonic() + timeout_ms / 1000
    while not (waiting := port.in_waiting):
        if time.monotonic() >= deadline_s:
            return b""
        data = bytes(port.read(1))
        if data:
            with suppress(OSError, TypeError, ValueError):  # lost right behind it: the next read says so
                data += port.read(port.in_waiting)  # what came with it is there already
            return data
    return bytes(port.read(waiting))
