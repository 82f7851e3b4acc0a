"""What acts on the pump from outside: temperature, ambient pressure, and the pressure at the catheter's tip."""

import math
from dataclasses import dataclass

from firmware_model.physics.fluids import HIGHEST_TEMPERATURE_C, LOWEST_TEMPERATURE_C

__all__ = ["Surroundings", "standard_atmosphere_kpa"]

MAX_AMBIENT_KPA = 400.0
MAX_OUTLET_KPA = 200.0


@dataclass(frozen=True)
class Surroundings:
    """Conditions around the pump, constant until the next ones are set.

    ``temperature_c`` is that of the tissue or bath. ``ambient_kpa`` is absolute. ``outlet_kpa`` is gauge: it is
    measured against the room, as a blood pressure is. Raises ValueError for what the model does not cover.
    """

    temperature_c: float
    ambient_kpa: float
    outlet_kpa: float

    def __post_init__(self) -> None:
        if not LOWEST_TEMPERATURE_C <= self.temperature_c <= HIGHEST_TEMPERATURE_C:  # these also refuse NaN
            raise ValueError(f"temperature must be 0 to 60 degrees Celsius, got {self.temperature_c}")
        if not 0 < self.ambient_kpa <= MAX_AMBIENT_KPA:
            raise ValueError(
                f"ambient pressure must be > 0 and <= {MAX_AMBIENT_KPA:g} kPa absolute, got {self.ambient_kpa}"
            )
        if not abs(self.outlet_kpa) <= MAX_OUTLET_KPA:
            raise ValueError(f"outlet pressure must be within +-{MAX_OUTLET_KPA:g} kPa gauge, got {self.outlet_kpa}")


def standard_atmosphere_kpa(altitude_m: float) -> float:
    """Ambient pressure at an altitude in the ICAO standard atmosphere (below 11 km), in kPa absolute.

    Raises ValueError outside -500 to 11000 m.
    """
    if not -500 <= altitude_m <= 11_000:
        raise ValueError(f"altitude must be -500 to 11000 m, got {altitude_m}")
    return 101.325 * math.pow(1 - 2.25577e-5 * altitude_m, 5.25588)
