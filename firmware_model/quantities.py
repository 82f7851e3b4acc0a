"""Times as people write them: ``6h``, ``1d12h30min``."""

import re
from decimal import Decimal

__all__ = ["TIME_UNITS_MS", "duration_ms", "time_text"]

TIME_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "min": 60_000, "s": 1000, "ms": 1}
_PART = r"(\d+(?:\.\d*)?|\.\d+)\s*(d|h|min|ms|s)\s*"
_TEXT = re.compile(rf"\s*(?:{_PART})+", re.ASCII)
_LONGEST = 80


def duration_ms(text: object) -> int:
    """The time that ``text`` says, in ms; a fraction of one is rounded. Raises ValueError if it says none."""
    if not isinstance(text, str) or len(text) > _LONGEST or not _TEXT.fullmatch(text):
        raise ValueError(f"this is no time; write numbers with units of {', '.join(TIME_UNITS_MS)}, like 1d12h30min")
    parts = re.findall(_PART, text, re.ASCII)
    if len({unit for _, unit in parts}) < len(parts):  # 1d1d: a slip, and nobody knows for what
        raise ValueError("this is no time; it has a unit twice, where 1d12h30min has each once")
    return round(sum(Decimal(number) * TIME_UNITS_MS[unit] for number, unit in parts))


def time_text(time_ms: int) -> str:
    """``1d12h30min``: the time in whole units."""
    parts = []
    for unit, length_ms in TIME_UNITS_MS.items():
        count, time_ms = divmod(time_ms, length_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
