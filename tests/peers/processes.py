"""Starting other people's programs: ports, and waiting until they listen."""

import socket
import time

__all__ = ["free_port", "wait_until_listening"]


def free_port() -> int:
    """A TCP port on the loopback that nobody listened on a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until_listening(port: int, seconds: float = 30) -> None:
    """Return as soon as something accepts connections on ``port``. Raises TimeoutError if nothing does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on 127.0.0.1:{port}")
