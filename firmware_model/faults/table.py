"""What can go wrong in a pump: one row for each fault."""

from collections.abc import Mapping

from firmware_model.faults.injection import FaultKind

__all__ = [
    "ELECTRONIC_FAULTS",
    "FLOW_PATH_FAULTS",
    "PUMP_FAULTS",
    "REFILL_FAULTS",
    "SENSOR_FAULTS",
    "SENSOR_NAMES",
]

FLOW_PATH_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind(
            "catheter-occlusion",
            "%",
            100.0,
            0.0,
            100.0,
            "the catheter is narrowed by so much (100 %: blocked), behind the outlet sensor",
        ),
        FaultKind(
            "catheter-leak",
            "%",
            100.0,
            0.0,
            100.0,
            "so much of the flow leaves the catheter before its tip (100 %: it came off), at the tissue's pressure",
        ),
        FaultKind(
            "septum-leak",
            "mL/day",
            0.3,
            0.0,
            50.0,
            "the reservoir leaks through its septum, so much at the propellant's pressure at 37 C at sea level",
        ),
        FaultKind(
            "propellant-loss",
            "%",
            15.0,
            0.0,
            90.0,
            "the propellant chamber has lost so much of its pressure: no liquid is left in it",
        ),
        FaultKind("restrictor-plugging", "%", 30.0, 0.0, 100.0, "the restrictor lets so much less flow through"),
        FaultKind(
            "restrictor-fast-flow",
            "%",
            20.0,
            0.0,
            300.0,
            "the restrictor lets so much more flow through than it should",
        ),
        FaultKind(
            "bellows-sticking", "kPa", 15.0, 0.0, 200.0, "friction of the bellows takes so much of the driving pressure"
        ),
    )
}
"""They act on the flow path as long as they last."""

REFILL_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("pocket-fill", "%", 100.0, 0.0, 100.0, "so much of each fill goes into the pocket around the pump"),
        FaultKind("overfill", "mL", 1.0, 0.0, 3.0, "each fill puts so much more in than fits"),
        FaultKind("cold-refill", "C", 4.0, 0.0, 20.0, "what is filled in is so cold; 0 C is none"),
        FaultKind("flipped-pump", "", 1.0, 0.0, 1.0, "the pump lies on its face: no needle finds septum or side port"),
    )
}
"""They act on refills while they last."""

SENSOR_NAMES: Mapping[str, tuple[str, float]] = {
    "temperature": ("C", 20.0),
    "reservoir-pressure": ("kPa", 100.0),
    "outlet-pressure": ("kPa", 100.0),
    "ambient-pressure": ("kPa", 100.0),
    "bellows": ("mL", 30.0),
    "battery": ("mV", 3000.0),
}
"""In the order of the sensors; with the unit and the reach of their faults."""

_ERROR = {"temperature": 1.0, "reservoir-pressure": 5.0, "outlet-pressure": 5.0, "ambient-pressure": 5.0}


def _sensor_faults(sensor: str, unit: str, reach: float) -> tuple[FaultKind, ...]:
    error = _ERROR.get(sensor, reach / 10)
    name = sensor.replace("-", " ")
    return (
        FaultKind(f"{sensor}-sensor-bias", unit, error, -reach, reach, f"the {name} sensor reads so much too high"),
        FaultKind(
            f"{sensor}-sensor-drift", f"{unit}/day", error, -reach, reach, f"the {name} sensor reads ever higher"
        ),
        FaultKind(
            f"{sensor}-sensor-noise", unit, 2 * error, 0.0, reach, f"the {name} sensor has so much more noise (+-)"
        ),
        FaultKind(f"{sensor}-sensor-stuck", "", 1.0, 0.0, 1.0, f"the {name} sensor keeps its last reading"),
        FaultKind(
            f"{sensor}-sensor-open", "", 1.0, 0.0, 1.0, f"the {name} sensor is cut off: its reading is at its end"
        ),
    )


SENSOR_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind for sensor, (unit, reach) in SENSOR_NAMES.items() for kind in _sensor_faults(sensor, unit, reach)
}
"""What a sensor says of the truth while they last."""

ELECTRONIC_FAULTS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("brown-out", "s", 10.0, 0.0, 86_400.0, "the supply fails for so long: reset, and the clock forgets"),
        FaultKind("reset", "", 1.0, 0.0, 1.0, "the firmware starts anew; the clock goes on"),
        FaultKind(
            "memory-bit-flip",
            "",
            100.0,
            0.0,
            1e7,
            "one bit of the non-volatile memory turns over; counted from its start",
        ),
        FaultKind("clock-jump", "s", 3600.0, -1e8, 1e8, "the real-time clock jumps by so much"),
        FaultKind("battery-drain", "uA", 100.0, 0.0, 1e5, "so much more current is drawn from the battery"),
        FaultKind(
            "firmware-hang",
            "",
            1.0,
            0.0,
            100.0,
            "the firmware stops until its watchdog resets it; so many times in a row",
        ),
        FaultKind("intrusion", "", 10.0, 0.0, 10_000.0, "so many telecommands come that the firmware must refuse"),
    )
}
"""They happen at their time, except for battery-drain, which lasts."""

MOMENTARY_FAULTS = frozenset(ELECTRONIC_FAULTS) - {"battery-drain"}

PUMP_FAULTS: Mapping[str, FaultKind] = {**FLOW_PATH_FAULTS, **REFILL_FAULTS, **SENSOR_FAULTS, **ELECTRONIC_FAULTS}
"""By name. A fault injected again takes its new value; its value 0 mends it."""
