"""One output of a supply, and what hangs on it."""

from collections.abc import Callable

__all__ = ["SupplyOutput"]


class SupplyOutput:
    """Constant voltage until the load wants more than the current limit, constant current from there on.

    The load is stated as the current that it draws at the voltage that is set; when the limit is reached the voltage
    falls in proportion, as at a resistor.
    """

    def __init__(
        self,
        *,
        load_a: Callable[[int], float],
        changed: Callable[[int], None] | None = None,
        voltage_v: float = 0.0,
        current_limit_a: float = 0.1,
        on: bool = False,
    ) -> None:
        """Feed a load that draws ``load_a(now_ms)``; tell ``changed(now_ms)`` when something is set or switched."""
        self._load_a = load_a
        self._changed = changed
        self.set_voltage_v = voltage_v
        self.current_limit_a = current_limit_a
        self.on = on

    def voltage_v(self, now_ms: int) -> float:
        """Voltage at the output."""
        if not self.on:
            return 0.0
        wanted_a = self._load_a(now_ms)
        return (
            self.set_voltage_v
            if wanted_a <= self.current_limit_a
            else self.set_voltage_v * self.current_limit_a / wanted_a
        )

    def current_a(self, now_ms: int) -> float:
        """Current out of it."""
        return min(self._load_a(now_ms), self.current_limit_a) if self.on and self.set_voltage_v > 0 else 0.0

    def limits_current(self, now_ms: int) -> bool:
        """Whether it is in constant current."""
        return self.on and self._load_a(now_ms) > self.current_limit_a

    def set_voltage(self, now_ms: int, voltage_v: float) -> None:
        """Set the voltage."""
        self.set_voltage_v = voltage_v
        self._tell(now_ms)

    def set_current_limit(self, now_ms: int, current_limit_a: float) -> None:
        """Set the current limit."""
        self.current_limit_a = current_limit_a
        self._tell(now_ms)

    def switch(self, now_ms: int, *, on: bool) -> None:
        """Switch it on or off."""
        self.on = on
        self._tell(now_ms)

    def _tell(self, now_ms: int) -> None:
        if self._changed is not None:
            self._changed(now_ms)
