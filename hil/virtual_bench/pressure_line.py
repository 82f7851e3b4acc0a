"""The line at a pressure controller's outlet: open, controlled, shut and leaking, or venting."""

import math
from typing import Literal

__all__ = ["PressureLine"]

State = Literal["open", "shut", "controlled", "venting"]

_VENTED_WITHIN_KPA = 0.01


class PressureLine:
    """Pressure as a closed form from the last change, so it does not matter how often anyone looks.

    ========== ==========================================================================
    open       the atmosphere's, at once: until a controller is first switched on, nothing holds it
    controlled towards the set point in a straight line, as fast as the slew allows
    shut       towards the atmosphere, slowly: every fitting leaks a little
    venting    towards the atmosphere, fast; shut again once it is there
    ========== ==========================================================================

    In an absolute line the atmosphere is the room's pressure, in a gauge line it is 0.
    """

    def __init__(
        self,
        *,
        atmosphere_kpa: float = 101.325,
        reference: Literal["absolute", "gauge"] = "absolute",
        leak_time_constant_s: float = 36_000.0,
        vent_time_constant_s: float = 0.1,
        slew_kpa_per_s: float = 5.0,
    ) -> None:
        """Start open, with a set point at the atmosphere's pressure. ``atmosphere_kpa`` is absolute."""
        self.reference = reference
        self._atmosphere_kpa = atmosphere_kpa
        self._leak_ms = leak_time_constant_s * 1000
        self._vent_ms = vent_time_constant_s * 1000
        self.slew_kpa_per_s = slew_kpa_per_s
        self.set_point_kpa = self.vent_kpa
        self._state: State = "open"
        self._since_ms = 0
        self._since_kpa = self.vent_kpa
        self._has_vented = False

    @property
    def vent_kpa(self) -> float:
        """Where venting leads, in this line's reference."""
        return self._atmosphere_kpa if self.reference == "absolute" else 0.0

    def pressure_kpa(self, now_ms: int) -> float:
        """Pressure in the line, in its reference."""
        if self._state == "open":
            return self.vent_kpa
        passed_ms = max(0, now_ms - self._since_ms)
        if self._state == "controlled":
            reach_kpa = self.slew_kpa_per_s * passed_ms / 1000
            way_kpa = self.set_point_kpa - self._since_kpa
            return self._since_kpa + math.copysign(min(abs(way_kpa), reach_kpa), way_kpa)
        fast_ms = min(passed_ms, self._venting_ms()) if self._state == "venting" else 0
        left = math.exp(-fast_ms / self._vent_ms - (passed_ms - fast_ms) / self._leak_ms)
        return self.vent_kpa + (self._since_kpa - self.vent_kpa) * left

    def is_controlled(self) -> bool:
        """Whether the controller's output is on."""
        return self._state == "controlled"

    def is_venting(self, now_ms: int) -> bool:
        """Whether it is still letting pressure out."""
        return self._state == "venting" and now_ms - self._since_ms < self._venting_ms()

    def has_vented(self, now_ms: int) -> bool:
        """Whether a vent has come to its end since the controller was last on."""
        return self._has_vented or (self._state == "venting" and not self.is_venting(now_ms))

    def set_point(self, now_ms: int, pressure_kpa: float) -> None:
        """Control to ``pressure_kpa`` from now on, if it is on."""
        self._anchor(now_ms)
        self.set_point_kpa = pressure_kpa

    def set_slew(self, now_ms: int, slew_kpa_per_s: float) -> None:
        """Not faster than ``slew_kpa_per_s`` from now on."""
        self._anchor(now_ms)
        self.slew_kpa_per_s = slew_kpa_per_s

    def set_atmosphere(self, now_ms: int, atmosphere_kpa: float) -> None:
        """The room's pressure is another one from now on."""
        self._anchor(now_ms)
        self._atmosphere_kpa = atmosphere_kpa

    def switch(self, now_ms: int, *, on: bool) -> None:
        """Switch the controller's output. Switched off, what is in the line stays there."""
        self._anchor(now_ms)
        self._state = "controlled" if on else self._at_rest()
        self._has_vented = self._has_vented and not on

    def vent(self, now_ms: int, *, on: bool = True) -> None:
        """Begin to vent, or break it off."""
        self._anchor(now_ms)
        self._has_vented = on and self._state == "open"  # there is nothing to let out
        self._state = "venting" if on and self._state != "open" else self._at_rest()

    def _at_rest(self) -> State:
        """What the line is while the controller does nothing."""
        return "open" if self._state == "open" else "shut"

    def _venting_ms(self) -> int:
        """How long a vent takes from where it began."""
        way_kpa = abs(self._since_kpa - self.vent_kpa)
        return math.ceil(self._vent_ms * math.log(max(1.0, way_kpa / _VENTED_WITHIN_KPA)))

    def _anchor(self, now_ms: int) -> None:
        self._has_vented = self.has_vented(now_ms)
        still_venting = self.is_venting(now_ms)
        self._since_kpa, self._since_ms = self.pressure_kpa(now_ms), max(now_ms, self._since_ms)
        if self._state == "venting" and not still_venting:
            self._state = "shut"
