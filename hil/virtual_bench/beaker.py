"""The beaker on the simulated balance: drops fall in, water evaporates, air buoys it up."""

import math

__all__ = ["Beaker"]

_EMPTY_BEAKER_G = 50.0
_FIRST_WATER_G = 5.0
_WEIGHT_DENSITY_KG_PER_M3 = 8000.0
_LIQUID_DENSITY_KG_PER_M3 = 998.0


class Beaker:
    """Weight of the beaker, as a balance adjusted with 8000 kg/m3 weights feels it.

    Infusate leaves the wetted needle in whole drops. Evaporation runs from bench time 0, since a beaker is
    started with some water in it: an empty one would have nothing to lose.
    """

    def __init__(
        self,
        *,
        density_kg_per_m3: float,
        drop_volume_nl: int,
        evaporation_ug_per_s: float,
        room_temperature_c: float,
        ambient_kpa: float,
        relative_humidity_percent: float = 45.0,
    ) -> None:
        """``density_kg_per_m3`` is the infusate's at the pump's temperature, where its volume is counted."""
        self._density_kg_per_m3 = density_kg_per_m3
        self._drop_volume_nl = drop_volume_nl
        self._evaporation_ug_per_s = evaporation_ug_per_s
        self._evaporated_g = 0.0
        self._since_ms = 0
        air = _moist_air_kg_per_m3(room_temperature_c, ambient_kpa, relative_humidity_percent)
        self._buoyancy = (1 - air / _LIQUID_DENSITY_KG_PER_M3) / (1 - air / _WEIGHT_DENSITY_KG_PER_M3)

    def set_evaporation(self, now_ms: int, evaporation_ug_per_s: float) -> None:
        """Let water evaporate at another rate from ``now_ms`` on."""
        self._evaporated_g = self._evaporated_until(now_ms)
        self._since_ms = now_ms
        self._evaporation_ug_per_s = evaporation_ug_per_s

    def load_g(self, now_ms: int, delivered_nl: int) -> float:
        """Conventional mass on the pan at ``now_ms``, in g, once ``delivered_nl`` has left the catheter."""
        fallen_nl = delivered_nl if self._drop_volume_nl == 0 else delivered_nl - delivered_nl % self._drop_volume_nl
        infusate_g = fallen_nl * self._density_kg_per_m3 * 1e-9
        water_g = max(0.0, _FIRST_WATER_G + infusate_g - self._evaporated_until(now_ms))
        return _EMPTY_BEAKER_G + water_g * self._buoyancy

    def _evaporated_until(self, now_ms: int) -> float:
        return self._evaporated_g + self._evaporation_ug_per_s * (now_ms - self._since_ms) * 1e-9


def _moist_air_kg_per_m3(temperature_c: float, pressure_kpa: float, relative_humidity_percent: float) -> float:
    """Density of two ideal gases, air and water vapour (Tetens); on purpose not the formula that corrects for it."""
    vapour_kpa = relative_humidity_percent / 100 * 0.61078 * math.exp(17.27 * temperature_c / (temperature_c + 237.3))
    kelvin = temperature_c + 273.15
    return (pressure_kpa - vapour_kpa) * 1000 / (287.058 * kelvin) + vapour_kpa * 1000 / (461.495 * kelvin)
