"""The pump's sensors, read often enough that their noise averages out."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from hil.bench import Bench
from protocols.messages import RawSensors

__all__ = ["SensorMeans", "read_sensors"]

READINGS = 15
_BETWEEN_S = 20.0


@dataclass(frozen=True)
class SensorMeans:
    """Means of readings out of turn, with the standard uncertainty of each mean from their scatter."""

    temperature_c: float
    u_temperature_c: float
    reservoir_kpa: float
    u_reservoir_kpa: float
    outlet_kpa: float
    u_outlet_kpa: float
    ambient_kpa: float
    u_ambient_kpa: float
    bellows_ml: float
    u_bellows_ml: float


def read_sensors(bench: Bench, watch: Callable[[], None] = lambda: None) -> SensorMeans:
    """What the pump reads over some minutes; ``watch`` is called beside each reading, for a reference."""
    readings: list[RawSensors] = []
    for _ in range(READINGS):
        readings.append(bench.pump.read_raw_sensors())
        watch()
        bench.sleep(seconds=_BETWEEN_S)

    def mean(name: str, unit: float) -> tuple[float, float]:
        values = np.array([getattr(reading, name) for reading in readings]) / unit
        return float(np.mean(values)), float(np.std(values, ddof=1)) / sqrt(READINGS)

    return SensorMeans(
        *mean("temperature_mc", 1e3),
        *mean("reservoir_pa", 1e3),
        *mean("outlet_pa", 1e3),
        *mean("ambient_pa", 1e3),
        *mean("bellows_nl", 1e6),
    )
