"""What can go wrong in a pump: one row for each fault."""

from collections.abc import Mapping

from firmware_model.faults.injection import FaultKind

__all__ = ["CATHETER_OCCLUSION", "PUMP_FAULTS", "RESTRICTOR_FAST_FLOW", "TEMPERATURE_SENSOR_BIAS"]

CATHETER_OCCLUSION = FaultKind(
    "catheter-occlusion",
    "%",
    100.0,
    0.0,
    100.0,
    "the catheter is narrowed by so much (100 %: blocked), behind the outlet sensor",
)
RESTRICTOR_FAST_FLOW = FaultKind(
    "restrictor-fast-flow", "%", 20.0, 0.0, 300.0, "the restrictor lets so much more flow through than it should"
)
TEMPERATURE_SENSOR_BIAS = FaultKind(
    "temperature-sensor-bias", "C", 1.0, -20.0, 20.0, "the pump's temperature sensor reads so much too high"
)

PUMP_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind for kind in (CATHETER_OCCLUSION, RESTRICTOR_FAST_FLOW, TEMPERATURE_SENSOR_BIAS)
}
"""By name. A fault injected again takes its new value; its value 0 mends it."""
