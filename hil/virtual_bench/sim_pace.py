"""A simulated PACE pressure controller: the answers, over a line that is physics."""

from hil.virtual_bench.pressure_line import PressureLine
from hil.virtual_bench.sim_scpi import Answer, ScpiRefusal, SimulatedScpi, flag, number
from protocols.instruments import pace, scpi

__all__ = ["SimulatedPace"]

_QUEUE_LENGTH = 5
_FULL_SCALE_KPA = 350.0
_IN_LIMITS_SHARE = 0.0001
_FASTEST_KPA_PER_S = 50.0


class SimulatedPace:
    """Its replies repeat the header; venting switches its output off, and a pressure out of its range is refused."""

    def __init__(self, line: PressureLine, *, serial_number: str = "SIM-PRESSURE-1", unit: str = "KPA") -> None:
        """Stand over ``line``; ``unit`` is what somebody has set on the panel."""
        self._line = line
        self._unit = unit
        self._mode = "MAX"
        self._slew_kpa_per_s = 1.0
        self._lowest_kpa = 0.0 if line.reference == "absolute" else -100.0
        line.set_slew(0, _FASTEST_KPA_PER_S)
        asked: dict[str, Answer] = {
            pace.PRESSURE: lambda now_ms, _: self._in_unit(line.pressure_kpa(now_ms)),
            pace.IN_LIMITS: self._in_limits,
            pace.SET_POINT: lambda _, __: self._in_unit(line.set_point_kpa),
            pace.SLEW: lambda _, __: self._in_unit(self._slew_kpa_per_s),
            pace.SLEW_MODE: lambda _, __: self._mode,
            pace.VENT: lambda now_ms, _: self._vent_state(now_ms),
            pace.OUTPUT: lambda _, __: str(int(line.is_controlled())),
            pace.UNIT: lambda _, __: self._unit,
        }
        table: dict[str, Answer] = {f"{notation}?": _headed(notation, answer) for notation, answer in asked.items()}
        table |= {
            pace.SET_POINT: self._set_point,
            pace.SLEW: self._set_slew,
            pace.SLEW_MODE: self._set_mode,
            pace.VENT: self._vent,
            pace.OUTPUT: self._switch,
            pace.UNIT: self._set_unit,
        }
        self._scpi = _HeadedScpi(
            f"*IDN PUMPRIG,SIMULATED PRESSURE CONTROLLER,{serial_number},1.0",
            table,
            queue_length=_QUEUE_LENGTH,
            signed_error_codes=False,
        )

    def receive(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes in any split; answer every whole line that asks something."""
        return self._scpi.receive(now_ms, data)

    def next_emit_ms(self) -> None:
        """None: it speaks only when spoken to."""

    def emit(self, now_ms: int) -> bytes:
        """Nothing: it speaks only when spoken to."""
        return self._scpi.emit(now_ms)

    def _in_unit(self, pressure_kpa: float) -> str:
        return f"{pressure_kpa / pace.KPA_PER_UNIT[self._unit]:.7f}"

    def _kpa(self, text: str, lower_kpa: float, upper_kpa: float) -> float:
        unit_kpa = pace.KPA_PER_UNIT[self._unit]
        return number(text, lower_kpa / unit_kpa, upper_kpa / unit_kpa) * unit_kpa

    def _in_limits(self, now_ms: int, _: str) -> str:
        pressure_kpa = self._line.pressure_kpa(now_ms)
        off_kpa = abs(pressure_kpa - self._line.set_point_kpa)
        inside = self._line.is_controlled() and off_kpa <= _FULL_SCALE_KPA * _IN_LIMITS_SHARE
        return f"{self._in_unit(pressure_kpa)}, {int(inside)}"

    def _vent_state(self, now_ms: int) -> str:
        if self._line.is_venting(now_ms):
            return str(pace.VENT_UNDER_WAY)
        return str(pace.VENT_COMPLETED if self._line.has_vented(now_ms) else pace.VENT_NONE)

    def _set_point(self, now_ms: int, text: str) -> None:
        self._line.set_point(now_ms, self._kpa(text, self._lowest_kpa, _FULL_SCALE_KPA))

    def _set_slew(self, now_ms: int, text: str) -> None:
        self._slew_kpa_per_s = self._kpa(text, 1e-6, _FASTEST_KPA_PER_S)
        self._apply_slew(now_ms)

    def _set_mode(self, now_ms: int, text: str) -> None:
        mode = text.upper()[:3]
        if mode not in {"LIN", "MAX"}:
            raise ScpiRefusal(scpi.NOT_A_NUMBER)
        self._mode = mode
        self._apply_slew(now_ms)

    def _apply_slew(self, now_ms: int) -> None:
        self._line.set_slew(now_ms, self._slew_kpa_per_s if self._mode == "LIN" else _FASTEST_KPA_PER_S)

    def _vent(self, now_ms: int, text: str) -> None:
        self._line.vent(now_ms, on=flag(text))

    def _switch(self, now_ms: int, text: str) -> None:
        self._line.switch(now_ms, on=flag(text))

    def _set_unit(self, _: int, text: str) -> None:
        if text.upper() not in pace.KPA_PER_UNIT:
            raise ScpiRefusal(scpi.NOT_A_NUMBER)
        self._unit = text.upper()


class _HeadedScpi(SimulatedScpi):
    def next_error(self) -> str:
        return pace.format_reply(pace.NEXT_ERROR, super().next_error())


def _headed(notation: str, answer: Answer) -> Answer:
    return lambda now_ms, text: pace.format_reply(notation, answer(now_ms, text) or "")
