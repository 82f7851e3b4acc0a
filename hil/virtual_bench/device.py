"""What a simulated device is to the wires: bytes and a time in, bytes out."""

from typing import Protocol

__all__ = ["Device"]


class Device(Protocol):
    """A simulated device at the far end of a link: the pump, a balance, a bath.

    It neither sleeps nor opens a port. In process it stands behind a virtual link; served, behind a
    pty and a socket. One answer is due at once (``receive``); what it says later by itself comes from
    ``emit`` at the time that ``next_emit_ms`` names.
    """

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes from the wire (any split) and give those that go back at once."""

    def next_emit_ms(self) -> int | None:
        """When the device will next speak unasked, in bench ms; None if it will not."""

    def emit(self, now_ms: int) -> bytes:
        """What the device says unasked at ``now_ms``."""
