"""Which alarms are the right ones for a fault: raised while it lasts, they count as its detection."""

from collections.abc import Mapping

from firmware_model.faults.table import PUMP_FAULTS, SENSOR_FAULTS

__all__ = ["DETECTED_BY"]

_RIGHT: Mapping[str, tuple[str, ...]] = {
    "catheter-occlusion": ("occlusion", "flow-low"),
    "catheter-leak": ("leak", "flow-high"),
    "septum-leak": ("leak", "flow-high"),
    "propellant-loss": ("propellant-loss", "flow-low"),
    "restrictor-plugging": ("flow-low",),
    "restrictor-fast-flow": ("flow-high", "leak"),
    "bellows-sticking": ("propellant-loss", "flow-low"),
    "pocket-fill": ("refill-mismatch",),
    "overfill": ("refill-mismatch",),
    "flipped-pump": ("refill-mismatch",),
    "brown-out": ("unexpected-restart", "clock-lost"),
    "reset": ("unexpected-restart",),
    "firmware-hang": ("unexpected-restart",),
    "memory-bit-flip": ("memory-fault",),
    "clock-jump": ("clock-lost",),
    "battery-drain": ("battery-low", "end-of-service"),
    "intrusion": ("tampering",),
}
DETECTED_BY: Mapping[str, tuple[str, ...]] = {
    name: _RIGHT.get(name, ("sensor-fault",) if name in SENSOR_FAULTS else ()) for name in PUMP_FAULTS
}
"""By the fault's name; empty if no alarm is made for it."""
