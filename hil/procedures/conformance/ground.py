"""Whether a pump can be judged at all: a fault that spoils every exchange is found in one procedure, not in all."""

from dataclasses import dataclass

import pytest

from hil.pump_wire import PATIENCE_MS, Heard, PumpWire
from protocols.messages import Identify, Identity, Subscribe

__all__ = ["LISTEN_MS", "Ground", "look_at"]

LISTEN_MS = 1000
_BABBLE = 3
"""So many frames that nobody asked for, while the pump was listened to, are no accident."""


@dataclass(frozen=True)
class Ground:
    """A pump's wire, and which procedure finds what makes all others void."""

    wire: PumpWire | None
    """None in the secure mode."""
    unasked: tuple[str, ...] = ()
    """What came while nobody asked anything."""
    found_by: str = ""
    """Nothing if there is no such fault."""
    why: str = ""

    def skip_if_void(self, procedure: str) -> None:
        """Skip ``procedure``, unless it is the one that finds the fault."""
        if self.found_by not in {"", procedure}:
            pytest.skip(f"{self.why}: nothing else can be told of it; see {self.found_by}")


def look_at(wire: PumpWire, *, asked_before: bool) -> Ground:
    """Listen to a pump, then ask it who it is; with ``asked_before``, after answers that may still be under way."""
    if asked_before:
        wire.listen(PATIENCE_MS)
    wire.ask(Subscribe(0, 0), attempts=1)  # of a program that went before
    unasked = tuple(str(each) for each in wire.listen(LISTEN_MS).others)
    if len(unasked) >= _BABBLE:
        return Ground(wire, unasked, "protocol-unasked", "the pump talks without being asked")
    return Ground(wire, unasked, *_fault_in(wire.ask(Identify())))


def _fault_in(heard: Heard) -> tuple[str, str]:
    """Who finds what is wrong with all answers, and what it is; nothing if Identify is answered as it should be."""
    if any(isinstance(message, Identity) for _, message in heard.answers):
        return "", ""
    if heard.frames:
        return "protocol-values", "the pump does not say who it is"
    if any(each.message is not None for each in heard.others):
        return "protocol-sequence", "the pump answers under another seq than its question's"
    if heard.is_silence:
        return "protocol-timing", "the pump does not answer"
    return "protocol-framing", "what the pump answers is no message"
