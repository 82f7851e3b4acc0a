"""``catheter-occlusion=50%@90min``: a fault to inject, as people write it."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_model.quantities import TIME_UNITS_MS, duration_ms

__all__ = ["FaultKind", "Injection", "fault_kind", "fault_value", "parse_injection"]

_GRAMMAR = "NAME[=VALUE UNIT]@TIME, as in catheter-occlusion=50%@90min"
_TEXT = re.compile(r"(?P<fault>[^=@]*)(?:=(?P<value>[^=@]*))?@(?P<time>[^=@]*)")
_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(?P<unit>[^\s\d.+-]\S*)?\s*", re.ASCII)
_LATEST_MS = 10 * 365 * 86_400_000


@dataclass(frozen=True)
class FaultKind:
    """One row of a table of faults: what its value means, what it is if nothing is said, and how far it may go."""

    name: str
    unit: str
    default: float
    lower: float
    upper: float
    summary: str


@dataclass(frozen=True)
class Injection:
    """One fault, with its value in the unit of its kind, to begin at a time."""

    fault: str
    value: float
    at_ms: int


def parse_injection(text: str, known: Mapping[str, FaultKind]) -> Injection:
    """The injection that ``text`` asks for.

    Raises ValueError, with a sentence that says what would have been right, for an unknown fault, a value out of
    range or in another unit, or no time.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r}: a fault is written {_GRAMMAR}")
    kind = fault_kind(match["fault"].strip(), known)
    value = kind.default if match["value"] is None else fault_value(match["value"], kind)
    return Injection(kind.name, value, _time_ms(match["time"], kind))


def fault_kind(name: str, known: Mapping[str, FaultKind]) -> FaultKind:
    """The kind of that name. Raises ValueError, with the nearest name, if there is none."""
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
    raise ValueError(f"unknown fault {name!r}; {advice}")


def fault_value(text: str, kind: FaultKind) -> float:
    """A value of a fault, such as ``50%``; a bare number for a kind without a unit. Raises ValueError for another."""
    match = _QUANTITY.fullmatch(text)
    advice = f"write it like {kind.default:g}{kind.unit}"
    if match is None:
        raise ValueError(f"{kind.name}: {text!r} is no number{' with a unit' if kind.unit else ''}; {advice}")
    if (match["unit"] or "") != kind.unit:
        said = f"not in {match['unit']}" if match["unit"] else "and the unit is missing"
        wanted = f"is in {kind.unit}, {said}" if kind.unit else f"has no unit, so not {match['unit']}"
        raise ValueError(f"{kind.name}: the value {wanted}; {advice}")
    value = float(match["number"])
    if not kind.lower <= value <= kind.upper:
        raise ValueError(f"{kind.name}: {value:g}{kind.unit} is outside {kind.lower:g} to {kind.upper:g}{kind.unit}")
    if not kind.unit and not value.is_integer():
        raise ValueError(f"{kind.name}: {value:g} is no whole number, and this counts or switches; {advice}")
    return value


def _time_ms(text: str, kind: FaultKind) -> int:
    try:
        time_ms = -duration_ms(text.strip()[1:]) if text.strip().startswith("-") else duration_ms(text)
    except ValueError:
        units = ", ".join(TIME_UNITS_MS)
        raise ValueError(f"{kind.name}: {text!r} is no time; write numbers and units of {units}, like @6h") from None
    if not 0 <= time_ms <= _LATEST_MS:
        raise ValueError(f"{kind.name}: a fault begins 0 to 3650 days after the start, not at {text.strip()}")
    return time_ms
