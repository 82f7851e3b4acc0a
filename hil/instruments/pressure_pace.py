"""A Druck PACE pressure controller."""

import math
from typing import ClassVar

from hil.instruments.pressure_controller import PressureController
from hil.instruments.scpi_instrument import ScpiInstrument
from protocols.instruments import pace, scpi

__all__ = ["PacePressureController"]

_PRESSURE = ":SENS:PRES?"
_IN_LIMITS = ":SENS:PRES:INL?"
_SET_POINT = ":SOUR:PRES"
_SLEW = ":SOUR:PRES:SLEW"
_SLEW_MODE = ":SOUR:PRES:SLEW:MODE"
_OUTPUT = ":OUTP:STAT"
_VENT = pace.short_form(pace.VENT)
_UNIT = ":UNIT:PRES?"

_READ_BACK = 1e-5
_VENT_WAIT_MS, _VENT_POLL_MS = 60_000, 100


class PacePressureController(PressureController, ScpiInstrument):
    """One controller behind one link.

    Whatever unit somebody set on its panel stays: it is asked for beside every pressure, since a number in another unit
    looks just as good.
    """

    DRIVER: ClassVar[str] = "pace"
    NEXT_ERROR: ClassVar[str] = ":SYST:ERR?"

    def pressure_kpa(self) -> float:
        """The pressure at the outlet, in the reference of the selected range."""
        return self._kpa(_PRESSURE, pace.PRESSURE)

    def set_point_kpa(self) -> float:
        """The pressure that it controls to."""
        return self._kpa(f"{_SET_POINT}?", pace.SET_POINT)

    def control(self, pressure_kpa: float, slew_kpa_per_s: float | None = None) -> None:
        """Set slew and set point, read both back, switch the output on and see that it is."""
        unit_kpa = self._unit_kpa()
        if slew_kpa_per_s is not None:
            self._change(f"{_SLEW_MODE} LIN", f"{_SLEW} {slew_kpa_per_s / unit_kpa:.7g}")
            mode = self._ask(f"{_SLEW_MODE}?", lambda line: pace.parse_mode(line, f"{_SLEW_MODE}?"))
            taken = self._kpa(f"{_SLEW}?", pace.SLEW)
            if mode != "LIN" or not _same(taken, slew_kpa_per_s):
                raise self._not_taken(f"a slew of {slew_kpa_per_s} kPa/s: it is at {mode} {taken:.6g} kPa/s")
        self._change(f"{_SET_POINT} {pressure_kpa / unit_kpa:.9g}")
        taken = self.set_point_kpa()
        if not _same(taken, pressure_kpa):
            raise self._not_taken(f"a set point of {pressure_kpa} kPa: it is at {taken:.6g} kPa")
        self._switch(on=True)

    def is_controlling(self) -> bool:
        """Whether the output is on."""
        return self._ask(f"{_OUTPUT}?", lambda line: scpi.parse_flag(line, f"{_OUTPUT}?", pace.OUTPUT))

    def in_limits(self) -> bool:
        """Whether the pressure is where it should be, by the controller's own limits."""
        return self._ask(_IN_LIMITS, lambda line: pace.parse_in_limits(line, _IN_LIMITS))

    def output_off(self) -> None:
        """Stop controlling; the pressure stays, and leaks."""
        self._switch(on=False)

    def vent(self) -> None:
        """Stop controlling, vent, and wait until the controller says that it has."""
        self._switch(on=False)
        self._change(f"{_VENT} 1")
        seen, waited_ms = pace.VENT_NONE, 0
        while (state := self._vent_state()) != pace.VENT_COMPLETED:
            if state > pace.VENT_COMPLETED:
                raise self._fault(f"the {self.KIND} reports that venting failed (state {state})")
            if seen == pace.VENT_UNDER_WAY and state == pace.VENT_NONE:
                return  # some firmware forgets that it has vented at once
            if waited_ms >= _VENT_WAIT_MS:
                raise self._fault(f"the {self.KIND} has not vented within {_VENT_WAIT_MS // 1000} s (state {state})")
            seen = state
            self._clock.sleep_ms(_VENT_POLL_MS)
            waited_ms += _VENT_POLL_MS

    def _switch(self, *, on: bool) -> None:
        self._change(f"{_OUTPUT} {int(on)}")
        if self.is_controlling() is not on:
            raise self._not_taken(f"{_OUTPUT} {int(on)}")

    def _vent_state(self) -> int:
        return self._ask(f"{_VENT}?", lambda line: pace.parse_vent(line, f"{_VENT}?"))

    def _kpa(self, query: str, notation: str) -> float:
        value = self._ask(query, lambda line: scpi.parse_number(line, query, notation))
        if scpi.is_overload(value):
            raise self._fault(f"the {self.KIND} answers {query} with {value:g}: beyond its range")
        return value * self._unit_kpa()

    def _unit_kpa(self) -> float:
        return pace.KPA_PER_UNIT[self._ask(_UNIT, lambda line: pace.parse_unit(line, _UNIT))]


def _same(taken: float, wanted: float) -> bool:
    return math.isclose(taken, wanted, rel_tol=_READ_BACK, abs_tol=_READ_BACK)
