"""A simulated Julabo circulator: the answers, over a tank that is physics."""

from collections.abc import Callable

from hil.virtual_bench.bath_tank import BathTank
from protocols.instruments import julabo

__all__ = ["SimulatedBath"]

_VERSION = "JULABO PUMPRIG-SIMULATED VERSION 1.0"
_LOWEST_C, _HIGHEST_C = -20.0, 95.0
_OK, _INVALID, _TOO_LARGE = 0, -8, -11
_ERRORS = {_INVALID: "INVALID COMMAND", _TOO_LARGE: "VALUE TOO LARGE"}
_MAX_COMMAND_BYTES = 80


class SimulatedBath:
    """Silent when it is told something, as real ones are; what went wrong shows in the next ``status`` only."""

    def __init__(self, tank: BathTank) -> None:
        """Stand over ``tank``."""
        self._tank = tank
        self._error = _OK
        self._received = b""
        self._answers: dict[str, Callable[[int], str]] = {
            julabo.VERSION: lambda _: _VERSION,
            julabo.STATUS: lambda _: self._status(),
            julabo.BATH_TEMPERATURE: lambda now_ms: julabo.format_number(self._tank.indicated_temperature_c(now_ms)),
            julabo.SET_POINT: lambda _: julabo.format_number(self._tank.set_point_c),
            julabo.RUNNING: lambda _: str(int(self._tank.running)),
            julabo.HEATING_POWER: lambda _: "0",
        }

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; answer every whole command that asks something."""
        *commands, self._received = (self._received + data).split(julabo.COMMAND_END)
        self._received = self._received[-_MAX_COMMAND_BYTES:]
        return b"".join(self._carry_out(now_ms, command) for command in commands)

    def next_emit_ms(self) -> None:
        """None: a bath speaks only when spoken to."""

    def emit(self, now_ms: int) -> bytes:  # noqa: ARG002 - the shape of a device on a wire
        """Nothing: a bath speaks only when spoken to."""
        return b""

    def _carry_out(self, now_ms: int, command: bytes) -> bytes:
        text = command.decode("ascii", errors="replace").strip().lower()
        if text in self._answers:
            return self._answers[text](now_ms).encode("ascii") + b"\r\n"
        self._error = self._set(now_ms, text)
        return b""

    def _set(self, now_ms: int, text: str) -> int:
        verb, _, argument = text.partition(" ")
        try:
            value = float(argument)
        except ValueError:
            return _INVALID
        if verb == julabo.SET_SET_POINT:
            if not _LOWEST_C <= value <= _HIGHEST_C:
                return _TOO_LARGE
            self._tank.set_point(now_ms, value)
        elif verb == julabo.SET_RUNNING and value in {0.0, 1.0}:
            self._tank.switch(now_ms, on=value == 1.0)
        else:
            return _INVALID
        return _OK

    def _status(self) -> str:
        error, self._error = self._error, _OK
        if error != _OK:
            return f"{error:03d} {_ERRORS[error]}"
        return "03 REMOTE START" if self._tank.running else "02 REMOTE STOP"
