"""What traffic from nobody in particular may cost: a bucket of bytes, and how to listen when it is empty."""

__all__ = ["ListeningBucket"]

_WINDOW_MS, _PERIOD_MS = 1000, 30_000
_FRAMES_PER_WINDOW = 2
_MS_PER_DAY = 86_400_000


class ListeningBucket:
    """Bytes that may still be heard without being authenticated.

    While there are some, the pump listens all the time. When there are none it listens for 1 s in 30 s, and in each of
    these until two frames have failed: never not at all, for a programmer who is refused cannot help a patient.
    """

    def __init__(self, capacity_bytes: int, bytes_per_day: int) -> None:
        """Begin full, and fill up by ``bytes_per_day``."""
        self._capacity = capacity_bytes * _MS_PER_DAY
        self._per_ms = bytes_per_day
        self._level = self._capacity
        """In bytes times the ms of a day: whole numbers, whoever asks how often."""
        self._at_ms = 0
        self._window = -1
        self._failed = 0

    def listens(self, now_ms: int) -> bool:
        """Whether bytes that arrive now are heard."""
        self._fill(now_ms)
        if self._level > 0:
            return True
        window, into_ms = divmod(now_ms, _PERIOD_MS)
        return into_ms < _WINDOW_MS and (window != self._window or self._failed < _FRAMES_PER_WINDOW)

    def draw(self, now_ms: int, byte_count: int, frames: int) -> None:
        """So many bytes were heard, of so many frames, and nobody stands behind them."""
        self._fill(now_ms)
        self._level = max(self._level - byte_count * _MS_PER_DAY, -byte_count * _MS_PER_DAY)
        window = now_ms // _PERIOD_MS
        if window != self._window:
            self._window, self._failed = window, 0
        self._failed += frames

    def give_back(self, byte_count: int) -> None:
        """Bytes that were drawn turned out to be authentic: the beginning of a frame whose end came later."""
        self._level = min(self._capacity, self._level + byte_count * _MS_PER_DAY)

    def _fill(self, now_ms: int) -> None:
        if now_ms > self._at_ms:
            self._level = min(self._capacity, self._level + (now_ms - self._at_ms) * self._per_ms)
            self._at_ms = now_ms
