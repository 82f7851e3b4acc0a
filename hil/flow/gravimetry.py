"""Flow from weighings, with its uncertainty budget (GUM), computed by the GUM Tree Calculator (GTC).

The model of the measurement::

    flow = [(m + b) s (1 - a/8000) / (1 - a/L) + e t] / (D t) + v / t + f

with m the indicated mass collected in the time t, b what two readings of one balance do not share (noise, rounding,
drift, linearity, air that the beaker displaces), s the balance's slope, a the density of air, L that of the infusate
in the beaker, e the evaporation rate, v the drop that may hang on at either end, and f what no bench knows (below).

m is a difference of two readings of one balance. Whatever both have in common cancels and is not in the budget: zero,
tare, a constant offset. What each has of its own counts twice, in squares. The slope is common but does not cancel: it
scales the difference. One barometer gives both the density of air and the ambient pressure of the conversion below, so
it is one input, not two.

Where a reference vessel stands beside the beaker, e t is what its balance lost, by the same model, times how alike the
two are (one, with an uncertainty).

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

from hil.flow.air import air_density_kg_per_m3
from hil.measurement import BudgetLine

__all__ = [
    "AMBIENT_LINE",
    "FLOOR_LINE",
    "Condition",
    "GravimetricFlow",
    "Gravimetry",
    "ReferenceVessel",
    "buoyancy_factor",
    "gravimetric_flow",
]

WEIGHT_DENSITY_KG_PER_M3 = 8000.0
"""Of the weights that a balance is adjusted with, by convention (OIML D 28)."""

FLOOR_UG_PER_S = 0.1
FLOOR_SHARE = 0.002
FLOOR_LINE = "limit of the method (0.1 ug/s + 0.2 %)"
"""Name of the budget line that keeps a bench from claiming more than the best national laboratory."""

AMBIENT_LINE = "ambient pressure"
"""Name of the condition, and of the budget line, that is the barometer's reading."""

U_AIR_FORMULA_SHARE = 2e-4
_MS_PER_DAY = 86_400_000
_S_PER_DAY = 86_400.0
_COVERAGE = 2.0
_SQRT2 = math.sqrt(2.0)
"""A collected mass is the difference of two readings, each with the same uncertainty."""


_NOT_NEGATIVE = ("u_", "drop_", "readability_", "beaker_")


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
    u_sensitivity_share: float = 0.0
    """Of the balance's slope, relative."""
    u_linearity_g: float = 0.0
    beaker_volume_ml: float = 0.0
    """Of air that the beaker displaces; its buoyancy changes with the air between two readings."""
    evaporation_name: str = "evaporation"
    repeatability_degrees_of_freedom: float = math.inf
    """Of ``u_repeatability_g``: one less than the weighings it was found from; infinite if a certificate states it."""

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is none, an uncertainty below zero, or a liquid lighter than air."""
        given: dict[str, float] = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "evaporation_name"
        }
        freedom = given.pop("repeatability_degrees_of_freedom")
        _check(given)
        _check_not_negative({name: given[name] for name in given if name.startswith(_NOT_NEGATIVE)})
        if not freedom >= 1:
            raise ValueError(f"repeatability_degrees_of_freedom must be >= 1, got {freedom}")
        for name in ("density_room_kg_per_m3", "density_pump_kg_per_m3"):
            if not given[name] > 100:
                raise ValueError(f"{name} must be that of a liquid, got {given[name]} kg/m3")


@dataclass(frozen=True)
class ReferenceVessel:
    """A vessel like the beaker, into which nothing flows, and its balance. ``u_`` is a standard uncertainty."""

    change_g: float
    """Its last reading less its first: negative as it dries."""
    readability_g: float
    u_repeatability_g: float
    u_drift_g_per_day: float
    u_sensitivity_share: float
    u_linearity_g: float
    u_likeness_share: float
    """Of what the beaker loses over what this vessel loses, relative."""

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is none, or an uncertainty below zero."""
        given: dict[str, float] = {field.name: getattr(self, field.name) for field in fields(self)}
        _check(given)
        _check_not_negative({name: number for name, number in given.items() if name.startswith(_NOT_NEGATIVE)})


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
    mass_g: float,
    duration_ms: int,
    setup: Gravimetry,
    *,
    conversion: float,
    conditions: Sequence[Condition],
    reference: ReferenceVessel | None = None,
) -> GravimetricFlow:
    """The flow that delivered the indicated ``mass_g`` in ``duration_ms``, at label conditions.

    ``conversion`` is the model's flow at label conditions over that at the bench's. A ``reference`` vessel takes the
    place of the setup's evaporation. Raises ValueError if no time has passed, for a mass or a conversion that is no
    number, or if the condition "ambient pressure" is not the barometer of the setup.
    """
    if duration_ms <= 0:
        raise ValueError(f"a collection needs time, got {duration_ms} ms")
    _check({"mass_g": mass_g, "conversion": conversion})
    days = duration_ms / _MS_PER_DAY
    inputs = _Inputs()
    freedom = setup.repeatability_degrees_of_freedom
    mass = inputs.add("collected mass (repeatability)", mass_g, "g", _SQRT2 * setup.u_repeatability_g, freedom)
    unshared = (
        inputs.add("readability", 0.0, "g", _SQRT2 * setup.readability_g / math.sqrt(12))  # of two readings
        + inputs.add("balance linearity", 0.0, "g", _SQRT2 * setup.u_linearity_g)
        + inputs.add("balance drift", 0.0, "g", setup.u_drift_g_per_day * days)
        + inputs.add(
            "air displaced by the beaker", 0.0, "g", _SQRT2 * setup.beaker_volume_ml * 1e-3 * _u_room_air(setup)
        )
    )
    slope = inputs.add("balance sensitivity", 1.0, "1", setup.u_sensitivity_share)
    ambient = inputs.add(AMBIENT_LINE, setup.ambient_kpa, "kPa", setup.u_ambient_kpa)
    air = _air(setup, ambient, inputs)
    density = inputs.add("infusate density", setup.density_pump_kg_per_m3, "kg/m3", setup.u_density_kg_per_m3)
    drop = inputs.add("hanging drop", 0.0, "nL", setup.drop_volume_nl / math.sqrt(6))  # triangular: one at either end
    u_time_s = math.hypot(setup.u_time_s, setup.u_clock_share * days * _S_PER_DAY)
    time = inputs.add("time", days * _S_PER_DAY, "s", u_time_s)

    buoyancy = (1 - air / WEIGHT_DENSITY_KG_PER_M3) / (1 - air / setup.density_room_kg_per_m3)
    if reference is None:
        name, rate, u_rate = setup.evaporation_name, setup.evaporation_ug_per_s, setup.u_evaporation_ug_per_s
        evaporated_g = inputs.add(name, rate, "ug/s", u_rate) * 1e-6 * time
    else:
        evaporated_g = _lost_g(reference, days, inputs) * buoyancy
    delivered_g = (mass + unshared) * slope * buoyancy + evaporated_g
    volume_ml = delivered_g / density * 1000 + drop * 1e-6
    raw = volume_ml / time * _S_PER_DAY
    floor = inputs.add(FLOOR_LINE, 0.0, "mL/day", _u_missing(raw, setup))
    flow = (raw + floor) * conversion
    for condition in conditions:
        x = _condition(condition, setup, ambient, inputs)
        flow = flow * (1 - condition.relative_sensitivity * (x - condition.value))
    return GravimetricFlow(
        flow_ml_per_day=GTC.value(flow),
        expanded_uncertainty_ml_per_day=_COVERAGE * GTC.uncertainty(flow),
        budget=tuple(_line(flow, number, unit) for number, unit in inputs.all if GTC.uncertainty(number) > 0),
        raw_flow_ml_per_day=GTC.value(raw),
        degrees_of_freedom=GTC.dof(flow),
    )


class _Inputs:
    """The inputs of one measurement, in the order of the budget."""

    def __init__(self) -> None:
        self.all: list[tuple[UncertainReal, str]] = []

    def add(self, name: str, estimate: float, unit: str, u: float, df: float = math.inf) -> UncertainReal:
        number = GTC.ureal(estimate, u, df=df, label=name)
        self.all.append((number, unit))
        return number


def _lost_g(vessel: ReferenceVessel, days: float, inputs: _Inputs) -> UncertainReal:
    """Indicated mass that the beaker lost by evaporation, in g, by the vessel beside it."""
    u_noise = math.hypot(vessel.u_repeatability_g, vessel.readability_g / math.sqrt(12), vessel.u_linearity_g)
    change = (
        inputs.add("reference vessel: weighing", vessel.change_g, "g", _SQRT2 * u_noise)
        + inputs.add("reference vessel: balance drift", 0.0, "g", vessel.u_drift_g_per_day * days)
    )  # fmt: skip
    slope = inputs.add("reference vessel: balance sensitivity", 1.0, "1", vessel.u_sensitivity_share)
    return -change * slope * inputs.add("reference vessel: likeness to the beaker", 1.0, "1", vessel.u_likeness_share)


def _condition(condition: Condition, setup: Gravimetry, ambient: UncertainReal, inputs: _Inputs) -> UncertainReal:
    """A condition as an input of its own; ambient pressure is the barometer, which is one already."""
    if condition.name != AMBIENT_LINE:
        return inputs.add(condition.name, condition.value, condition.unit, condition.standard_uncertainty)
    if (condition.value, condition.standard_uncertainty) != (setup.ambient_kpa, setup.u_ambient_kpa):
        raise ValueError(f"{AMBIENT_LINE}: the condition and the setup must be one reading of one barometer")
    return ambient


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


def _air(setup: Gravimetry, ambient: UncertainReal, inputs: _Inputs) -> UncertainReal:
    """Density of air, in kg/m3, to first order around the room's conditions: it hardly curves there."""
    t, p, h = setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent
    density = air_density_kg_per_m3(t, p, h)
    per_c, per_kpa, per_percent = _air_slopes(setup)
    room = inputs.add("room temperature", t, "C", setup.u_room_temperature_c)
    humidity = inputs.add("relative humidity", h, "%", setup.u_relative_humidity_percent)
    formula = inputs.add("formula for air density", 1.0, "1", U_AIR_FORMULA_SHARE)
    return formula * (density + per_c * (room - t) + per_kpa * (ambient - p) + per_percent * (humidity - h))


def _air_slopes(setup: Gravimetry) -> tuple[float, float, float]:
    """Of the density of air, in kg/m3, with temperature, pressure and humidity, by difference quotients."""
    t, p, h = setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent
    return (
        air_density_kg_per_m3(t + 0.5, p, h) - air_density_kg_per_m3(t - 0.5, p, h),
        air_density_kg_per_m3(t, p + 0.5, h) - air_density_kg_per_m3(t, p - 0.5, h),
        air_density_kg_per_m3(t, p, h + 0.5) - air_density_kg_per_m3(t, p, h - 0.5),
    )


def _u_room_air(setup: Gravimetry) -> float:
    """Standard uncertainty of the density of air at one reading, in kg/m3; the formula's own error cancels."""
    us = (setup.u_room_temperature_c, setup.u_ambient_kpa, setup.u_relative_humidity_percent)
    return math.hypot(*(slope * u for slope, u in zip(_air_slopes(setup), us, strict=True)))


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
