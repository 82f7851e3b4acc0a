"""``pump:drop=1%@2h+10min``: what can go wrong on a simulated wire, and how people write it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from firmware_model.faults.injection import FaultKind, fault_kind, fault_value
from firmware_model.quantities import duration_ms

__all__ = ["WIRE_FAULTS", "WireChance", "WireFault", "parse_wire_fault", "parse_wire_faults"]

_GRAMMAR = "WIRE:KIND[=VALUE][@FROM][+DURATION], as in pump:drop=1%, *:delay=300ms or bath:unplug@3h+10min"
_TEXT = re.compile(
    r"(?P<wire>[^:=@+]+):(?P<kind>[^:=@+]+)(?:=(?P<value>[^=@+]*))?(?:@(?P<start>[^=@+]*))?(?:\+(?P<length>[^=@+]*))?"
)

WIRE_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("drop", "%", 1.0, 0.0, 100.0, "so many of the messages, either way, are lost"),
        FaultKind("duplicate", "%", 1.0, 0.0, 100.0, "so many of the messages, either way, arrive twice"),
        FaultKind("truncate", "%", 1.0, 0.0, 100.0, "so many of the messages, either way, lose their end"),
        FaultKind("flip", "%", 1.0, 0.0, 100.0, "in so many of the messages, either way, one bit is turned over"),
        FaultKind("delay", "ms", 300.0, 0.0, 600_000.0, "everything that the device says comes so much later"),
        FaultKind(
            "late",
            "%",
            1.0,
            0.0,
            100.0,
            "so many of the answers come when nobody waits for them any more: with the answer to the next command",
        ),
        FaultKind("unplug", "", 1.0, 1.0, 1.0, "the wire is pulled out, for the duration or for good; it has no value"),
    )
}
"""One row for each kind. What a message is: what was sent in one go, or what came back in one."""

Direction = Literal["tx", "rx"]


@dataclass(frozen=True)
class WireFault:
    """One fault of one wire, or of every wire (``*``), while it lasts."""

    wire: str
    kind: str
    value: float
    from_ms: int
    until_ms: int | None
    """None if it lasts for ever."""

    def concerns(self, wire: str) -> bool:
        """Whether it is a fault of ``wire``."""
        return self.wire in {"*", wire}

    def holds(self, now_ms: int) -> bool:
        """Whether it is there at this bench time."""
        return self.from_ms <= now_ms and (self.until_ms is None or now_ms < self.until_ms)


@dataclass(frozen=True)
class WireChance:
    """What chance decides on one wire. It follows from seed, wire, direction and the message's number alone."""

    seed: int
    wire: str

    def hits(self, kind: str, direction: Direction, number: int, percent: float) -> bool:
        """Whether a message meets an accident that ``percent`` of them do."""
        return self._draw(f"{kind}?", direction, number) * 100 < percent * (1 << 64)

    def choose(self, kind: str, direction: Direction, number: int, choices: int) -> int:
        """Where in the message the accident happens: 0 to ``choices`` - 1."""
        return self._draw(kind, direction, number) % choices

    def _draw(self, what: str, direction: Direction, number: int) -> int:
        text = f"{self.seed}/{self.wire}/{direction}/{number}/{what}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def parse_wire_fault(text: str, wires: Collection[str]) -> WireFault:
    """The fault that ``text`` asks for, on one of ``wires``.

    Raises ValueError, with a sentence that says what would have been right.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r}: a fault of a wire is written {_GRAMMAR}")
    wire = match["wire"].strip()
    if wire != "*" and wire not in wires:
        raise ValueError(f"{text!r}: there is no wire {wire!r}; known: {', '.join(sorted(wires))}, or * for all")
    kind = fault_kind(match["kind"].strip(), WIRE_FAULTS)
    if match["value"] is not None and kind.lower == kind.upper:
        raise ValueError(
            f"{text!r}: {kind.name} has no value; write when and for how long, as in {wire}:{kind.name}@3h+10min"
        )
    value = kind.default if match["value"] is None else fault_value(match["value"], kind)
    from_ms = _time_ms(match["start"], text) if match["start"] is not None else 0
    length_ms = _time_ms(match["length"], text) if match["length"] is not None else None
    return WireFault(wire, kind.name, value, from_ms, None if length_ms is None else from_ms + length_ms)


def parse_wire_faults(texts: Iterable[str], wires: Collection[str]) -> tuple[WireFault, ...]:
    """All of them. Raises ValueError."""
    return tuple(parse_wire_fault(text, wires) for text in texts)


def _time_ms(text: str, whole: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise ValueError(f"{whole!r}: {text!r}: {error}") from None
