"""Flow from weighings, with its uncertainty budget (GUM), computed by the GUM Tree Calculator (GTC).

The model of the measurement::

    flow = [(m + b) (1 - a/8000) / (1 - a/L) + e t] / (D t) + v / t + f

with m the indicated mass collected in the time t, b the balance's drift, a the density of air, L that of the infusate
in the beaker, e the evaporation rate, v the drop that may hang on at either end, and f what no bench knows (below).

D is the infusate's density *at the pump's temperature*: the volume is the one that leaves the pump, not the slightly
smaller one that it shrinks to in the beaker. The flow is then converted to the label's conditions: multiplied by the
ratio of flows that the pump model gives for the two, with the uncertainty of the conditions times its sensitivities.

The best national laboratory states 0.1 ug/s plus 0.2 % (k = 2) for a flow as it was collected, 1.07 % at 1 mL/day. A
bench that claims less has forgotten something. So f has the value zero and whatever uncertainty is missing to that
floor; it is a line of the budget like any other, and the conditions come on top, for they are not what the laboratory's
statement covers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import GTC
from GTC import reporting
from GTC.lib import UncertainReal

from hil.air import air_density_kg_per_m3
from hil.measurement import BudgetLine

__all__ = ["FLOOR_LINE", "Condition", "GravimetricFlow", "Gravimetry", "buoyancy_factor", "gravimetric_flow"]

WEIGHT_DENSITY_KG_PER_M3 = 8000.0
"""Of the weights that a balance is adjusted with, by convention (OIML D 28)."""

FLOOR_UG_PER_S = 0.1
FLOOR_SHARE = 0.002
FLOOR_LINE = "limit of the method (0.1 ug/s + 0.2 %)"
"""Name of the budget line that keeps a bench from claiming more than the best national laboratory."""

U_AIR_FORMULA_SHARE = 2e-4
_MS_PER_DAY = 86_400_000
_S_PER_DAY = 86_400.0
_COVERAGE = 2.0
_SQRT2 = math.sqrt(2.0)
"""A collected mass is the difference of two readings, each with the same uncertainty."""


@dataclass(frozen=True)
class Condition:
    """A condition that the flow depends on: its standard uncertainty, and the relative change of flow for one unit."""

    name: str
    value: float
    unit: str
    standard_uncertainty: float
    relative_sensitivity: float

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is none, or an uncertainty below zero."""
        _check({name: getattr(self, name) for name in ("value", "standard_uncertainty", "relative_sensitivity")})
        _check_not_negative({f"{self.name}: standard uncertainty": self.standard_uncertainty})


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
    """Of a collection's length: when exactly the first and the last weighing were taken."""
    u_clock_share: float = 5e-5
    """Of the clock's rate, relative: a computer's free-running crystal is 50 ppm off at worst [assumed]."""
    repeatability_degrees_of_freedom: float = math.inf
    """Of ``u_repeatability_g``: one less than the weighings it was found from; infinite if a certificate states it."""

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is none, an uncertainty below zero, or a liquid lighter than air."""
        given: dict[str, float] = {field.name: getattr(self, field.name) for field in fields(self)}
        freedom = given.pop("repeatability_degrees_of_freedom")
        _check(given)
        _check_not_negative({name: given[name] for name in given if name.startswith(("u_", "drop_", "readability_"))})
        if not freedom >= 1:
            raise ValueError(f"repeatability_degrees_of_freedom must be >= 1, got {freedom}")
        for name in ("density_room_kg_per_m3", "density_pump_kg_per_m3"):
            if not given[name] > 100:
                raise ValueError(f"{name} must be that of a liquid, got {given[name]} kg/m3")


@dataclass(frozen=True)
class GravimetricFlow:
    """A flow with its expanded uncertainty (k = 2) and where that comes from."""

    flow_ml_per_day: float
    expanded_uncertainty_ml_per_day: float
    budget: tuple[BudgetLine, ...]
    raw_flow_ml_per_day: float
    """Before the conversion to label conditions."""
    degrees_of_freedom: float
    """Effective ones, of the combined standard uncertainty."""


def buoyancy_factor(air_kg_per_m3: float, liquid_kg_per_m3: float) -> float:
    """True mass of a liquid over the mass that a balance in air indicates; about 1.00106 for water."""
    return (1 - air_kg_per_m3 / WEIGHT_DENSITY_KG_PER_M3) / (1 - air_kg_per_m3 / liquid_kg_per_m3)


def gravimetric_flow(
    mass_g: float, duration_ms: int, setup: Gravimetry, *, conversion: float, conditions: Sequence[Condition]
) -> GravimetricFlow:
    """The flow that delivered the indicated ``mass_g`` in ``duration_ms``, at label conditions.

    ``conversion`` is the model's flow at label conditions over that at the bench's. Raises ValueError if no time has
    passed, or for a mass or a conversion that is no number.
    """
    if duration_ms <= 0:
        raise ValueError(f"a collection needs time, got {duration_ms} ms")
    _check({"mass_g": mass_g, "conversion": conversion})
    days = duration_ms / _MS_PER_DAY
    inputs: list[tuple[UncertainReal, str]] = []

    def given(name: str, estimate: float, unit: str, u: float, df: float = math.inf) -> UncertainReal:
        number = GTC.ureal(estimate, u, df=df, label=name)
        inputs.append((number, unit))
        return number

    freedom = setup.repeatability_degrees_of_freedom
    mass = given("collected mass (repeatability)", mass_g, "g", _SQRT2 * setup.u_repeatability_g, freedom)
    rounding = given("readability", 0.0, "g", _SQRT2 * setup.readability_g / math.sqrt(12))  # of two readings
    drift = given("balance drift", 0.0, "g", setup.u_drift_g_per_day * days)
    air = given("air density", _air(setup), "kg/m3", _u_air(setup))
    density = given("infusate density", setup.density_pump_kg_per_m3, "kg/m3", setup.u_density_kg_per_m3)
    evaporation = given("evaporation", setup.evaporation_ug_per_s, "ug/s", setup.u_evaporation_ug_per_s)
    drop = given("hanging drop", 0.0, "nL", setup.drop_volume_nl / math.sqrt(6))  # triangular: one at either end
    time = given("time", days * _S_PER_DAY, "s", math.hypot(setup.u_time_s, setup.u_clock_share * days * _S_PER_DAY))

    buoyancy = (1 - air / WEIGHT_DENSITY_KG_PER_M3) / (1 - air / setup.density_room_kg_per_m3)
    delivered_g = (mass + rounding + drift) * buoyancy + evaporation * 1e-6 * time
    volume_ml = delivered_g / density * 1000 + drop * 1e-6
    raw = volume_ml / time * _S_PER_DAY
    floor = given(FLOOR_LINE, 0.0, "mL/day", _u_missing(raw, setup))
    flow = (raw + floor) * conversion
    for condition in conditions:
        x = given(condition.name, condition.value, condition.unit, condition.standard_uncertainty)
        flow = flow * (1 - condition.relative_sensitivity * (x - condition.value))
    return GravimetricFlow(
        flow_ml_per_day=GTC.value(flow),
        expanded_uncertainty_ml_per_day=_COVERAGE * GTC.uncertainty(flow),
        budget=tuple(_line(flow, number, unit) for number, unit in inputs if GTC.uncertainty(number) > 0),
        raw_flow_ml_per_day=GTC.value(raw),
        degrees_of_freedom=GTC.dof(flow),
    )


def _line(flow: UncertainReal, number: UncertainReal, unit: str) -> BudgetLine:
    return BudgetLine(
        name=number.label,
        value=GTC.value(number),
        unit=unit,
        standard_uncertainty=GTC.uncertainty(number),
        sensitivity=reporting.sensitivity(flow, number),
        contribution=abs(reporting.u_component(flow, number)),
        degrees_of_freedom=GTC.dof(number),
    )


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


def _u_missing(collected: UncertainReal, setup: Gravimetry) -> float:
    """What a flow as collected lacks to the standard uncertainty of the best laboratory, in mL/day; zero if nothing."""
    floor_ml_per_day = FLOOR_UG_PER_S * 1e-6 * _S_PER_DAY / setup.density_pump_kg_per_m3 * 1000
    u_best = (floor_ml_per_day + FLOOR_SHARE * abs(GTC.value(collected))) / _COVERAGE
    return math.sqrt(max(0.0, u_best**2 - GTC.uncertainty(collected) ** 2))


def _check(numbers: dict[str, float]) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} must be a number, got {number}")


def _check_not_negative(numbers: dict[str, float]) -> None:
    for name, number in numbers.items():
        if not number >= 0:
            raise ValueError(f"{name} must be >= 0, got {number}")
