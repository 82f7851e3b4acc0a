"""A simulated MT-SICS balance: the answers, over a load that is physics."""

from collections.abc import Callable

from hil.virtual_bench.load_cell import LoadCell
from protocols.instruments import mt_sics
from protocols.instruments.mt_sics import Weight

__all__ = ["SimulatedBalance"]

_STREAM_PERIOD_MS = 200
_MAX_COMMAND_BYTES = 80

_LEVELS = {"@": 0, "I0": 0, "I1": 0, "I2": 0, "I3": 0, "I4": 0, "S": 0, "SI": 0, "SIR": 0, "Z": 0, "ZI": 0,
           "SR": 1, "T": 1, "TA": 1, "TAC": 1, "TI": 1}  # fmt: skip
_ENDS_STREAM = {"@", "S", "SI", "SIR", "SR"}


class SimulatedBalance:
    """A load cell behind MT-SICS."""

    def __init__(self, *, serial_number: str, load_g: Callable[[int], float], seed: int) -> None:
        """Weigh ``load_g(now_ms)``, the conventional mass on the pan."""
        self._serial_number = serial_number
        self._cell = LoadCell(load_g=load_g, seed=seed)
        self._received = b""
        self._waiting: str | None = None
        """SIR, which streams, or a command that waits for a stable weight."""
        self._next_emit_ms: int | None = None

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; answer every whole command that can be answered at once."""
        *commands, self._received = (self._received + data).split(mt_sics.TERMINATOR)
        self._received = self._received[-_MAX_COMMAND_BYTES:]
        return b"".join(self._carry_out(now_ms, command.decode("ascii", "replace")) for command in commands)

    def next_emit_ms(self) -> int | None:
        """When a weight is due that streams, or that may have become stable."""
        return self._next_emit_ms

    def emit(self, now_ms: int) -> bytes:
        """The streamed weight, or the one that was waited for if it is stable now."""
        if self._waiting is None or self._next_emit_ms is None or now_ms < self._next_emit_ms:
            return b""
        self._next_emit_ms = now_ms + _STREAM_PERIOD_MS
        if self._waiting == "SIR":
            return self._weigh(now_ms)
        if not self._cell.is_stable(now_ms):
            return b""
        command, self._waiting, self._next_emit_ms = self._waiting, None, None
        return self._when_stable(now_ms, command)

    def _carry_out(self, now_ms: int, command: str) -> bytes:
        if command not in _LEVELS:
            return b"ES" + mt_sics.TERMINATOR
        if command in _ENDS_STREAM:
            self._waiting = self._next_emit_ms = None
        if command == mt_sics.CANCEL:
            self._cell.clear_tare()
        if command in {"S", "T", "Z"}:
            return self._when_stable(now_ms, command) if self._cell.is_stable(now_ms) else self._wait(now_ms, command)
        if command in {"SI", "SR", "SIR"}:
            if command != "SI":
                self._wait(now_ms, "SIR")
            return self._weigh(now_ms)
        if command == mt_sics.TARE_VALUE:
            return mt_sics.format_tare(self._cell.tare_g())
        if command in {"TI", "TAC", "ZI"}:
            return self._at_once(now_ms, command)
        return self._introduce(command)

    def _introduce(self, command: str) -> bytes:
        if command == "I0":
            last = len(_LEVELS) - 1
            return b"".join(
                f'I0 {"A" if number == last else "B"} {level} "{name}"'.encode("ascii") + mt_sics.TERMINATOR
                for number, (name, level) in enumerate(_LEVELS.items())
            )
        texts = {
            "I1": ("01", "2.30", "2.30", "", ""),
            "I2": (f"PUMPRIG-SIMULATED {LoadCell.CAPACITY_G:.5f} g",),
            "I3": ("1.0 simulated",),
        }
        if command in texts:
            return mt_sics.format_text_reply(command, *texts[command])
        return mt_sics.format_text_reply("I4", self._serial_number)

    def _wait(self, now_ms: int, command: str) -> bytes:
        self._waiting, self._next_emit_ms = command, now_ms + _STREAM_PERIOD_MS
        return b""

    def _when_stable(self, now_ms: int, command: str) -> bytes:
        if command == "S":
            return self._weigh(now_ms)
        if command == "T":
            return self._at_once(now_ms, "TI").replace(b"TI", b"T", 1)
        return self._at_once(now_ms, "ZI") and b"Z A" + mt_sics.TERMINATOR

    def _at_once(self, now_ms: int, command: str) -> bytes:
        if command == "TAC":
            self._cell.clear_tare()
            return b"TAC A" + mt_sics.TERMINATOR
        stable = self._cell.is_stable(now_ms)
        if command == "ZI":
            self._cell.zero(now_ms)
            return f"ZI {'S' if stable else 'D'}".encode("ascii") + mt_sics.TERMINATOR
        return mt_sics.format_weight("TI", Weight(self._cell.tare(now_ms), "g", stable))

    def _weigh(self, now_ms: int) -> bytes:
        if self._cell.is_overloaded(now_ms):
            return b"S +" + mt_sics.TERMINATOR
        return mt_sics.format_weight("S", Weight(self._cell.net_g(now_ms), "g", self._cell.is_stable(now_ms)))
