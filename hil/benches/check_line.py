"""What a check found of one device."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from hil.errors import RigError

__all__ = ["CheckLine", "Timing", "timed"]

_EXCHANGES = 10
_LONG_ENOUGH_S = 5.0
"""Of a device so slow, fewer exchanges say enough."""


@dataclass(frozen=True)
class Timing:
    """How long the exchanges with a device took."""

    exchanges: int
    median_ms: float
    longest_ms: float

    def __str__(self) -> str:
        return f"{self.exchanges} exchanges, median {self.median_ms:.1f} ms, longest {self.longest_ms:.1f} ms"


@dataclass(frozen=True)
class CheckLine:
    """One device, or the bench as a whole: what was found, and what is wrong with it if anything is."""

    name: str
    found: str = ""
    """Who answers."""
    problem: str = ""
    state: str = ""
    """What it is set to now."""
    link: str = ""
    timing: Timing | None = None
    calibration: str = ""
    """Until when it is good; nothing for what measures nothing."""
    safe_state: str = ""
    """What a run leaves it in; nothing for what can do no harm."""
    lock: str = ""
    """Who holds its port; nothing for what has none."""

    def __str__(self) -> str:
        """All that was found, the problem last."""
        said = [
            self.found,
            self.state and f"now {self.state}",
            "" if self.timing is None else str(self.timing),
            self.calibration and f"calibration {self.calibration}",
            self.safe_state and f"safe state {self.safe_state}",
            self.lock and f"lock {self.lock}",
        ]
        found = "; ".join(each for each in said if each)
        return ": ".join(filter(None, (found, self.problem)))

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {**asdict(self), "ok": not self.problem}


def timed(ask: Callable[[], object]) -> tuple[Timing | None, str]:
    """How long up to ten exchanges in a row take, and what is wrong with the first that fails."""
    took_ms: list[float] = []
    problem = ""
    for number in range(1, _EXCHANGES + 1):
        if sum(took_ms) > _LONG_ENOUGH_S * 1000:
            break
        begin = time.perf_counter()
        try:
            ask()
        except RigError as error:
            problem = f"exchange {number} of {_EXCHANGES}: {error}"
            break
        took_ms.append((time.perf_counter() - begin) * 1000)
    if not took_ms:
        return None, problem
    return Timing(len(took_ms), round(median(took_ms), 3), round(max(took_ms), 3)), problem
