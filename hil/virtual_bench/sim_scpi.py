"""What simulated SCPI instruments share: lines in, a table of headers, a queue of errors."""

import re
from collections import deque
from collections.abc import Callable, Mapping

from protocols.instruments import scpi
from protocols.instruments.scpi import ScpiError

__all__ = ["Answer", "ScpiRefusal", "SimulatedScpi", "flag", "number"]

Answer = Callable[[int, str], str | None]
"""What an instrument does about a header at a time with its parameters; the text that goes back, or None."""

_MAX_COMMAND_BYTES = 256


class ScpiRefusal(Exception):
    """A command that the instrument does not carry out; its error goes into the queue."""

    def __init__(self, error: ScpiError) -> None:
        """Refuse with ``error``."""
        super().__init__(str(error))
        self.error = error


class SimulatedScpi:
    """Headers in the notation of manuals, with a ``?`` behind those that ask, and what is done about them.

    As real ones: a header that it does not know leaves an error in the queue and, also if it asked something, no
    reply. A queue that is full keeps its oldest errors and says in its last place that it ran over.
    """

    def __init__(
        self, identity: str, table: Mapping[str, Answer], *, queue_length: int, signed_error_codes: bool
    ) -> None:
        """Answer by ``table``; ``identity`` is what ``*IDN?`` gets."""
        self._errors: deque[ScpiError] = deque()
        self._queue_length = queue_length
        self._signed = signed_error_codes
        self._received = b""
        whole: dict[str, Answer] = {
            "*IDN?": lambda _, __: identity,
            "*CLS": lambda _, __: self._errors.clear(),
            "*RST": lambda _, __: None,
            "*OPC?": lambda _, __: "1",
            "SYSTem:ERRor[:NEXT]?": lambda _, __: self.next_error(),
            **table,
        }
        self._table = [(scpi.header(notation.removesuffix("?")), "?" in notation, do) for notation, do in whole.items()]

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; answer every whole line that asks something."""
        *lines, self._received = (self._received + data).split(scpi.END)
        self._received = self._received[-_MAX_COMMAND_BYTES:]
        return b"".join(self._line(now_ms, line.decode("ascii", "replace").strip()) for line in lines)

    def next_emit_ms(self) -> None:
        """None: it speaks only when spoken to."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device on a wire
        """Nothing: it speaks only when spoken to."""
        return b""

    def next_error(self) -> str:
        """The oldest error, which leaves the queue."""
        error = self._errors.popleft() if self._errors else scpi.NO_ERROR
        return scpi.format_error(error, signed=self._signed)

    def _line(self, now_ms: int, line: str) -> bytes:
        answers = [answer for part in line.split(";") if part and (answer := self._carry_out(now_ms, part.strip()))]
        return ";".join(answers).encode("ascii") + scpi.END if answers else b""

    def _carry_out(self, now_ms: int, command: str) -> str | None:
        head, _, parameters = command.partition(" ")
        asks = head.endswith("?")
        for pattern, is_query, do in self._table:
            if is_query is asks and pattern.fullmatch(head.removesuffix("?")):
                try:
                    return do(now_ms, parameters.strip())
                except ScpiRefusal as refusal:
                    self._note(refusal.error)
                    return None
        self._note(scpi.UNDEFINED_HEADER)
        return None

    def _note(self, error: ScpiError) -> None:
        if len(self._errors) < self._queue_length:
            self._errors.append(error)
        else:
            self._errors[-1] = scpi.QUEUE_OVERFLOW


def number(text: str, lower: float, upper: float) -> float:
    """The number in ``text``. Raises ScpiRefusal if it is missing, none, or out of range."""
    if not text:
        raise ScpiRefusal(scpi.PARAMETER_MISSING)
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?", text):
        raise ScpiRefusal(scpi.NOT_A_NUMBER)
    value = float(text)
    if not lower <= value <= upper:
        raise ScpiRefusal(scpi.DATA_OUT_OF_RANGE)
    return value


def flag(text: str) -> bool:
    """The state in ``text``. Raises ScpiRefusal if it is none."""
    states = {"1": True, "ON": True, "0": False, "OFF": False}
    if text.upper() not in states:
        raise ScpiRefusal(scpi.NOT_A_NUMBER if text else scpi.PARAMETER_MISSING)
    return states[text.upper()]
