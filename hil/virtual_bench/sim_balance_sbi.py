"""A simulated SBI balance: prints, over a load that is physics."""

from collections.abc import Callable

from hil.virtual_bench.load_cell import LoadCell
from protocols.instruments import sbi
from protocols.instruments.sbi import PrintedWeight

__all__ = ["SimulatedSbiBalance"]

_MODEL, _VERSION = "PUMPRIG-SIMULATED", "1.0"
_MAX_COMMAND_BYTES = 20


class SimulatedSbiBalance:
    """A load cell behind SBI: it answers when it is asked to print or who it is, and is silent to all else."""

    def __init__(self, *, serial_number: str, load_g: Callable[[int], float], seed: int) -> None:
        """Weigh ``load_g(now_ms)``, the conventional mass on the pan."""
        self._cell = LoadCell(load_g=load_g, seed=seed)
        self._received = b""
        self._texts = {sbi.MODEL: _MODEL, sbi.SERIAL_NUMBER: serial_number, sbi.VERSION: _VERSION}

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; answer every whole command that asks something."""
        names, self._received = sbi.take_commands(self._received + data)
        self._received = self._received[-_MAX_COMMAND_BYTES:]
        return b"".join(self._carry_out(now_ms, name) for name in names)

    def next_emit_ms(self) -> None:
        """None: it prints only when it is asked to."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device on a wire
        """Nothing: it prints only when it is asked to."""
        return b""

    def _carry_out(self, now_ms: int, name: str) -> bytes:
        if name == sbi.PRINT:
            return self._print(now_ms)
        if name in self._texts:
            return sbi.format_text(self._texts[name])
        if name in {sbi.TARE, sbi.TARE_ONLY}:
            self._cell.tare(now_ms)
        elif name == sbi.ZERO:
            self._cell.zero(now_ms)
        return b""

    def _print(self, now_ms: int) -> bytes:
        if self._cell.is_overloaded(now_ms):
            return sbi.format_state("High")
        unit = "g" if self._cell.is_stable(now_ms) else ""
        return sbi.format_weight(PrintedWeight(self._cell.net_g(now_ms), unit))
