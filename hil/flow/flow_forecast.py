"""How well a bench will know a flow, before anything flows: the budget of a collection that has not been made yet."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from firmware_model.physics.flow import expected_flow
from hil.benches.bench_file import LoadedBench
from hil.errors import UsageError
from hil.flow.air import air_density_kg_per_m3
from hil.flow.delivery import gravimetry_of, reference_of
from hil.flow.gravimetry import GravimetricFlow, Gravimetry, buoyancy_factor, gravimetric_flow
from hil.flow.label_conditions import LABEL_TEMPERATURE_C, to_label_conditions

__all__ = ["LENGTHS_H", "FlowForecast", "PlannedFlow", "budget_of", "forecast_flow"]

LENGTHS_H = (1.0, 6.0, 12.0, 24.0, 48.0, 96.0, 168.0, 336.0)
_SHORTEST_H = 0.25
_STEP_H = 0.25
"""Lengths are rounded up to whole intervals of a collection."""


@dataclass(frozen=True)
class PlannedFlow:
    """What a collection of ``hours`` would claim: U (k = 2) in percent of the flow, and its largest budget line."""

    hours: float
    expanded_uncertainty_percent: float
    dominated_by: str
    dominating_share: float
    """Of that line in the variance, 0 to 1."""


@dataclass(frozen=True)
class FlowForecast:
    """U of the flow for several lengths, and what the wanted uncertainty takes."""

    flow_ml_per_day: float
    """Expected by the pump model on this bench, as collected."""
    longest_h: float
    """So long the reservoir lasts from full."""
    lengths: tuple[PlannedFlow, ...]
    floor: PlannedFlow
    """Of a collection as long as the reservoir lasts."""
    floor_lines: tuple[tuple[str, float], ...]
    """What is left then: the largest lines, each with its own U in percent."""
    wanted_percent: float | None = None
    needed_h: float | None = None
    """The shortest collection that reaches what is wanted; None if none does, or nothing is wanted."""

    def why_not(self) -> str:
        """Why what is wanted cannot be had; empty if it can."""
        if self.wanted_percent is None or self.needed_h is not None:
            return ""
        lines = ", ".join(f"{name} {percent:.2f} %" for name, percent in self.floor_lines)
        return (
            f"no collection reaches {self.wanted_percent:g} %: after {self.longest_h:.0f} h, as long as the reservoir "
            f"lasts, U is still {self.floor.expanded_uncertainty_percent:.2f} %, of which {lines}"
        )


def forecast_flow(
    bench: LoadedBench, *, wanted_percent: float | None = None, lengths_h: Iterable[float] = LENGTHS_H
) -> FlowForecast:
    """What flow accuracy would claim on ``bench``, by the very budget that a run uses.

    Raises UsageError if the bench has no balance or no bath, or the model gives no flow on it.
    """
    if bench.file.instruments.balance is None or bench.file.instruments.bath is None:
        raise UsageError("a flow takes a balance and a bath")
    profile = bench.profile
    usable_ml = profile.capacity_ml - profile.residual_ml - profile.stop_region_ml
    flow = _expected_ml_per_day(bench)
    longest_h = usable_ml / flow * 24
    asked = sorted({each for each in lengths_h if 0 < each < longest_h})
    flows = {hours: _collected(bench, hours, flow) for hours in [*asked, longest_h]}
    last = flows[longest_h]
    reached = last.expanded_uncertainty_ml_per_day / last.flow_ml_per_day * 100
    largest = sorted(last.budget, key=lambda line: line.contribution, reverse=True)[:3]
    return FlowForecast(
        flow_ml_per_day=flow,
        longest_h=longest_h,
        lengths=tuple(_planned(hours, flows[hours]) for hours in asked),
        floor=_planned(longest_h, last),
        floor_lines=tuple((line.name, 200 * line.contribution / last.flow_ml_per_day) for line in largest),
        wanted_percent=wanted_percent,
        needed_h=None
        if wanted_percent is None or reached > wanted_percent
        else _shortest_h(bench, flow, wanted_percent, longest_h),
    )


def budget_of(bench: LoadedBench, hours: float) -> GravimetricFlow:
    """The flow with its budget, had the pump delivered for ``hours`` what the model expects on ``bench``."""
    return _collected(bench, hours, _expected_ml_per_day(bench))


def _shortest_h(bench: LoadedBench, flow_ml_per_day: float, wanted_percent: float, longest_h: float) -> float:
    """By bisection in whole steps: every line of the budget shrinks with time, or stays."""
    low, high = 0, int(longest_h / _STEP_H)
    while high - low > 1:
        middle = (low + high) // 2
        planned = _planned(middle * _STEP_H, _collected(bench, middle * _STEP_H, flow_ml_per_day))
        low, high = (low, middle) if planned.expanded_uncertainty_percent <= wanted_percent else (middle, high)
    return max(high * _STEP_H, _SHORTEST_H)


def _expected_ml_per_day(bench: LoadedBench) -> float:
    room, profile = bench.file.environment, bench.profile
    try:
        point = expected_flow(profile, LABEL_TEMPERATURE_C, room.ambient_kpa, room.outlet_kpa, profile.capacity_ml)
    except ValueError as error:
        raise UsageError(f"{bench.path}: {error}") from error
    if point.flow_ml_per_day <= 0:
        raise UsageError(f"{bench.path}: the pump model gives no flow under the conditions of [environment]")
    return point.flow_ml_per_day


def _collected(bench: LoadedBench, hours: float, flow_ml_per_day: float) -> GravimetricFlow:
    """The flow with its budget, had the pump delivered exactly what the model expects for ``hours``."""
    file, profile = bench.file, bench.profile
    tables = file.instruments
    if tables.balance is None or tables.bath is None:
        raise UsageError("a flow takes a balance and a bath")
    setup = gravimetry_of(profile, tables.balance, file.environment)
    label = to_label_conditions(
        profile,
        file.environment,
        bath_c=LABEL_TEMPERATURE_C,
        u_bath_c=tables.bath.u_temperature_c,
        volume_ml=profile.capacity_ml,
    )
    evaporated_g = setup.evaporation_ug_per_s * hours * 3600e-6
    reference = None
    if file.environment.evaporation == "reference-vessel" and tables.reference_balance is not None:
        reference = reference_of(-evaporated_g, tables.reference_balance, file.environment)
        setup = replace(setup, u_evaporation_ug_per_s=0.0)
    delivered_g = flow_ml_per_day * hours / 24 * setup.density_pump_kg_per_m3 / 1000
    return gravimetric_flow(
        (delivered_g - evaporated_g) / _buoyancy(setup),
        round(hours * 3_600_000),
        setup,
        conversion=label.factor,
        conditions=label.conditions,
        reference=reference,
    )


def _buoyancy(setup: Gravimetry) -> float:
    air = air_density_kg_per_m3(setup.room_temperature_c, setup.ambient_kpa, setup.relative_humidity_percent)
    return buoyancy_factor(air, setup.density_room_kg_per_m3)


def _planned(hours: float, flow: GravimetricFlow) -> PlannedFlow:
    largest = max(flow.budget, key=lambda line: line.contribution)
    return PlannedFlow(
        hours=hours,
        expanded_uncertainty_percent=100 * flow.expanded_uncertainty_ml_per_day / flow.flow_ml_per_day,
        dominated_by=largest.name,
        dominating_share=largest.contribution**2 / (flow.expanded_uncertainty_ml_per_day / 2) ** 2,
    )
