"""A simulated operator: does what it is told at once, to a simulated pump."""

from collections.abc import Callable, Mapping

from protocols.errors import InstrumentReplyError
from protocols.instruments import operator as grammar

__all__ = ["SimulatedOperator"]

Hand = Callable[..., str]


class SimulatedOperator:
    """``hands`` maps a verb to what it does: called with bench time and the task's numbers, gives the answer."""

    def __init__(self, hands: Mapping[str, Hand]) -> None:
        """Work with these ``hands``."""
        self._hands = hands
        self._received = b""

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; do every whole task."""
        *lines, self._received = (self._received + data).split(grammar.LINE_END)
        return b"".join(self._do(now_ms, line) for line in lines if line.strip())

    def next_emit_ms(self) -> None:
        """None: it speaks only when spoken to."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device on a wire
        """Nothing: it speaks only when spoken to."""
        return b""

    def _do(self, now_ms: int, line: bytes) -> bytes:
        try:
            task = grammar.parse_task(line)
            if task.verb == grammar.IDENTIFY:
                return grammar.format_name("SIM-OPERATOR")
            return grammar.format_done(self._hands[task.verb](now_ms, *task.arguments))
        except (InstrumentReplyError, KeyError, TypeError, ValueError) as error:
            return grammar.format_refused(str(error))
