"""Where drivers are tried: virtual time, a wire to one device, and a device that says what it is told to say."""

from hil.links.virtual import VirtualLink
from hil.virtual_bench.device import Device

__all__ = ["Bench", "Scripted"]


class Bench:
    """Virtual time for one device; the clock of its driver."""

    start_utc_ms = 0

    def __init__(self) -> None:
        self.time_ms = 0

    def now_ms(self) -> int:
        """Bench time."""
        return self.time_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Move on."""
        self.time_ms += duration_ms

    def link(self, device: Device) -> VirtualLink:
        """A wire to ``device``."""
        return VirtualLink("sim:device", device, self.now_ms, lambda now_ms: setattr(self, "time_ms", now_ms))


class Scripted:
    """A device that answers with what it was told to, or not at all."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heard: list[bytes] = []

    def receive(self, now_ms: int, data: bytes) -> bytes:  # noqa: ARG002 - the shape of a device
        """The next answer."""
        self.heard.append(data)
        return self.answers.pop(0) if self.answers else b""

    def next_emit_ms(self) -> None:
        """Never."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device
        """Nothing."""
        return b""
