"""What a pump said of itself over time: one look for each Status and each Sampled notice of a recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["LOOKS", "QUANTITIES", "Look", "look_in"]

LOOKS: Final = ("status", "sampled")
"""Messages that hold one, by the last part of their topic."""

QUANTITIES: Final[Mapping[str, tuple[str, float, str]]] = {
    "volume": ("mL", 1e-6, "volume_nl"),
    "flow": ("mL/day", 1e-6, "flow_nl_per_day"),
    "temperature": ("C", 1e-3, "temperature_mc"),
    "reservoir": ("kPa", 1e-3, "reservoir_pa"),
    "outlet": ("kPa", 1e-3, "outlet_pa"),
    "ambient": ("kPa", 1e-3, "ambient_pa"),
}
"""Name to unit, factor from the wire's unit, and field. Reservoir and ambient are absolute, outlet is gauge."""


@dataclass(frozen=True)
class Look:
    """One look at the pump, at a bench time."""

    time_ms: int
    message: str
    mode: str
    alarms: frozenset[str]
    """Names of the alarms that held, such as ``OCCLUSION``."""
    values: Mapping[str, int]
    """By the fields' names, in the wire's units."""

    def quantity(self, name: str) -> float | None:
        """A quantity of ``QUANTITIES`` in its unit; None if this look does not tell it."""
        _, factor, field = QUANTITIES[name]
        if name == "flow" and not self.values.get("flow_valid", 0):
            return None
        value = self.values.get(field, self.values.get("bellows_nl") if name == "volume" else None)
        return None if value is None else value * factor


def look_in(message: str, time_ms: int, content: Mapping[str, Any]) -> Look | None:
    """The look in a decoded message, given as JSON; None of any other. Raises KeyError, TypeError if it is damaged."""
    if message not in LOOKS:
        return None
    values = {name: int(value) for name, value in content.items() if isinstance(value, int)}
    return Look(time_ms, message, str(content["mode"]), frozenset(map(str, content["alarms"])), values)
