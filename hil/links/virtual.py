"""A link to a simulated device in this process; its timeouts count in virtual time."""

from collections.abc import Callable

from hil.errors import LinkError
from hil.links.link import BufferedLink
from hil.virtual_bench.device import Device

__all__ = ["VirtualLink"]


class VirtualLink(BufferedLink):
    """The device answers at once; a read that waits in vain lets virtual time pass until its deadline."""

    def __init__(
        self, resource: str, device: Device, now_ms: Callable[[], int], advance_to: Callable[[int], None]
    ) -> None:
        """Plug into ``device``, whose world tells and moves its time through the two callables."""
        super().__init__(resource)
        self._device = device
        self._now_ms = now_ms
        self._advance_to = advance_to
        self._arrived = bytearray()
        self._closed = False

    def monotonic_ms(self) -> int:
        """Virtual time."""
        return self._now_ms()

    def _send(self, data: bytes) -> None:
        if self._closed:
            raise LinkError(f"{self.resource}: the link is closed")
        self._arrived += self._device.receive(self._now_ms(), data)

    def _receive(self, timeout_ms: int) -> bytes:
        if self._closed:
            raise LinkError(f"{self.resource}: the link is closed")
        deadline_ms = self._now_ms() + timeout_ms
        self._listen()
        while not self._arrived and self._now_ms() < deadline_ms:
            due_ms = self._next_ms()
            self._advance_to(deadline_ms if due_ms is None else min(max(due_ms, self._now_ms()), deadline_ms))
            self._listen()
        arrived = bytes(self._arrived)
        self._arrived.clear()
        return arrived

    def _next_ms(self) -> int | None:
        """When it is worth to look again."""
        return self._device.next_emit_ms()

    def _listen(self) -> None:
        due_ms = self._device.next_emit_ms()
        if due_ms is not None and due_ms <= self._now_ms():
            self._arrived += self._device.emit(self._now_ms())

    def _close(self) -> None:
        self._closed = True
