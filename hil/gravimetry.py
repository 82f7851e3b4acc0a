"""Flow from weighings, with its uncertainty budget (GUM), computed by the GUM Tree Calculator.

The model of the measurement::

    flow = [m (1 - a/8000) / (1 - a/L) + e t] / (D t) + (v + f) / t

with m the indicated mass collected in the time t, a the density of air, L that of the infusate in the beaker, D that at
the pump's temperature, where its volume counts, e the evaporation rate, v the drop that may hang on at either end, and
f what no bench knows (see FLOOR). It is then converted to the label's conditions: multiplied by the ratio of flows that
the pump model gives for the two conditions, with the uncertainty of the conditions times the model's sensitivities.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import GTC
from GTC import reporting
from GTC.lib import UncertainReal

from hil.air import air_density_kg_per_m3
from hil.measurement import BudgetLine

__all__ = ["Condition", "GravimetricFlow", "Gravimetry", "buoyancy_factor", "gravimetric_flow"]

WEIGHT_DENSITY_KG_PER_M3 = 8000.0
"""Of the weights that a balance is adjusted with, by convention (OIML D 28)."""

FLOOR_UG_PER_S = 0.1
FLOOR_SHARE = 0.002
"""Expanded uncertainty of the best national laboratories: 0.1 ug/s plus 0.2 %. A bench that claims better is wrong."""

U_AIR_FORMULA_SHARE = 2e-4
_MS_PER_DAY = 86_400_000
_COVERAGE = 2.0


@dataclass(frozen=True)
class Condition:
    """A condition that the flow depends on: its standard uncertainty, and the relative change of flow for one unit."""

    name: str
    value: float
    unit: str
    standard_uncertainty: float
    relative_sensitivity: float


@dataclass(frozen=True)
class Gravimetry:
    """What the weighings mean: everything but the weighings themselves. ``u_`` is a standard uncertainty."""

    readability_g: float
    u_repeatability_g: float
    u_drift_g_per_day: float
    room_temperature_c: float
    u_room_temperature_c: float
    ambient_kpa: float
    u_ambient_kpa: float
    relative_humidity_percent: float
    u_relative_humidity_percent: float
    density_room_kg_per_m3: float
    density_pump_kg_per_m3: float
    u_density_kg_per_m3: float
    evaporation_ug_per_s: float
    u_evaporation_ug_per_s: float
    drop_volume_nl: float
    u_time_s: float


@dataclass(frozen=True)
class GravimetricFlow:
    """A flow with its expanded uncertainty (k = 2) and where that comes from."""

    flow_ml_per_day: float
    expanded_uncertainty_ml_per_day: float
    budget: tuple[BudgetLine, ...]
    raw_flow_ml_per_day: float
    """Before the conversion to label conditions."""


def buoyancy_factor(air_kg_per_m3: float, liquid_kg_per_m3: float) -> float:
    """True mass of a liquid over the mass that a balance in air indicates; about 1.00106 for water."""
    return (1 - air_kg_per_m3 / WEIGHT_DENSITY_KG_PER_M3) / (1 - air_kg_per_m3 / liquid_kg_per_m3)


def gravimetric_flow(
    mass_g: float, duration_ms: int, setup: Gravimetry, *, conversion: float, conditions: Sequence[Condition]
) -> GravimetricFlow:
    """The flow that delivered the indicated ``mass_g`` in ``duration_ms``, at label conditions.

    ``conversion`` is the model's flow at label conditions over that at the bench's. Raises ValueError if no time has
    passed.
    """
    if duration_ms <= 0:
        raise ValueError(f"a collection needs time, got {duration_ms} ms")
    days = duration_ms / _MS_PER_DAY
    inputs: list[tuple[UncertainReal, str]] = []

    def given(name: str, estimate: float, unit: str, u: float) -> UncertainReal:
        number = GTC.ureal(estimate, u, label=name)
        inputs.append((number, unit))
        return number

    mass = given("collected mass (repeatability, readability)", mass_g, "g", _u_of_difference_g(setup))
    drift = given("balance drift", 0.0, "g", setup.u_drift_g_per_day * days)
    air = given("air density", _air(setup), "kg/m3", _u_air(setup))
    density = given("infusate density", setup.density_pump_kg_per_m3, "kg/m3", setup.u_density_kg_per_m3)
    evaporation = given("evaporation", setup.evaporation_ug_per_s, "ug/s", setup.u_evaporation_ug_per_s)
    drop = given("hanging drop", 0.0, "nL", setup.drop_volume_nl / math.sqrt(6))  # triangular: one at either end
    time = given("time", days * 86_400, "s", setup.u_time_s)

    buoyancy = (1 - air / WEIGHT_DENSITY_KG_PER_M3) / (1 - air / setup.density_room_kg_per_m3)
    evaporated_g = evaporation * 1e-6 * time
    volume_ml = ((mass + drift) * buoyancy + evaporated_g) / density * 1000 + drop * 1e-6
    raw = volume_ml / time * 86_400
    flow = raw * conversion
    for condition in conditions:
        x = given(condition.name, condition.value, condition.unit, condition.standard_uncertainty)
        flow = flow * (1 - condition.relative_sensitivity * (x - condition.value))
    floor = given("limit of the method", 0.0, "mL/day", _u_floor(flow, setup))
    flow = flow + floor
    return GravimetricFlow(
        flow_ml_per_day=GTC.value(flow),
        expanded_uncertainty_ml_per_day=_COVERAGE * GTC.uncertainty(flow),
        budget=tuple(_line(flow, number, unit) for number, unit in inputs if GTC.uncertainty(number) > 0),
        raw_flow_ml_per_day=GTC.value(raw),
    )


def _line(flow: UncertainReal, number: UncertainReal, unit: str) -> BudgetLine:
    return BudgetLine(
        name=number.label,
        value=GTC.value(number),
        unit=unit,
        standard_uncertainty=GTC.uncertainty(number),
        sensitivity=reporting.sensitivity(flow, number),
        contribution=abs(reporting.u_component(flow, number)),
    )


def _u_of_difference_g(setup: Gravimetry) -> float:
    """Two readings, each with its repeatability and a rounding that is rectangular over one digit."""
    return math.sqrt(2 * (setup.u_repeatability_g**2 + setup.readability_g**2 / 12))


def _air(setup: Gravimetry) -> float:
    return air_density_kg_per_m3(setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent)


def _u_air(setup: Gravimetry) -> float:
    """From temperature, pressure, humidity and the formula itself; the three slopes by difference quotient."""
    t, p, h = setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent
    parts = (
        (air_density_kg_per_m3(t + 0.5, p, h) - air_density_kg_per_m3(t - 0.5, p, h)) * setup.u_room_temperature_c,
        (air_density_kg_per_m3(t, p + 0.5, h) - air_density_kg_per_m3(t, p - 0.5, h)) * setup.u_ambient_kpa,
        (air_density_kg_per_m3(t, p, h + 0.5) - air_density_kg_per_m3(t, p, h - 0.5))
        * setup.u_relative_humidity_percent,
        _air(setup) * U_AIR_FORMULA_SHARE,
    )
    return math.sqrt(sum(part**2 for part in parts))


def _u_floor(flow: UncertainReal, setup: Gravimetry) -> float:
    """What is missing to the standard uncertainty of the best laboratories, in mL/day; zero if nothing is."""
    floor_ml_per_day = FLOOR_UG_PER_S * 86_400e-6 / setup.density_pump_kg_per_m3 * 1000
    u_best = (floor_ml_per_day + FLOOR_SHARE * abs(GTC.value(flow))) / _COVERAGE
    return math.sqrt(max(0.0, u_best**2 - GTC.uncertainty(flow) ** 2))
