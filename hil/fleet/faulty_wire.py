"""A wire between a programmer and a simulated pump that loses, doubles, damages and delays frames."""

import heapq
from random import Random

from hil.virtual_bench.device import Device

__all__ = ["FaultyWire"]

_DELIMITER = b"\x00"
_LONGEST_DELAY_MS = 3_000
"""Longer than a deadline: a delayed answer comes after the retry, and after answers to later questions."""


class FaultyWire:
    """Stands before a device; each frame, either way, meets each accident with the same probability."""

    def __init__(self, device: Device, seed: int, badness: float = 0.05) -> None:
        """Wire up ``device``. What happens depends on ``seed`` and on the frames alone."""
        self._device = device
        self._chance = Random(seed)  # noqa: S311 - accidents, not secrets
        self._badness = badness
        self._under_way: list[tuple[int, int, bool, bytes]] = []
        self._sent = 0
        self.accidents = 0
        """How many there were."""

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """What comes back at once."""
        return b"".join(self._to_pump(now_ms, frame) for frame in self._through(now_ms, data, to_pump=True))

    def next_emit_ms(self) -> int | None:
        """When something that is under way arrives, or the device speaks by itself."""
        times = [self._under_way[0][0]] if self._under_way else []
        due_ms = self._device.next_emit_ms()
        return min([*times, *([] if due_ms is None else [due_ms])], default=None)

    def emit(self, now_ms: int) -> bytes:
        """What arrives at the programmer."""
        arrived = b""
        while self._under_way and self._under_way[0][0] <= now_ms:
            *_, to_pump, frame = heapq.heappop(self._under_way)
            arrived += self._to_pump(now_ms, frame) if to_pump else frame
        due_ms = self._device.next_emit_ms()
        if due_ms is not None and due_ms <= now_ms:
            arrived += b"".join(self._through(now_ms, self._device.emit(now_ms), to_pump=False))
        return arrived

    def _to_pump(self, now_ms: int, frame: bytes) -> bytes:
        return b"".join(self._through(now_ms, self._device.receive(now_ms, frame), to_pump=False))

    def _through(self, now_ms: int, data: bytes, *, to_pump: bool) -> list[bytes]:
        """The frames that arrive at once; others are lost, or come later."""
        arrived = []
        for frame in data.split(_DELIMITER)[:-1]:
            for _ in range(2 if self._accident() else 1):
                if self._accident():
                    continue
                whole = self._damaged(frame) + _DELIMITER
                if self._accident():
                    self._sent += 1
                    delay_ms = self._chance.randrange(1, _LONGEST_DELAY_MS)
                    heapq.heappush(self._under_way, (now_ms + delay_ms, self._sent, to_pump, whole))
                else:
                    arrived.append(whole)
        return arrived

    def _damaged(self, frame: bytes) -> bytes:
        if not frame or not self._accident():
            return frame
        spoilt = bytearray(frame)
        spoilt[self._chance.randrange(len(spoilt))] ^= 1 << self._chance.randrange(8)
        return bytes(spoilt)

    def _accident(self) -> bool:
        happens = self._chance.random() < self._badness
        self.accidents += happens
        return happens
