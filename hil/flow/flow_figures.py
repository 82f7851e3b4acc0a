"""The figures of a flow measurement, as data."""

from collections.abc import Sequence

import numpy as np

from hil.figure import Figure, Limit, Series
from hil.flow.collection import Collection
from hil.flow.delivery import Delivery
from hil.flow.trumpet import TrumpetPoint, flow_curve

__all__ = ["flow_figure", "temperature_figure", "trumpet_figure"]

_SMOOTHING_INTERVALS = 4


def flow_figure(delivery: Delivery, label_ml_per_day: float, lower: float, upper: float) -> Figure:
    """Start-up and flow curve: flow against bench time, each point at the middle of its interval."""
    flows = flow_curve(tuple(delivery.volume_ml), delivery.interval_min)
    middles_h = (delivery.time_h[1:] + delivery.time_h[:-1]) / 2
    span = _SMOOTHING_INTERVALS
    hourly = (delivery.volume_ml[span:] - delivery.volume_ml[:-span]) / (delivery.interval_min * span) * 1440
    hourly_h = (delivery.time_h[span:] + delivery.time_h[:-span]) / 2
    return Figure(
        title="Start-up curve: flow against time",
        x_label="bench time / h",
        y_label="flow / (mL/day)",
        series=(
            Series(f"gravimetric, {delivery.interval_min:.0f} min", tuple(middles_h), tuple(flows), "points"),
            Series(f"gravimetric, {delivery.interval_min * span:.0f} min mean", tuple(hourly_h), tuple(hourly)),
            Series(
                "pump's own estimate (6 h)",
                tuple(delivery.estimate_time_h),
                tuple(delivery.estimate_ml_per_day),
                "step",
            ),
        ),
        limits=(
            Limit(lower, "lower limit"),
            Limit(label_ml_per_day, "label", "reference"),
            Limit(upper, "upper limit"),
        ),
        in_bench_hours=True,
        caption="At label conditions; corrected for buoyancy and evaporation. Single intervals scatter by the drops.",
    )


def trumpet_figure(points: Sequence[TrumpetPoint], tolerance_percent: float) -> Figure:
    """Trumpet curve: largest and smallest mean error of flow against the length of the observation window."""
    windows = tuple(point.window_min for point in points)
    return Figure(
        title="Trumpet curve",
        x_label="observation window / min",
        y_label="flow error / % of label",
        series=(
            Series("largest mean error", windows, tuple(point.max_error_percent for point in points)),
            Series("smallest mean error", windows, tuple(point.min_error_percent for point in points)),
        ),
        limits=(Limit(-tolerance_percent, "label tolerance"), Limit(tolerance_percent, "label tolerance")),
        log_x=True,
        caption="Over all windows of each length that lie within the collection (in the form of IEC 60601-2-24).",
    )


def temperature_figure(collection: Collection, target_c: float) -> Figure:
    """The bath's reading and the pump's own, against bench time."""
    hours = tuple(np.array([sample.time_ms for sample in collection.samples]) / 3_600_000)
    return Figure(
        title="Temperature",
        x_label="bench time / h",
        y_label="temperature / °C",
        series=(
            Series("bath", hours, tuple(sample.bath_c for sample in collection.samples)),
            Series("pump's own", hours, tuple(sample.pump_temperature_c for sample in collection.samples)),
        ),
        limits=(Limit(target_c, "set point", "reference"),),
        in_bench_hours=True,
    )
