"""Time in a recording: bench time never runs backwards, the system's clock runs with it, and so does the pump's."""

import math
from collections.abc import Mapping
from typing import Final

from hil.recording.contents import RecordedMessage
from hil.recording.layout import RATE_KEY
from hil.recording.looks import Look
from hil.verification.check import Check

__all__ = ["ClockCheck"]

_STEP_NS: Final = 1_000_000_000
"""What the system's clock may be set by without being told of."""
_MAX_FINDINGS: Final = 1000


class ClockCheck:
    """Follows three clocks."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        """Begin before the first message of a recording that says so of itself."""
        self._rate = _rate_in(metadata)
        self._messages = 0
        self._time_ms: int | None = None
        self._offset_ns: int | None = None
        self._boot: tuple[int, int, int] | None = None
        self._looks = 0
        self._findings: list[str] = []

    def take(self, message: RecordedMessage) -> None:
        """The next message."""
        self._messages += 1
        if self._time_ms is not None and message.time_ms < self._time_ms:
            self._find(
                f"byte {message.at} of the file: bench time goes back from {self._time_ms} to {message.time_ms} ms"
            )
        self._time_ms = message.time_ms
        offset_ns = message.wall_utc_ns - round(message.time_ms * 1_000_000 / self._rate)
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > _STEP_NS:
            step_s = (offset_ns - self._offset_ns) / 1e9
            self._find(f"at {message.time_ms} ms the system's clock went {step_s:+.3f} s against bench time")
        self._offset_ns = offset_ns

    def look(self, look: Look) -> None:
        """What the pump said of its own clock; only Status tells how often it was started."""
        if "boot_count" not in look.values:
            return
        self._looks += 1
        boots, uptime_ms, samples = (look.values[name] for name in ("boot_count", "uptime_ms", "sample_count"))
        if self._boot is not None:
            if boots < self._boot[0]:
                self._find(f"at {look.time_ms} ms the pump's starts go back from {self._boot[0]} to {boots}")
            elif boots == self._boot[0] and (uptime_ms < self._boot[1] or samples < self._boot[2]):
                self._find(
                    f"at {look.time_ms} ms the pump's uptime goes back from {self._boot[1]} ms, {self._boot[2]} "
                    f"samples to {uptime_ms} ms, {samples} samples, without a start"
                )
        self._boot = boots, uptime_ms, samples

    def check(self) -> Check:
        """What came of it."""
        faster = "" if self._rate == 1 else f", at {self._rate:g} times real time"
        said = f"bench time and system's clock of {self._messages} records{faster}"
        return Check("clocks", f"{said}, uptime in {self._looks} answers of the pump", tuple(self._findings))

    def _find(self, text: str) -> None:
        if len(self._findings) < _MAX_FINDINGS:
            self._findings.append(text)


def _rate_in(metadata: Mapping[str, str]) -> float:
    """By how much bench time was faster than real time: 1 unless the recording says otherwise, in a way that can be."""
    try:
        rate = float(metadata.get(RATE_KEY, "1"))
    except ValueError:
        return 1.0
    return rate if math.isfinite(rate) and rate > 0 else 1.0
