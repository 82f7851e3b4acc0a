"""A long collection, day by day."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan

from hil.figure import Figure, Limit, Series
from hil.flow.collection import Collection
from hil.flow.flow_measurement import FlowMeasurement, MeasuredFlow

__all__ = ["daily_figure", "daily_flows"]

_DAY_MS = 86_400_000


def daily_flows(measurement: FlowMeasurement, collection: Collection) -> list[MeasuredFlow]:
    """The flow of each whole day of a ``collection``, from the weighings at its ends."""
    per_day = max(1, round(_DAY_MS / collection.interval_ms))
    samples = collection.samples
    return [
        measurement.measured(replace(collection, samples=samples[first : first + per_day + 1]))
        for first in range(0, len(samples) - per_day, per_day)
    ]


def daily_figure(days: Sequence[MeasuredFlow], label: float, lower: float, upper: float) -> Figure:
    """Flow against the number of the day, with bars of uncertainty."""
    numbers = tuple(float(number) for number in range(1, len(days) + 1))
    flows = tuple(day.at_label.flow_ml_per_day for day in days)
    bars_x: list[float] = []
    bars_y: list[float] = []
    for number, day in zip(numbers, days, strict=True):
        flow, u = day.at_label.flow_ml_per_day, day.at_label.expanded_uncertainty_ml_per_day
        bars_x += [number, number, number]
        bars_y += [flow - u, flow + u, nan]
    return Figure(
        title="Flow, day by day",
        x_label="day",
        y_label="flow / (mL/day)",
        series=(
            Series("expanded uncertainty (k = 2)", tuple(bars_x), tuple(bars_y)),
            Series("gravimetric", numbers, flows, "points"),
        ),
        limits=(Limit(lower, "lower limit"), Limit(label, "label", "reference"), Limit(upper, "upper limit")),
        caption="At label conditions; corrected for buoyancy and evaporation.",
    )
