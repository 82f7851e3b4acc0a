"""Whether a pump can be judged at all: a fault that spoils every exchange is found in one procedure, not in all."""

from dataclasses import dataclass

import pytest

from hil.pump.pump_wire import LONG_PATIENCE_MS, Heard, PumpWire
from protocols.exchange import DEADLINE_MS
from protocols.framing import MAX_ENCODED_BYTES
from protocols.messages import Identify, Identity, Subscribe

__all__ = ["LISTEN_MS", "Ground", "look_at"]

LISTEN_MS = 1000
_BABBLE = 3
"""So many frames that nobody asked for, while the pump was listened to, are no accident."""
_TRIES = 3
"""One that is slow, or silent, for once can be judged."""


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
    """Listen to a pump, then ask it who it is; ``asked_before`` says that it was asked more often than it answered."""
    wire.ask(Subscribe(0, 0), attempts=1)  # of a program that went before
    wire.listen(LONG_PATIENCE_MS if asked_before else wire.silence_ms())
    heard = wire.listen(LISTEN_MS)
    unasked = tuple(str(each) for each in heard.others)
    if heard.unended_bytes > MAX_ENCODED_BYTES:
        unasked += (f"{heard.unended_bytes} bytes without a zero",) * _BABBLE
    if len(unasked) >= _BABBLE:
        return Ground(wire, unasked, "protocol-unasked", "the pump talks without being asked")
    late = len(wire.late)
    for _ in range(_TRIES):
        heard = wire.ask(Identify(), attempts=1, wait_ms=LONG_PATIENCE_MS)
        if heard.frames and heard.waited_ms <= DEADLINE_MS:
            return Ground(wire, unasked, *_fault_in(heard))
    if heard.frames or len(wire.late) > late:
        return Ground(wire, unasked, "protocol-timing", "the pump answers later than any programmer waits")
    return Ground(wire, unasked, *_fault_in(heard))


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
