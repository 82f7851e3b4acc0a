"""What leaves the beaker as vapour, as the bench file knows it before a run."""

import math
from dataclasses import dataclass

from hil.benches.bench_file import EnvironmentTable

__all__ = ["Evaporation", "evaporation_of", "evaporation_text"]


@dataclass(frozen=True)
class Evaporation:
    """The rate, its standard uncertainty, and the name of its budget line."""

    rate_ug_per_s: float
    u_ug_per_s: float
    name: str


def evaporation_of(room: EnvironmentTable) -> Evaporation:
    """The stated rate; or the middle of what an oil film lets through; or what to plan with until a vessel is weighed.

    Under an oil film anything from nothing to the bound is as likely: half of it, u = bound / sqrt(12) (GUM, 4.3.7).
    """
    if room.evaporation == "oil-film":
        bound = room.evaporation_bound_ug_per_s or 0.0
        return Evaporation(bound / 2, bound / math.sqrt(12), "evaporation through the oil film")
    stated = room.evaporation_ug_per_s or 0.0
    if room.evaporation == "reference-vessel":
        return Evaporation(stated, 0.0, "evaporation")
    return Evaporation(stated, room.u_evaporation_ug_per_s or 0.0, "evaporation")


def evaporation_text(room: EnvironmentTable) -> str:
    """What the report says of it."""
    if room.evaporation == "reference-vessel":
        return f"by a reference vessel, alike within u = {room.u_vessel_likeness_percent:g} %"
    if room.evaporation == "oil-film":
        return f"0 to {room.evaporation_bound_ug_per_s:g} ug/s under an oil film"
    return f"{room.evaporation_ug_per_s:g} ug/s, u = {room.u_evaporation_ug_per_s:g} ug/s"
