"""Flows under changed conditions, each as its ratio to the flow at the reference, against the pump model's ratio."""

from collections.abc import Callable
from dataclasses import replace

from hil.flow.condition_figure import MeasuredPoint, condition_figure
from hil.flow.flow_measurement import FlowMeasurement, MeasuredFlow
from hil.flow.flow_ratio import flow_ratio
from hil.procedure import Procedure

__all__ = ["FlowComparison"]


class FlowComparison:
    """The flow at a reference, and those at other values of one condition over it."""

    def __init__(
        self,
        measurement: FlowMeasurement,
        procedure: Procedure,
        *,
        reference: float,
        collection_h: float,
        tolerance_percent: float,
    ) -> None:
        """Collect at the condition's ``reference``, at which the bench is now."""
        self._measurement = measurement
        self._procedure = procedure
        self._collection_h = collection_h
        self._tolerance_percent = tolerance_percent
        self._reference_at = reference
        self._reference = measurement.collect(collection_h)
        self._points = [MeasuredPoint(reference, 1.0, 0.0)]

    def measure(self, name: str, condition: float, *, note: str) -> None:
        """Collect at another ``condition``, at which the bench is now, and judge the ratio as ``name``.

        Limits are the model's ratio and a tolerance, for the ratio of the flows as they were collected: the model knows
        that the reservoir was fuller at one. How uncertain the ratio is, in shares of it, the flows at label conditions
        say, for there the conditions count.
        """
        flow, reference = self._measurement.collect(self._collection_h), self._reference
        model = flow.to_label.model_ml_per_day / reference.to_label.model_ml_per_day
        ratio = flow.raw.flow_ml_per_day / reference.raw.flow_ml_per_day
        converted = flow_ratio(flow.at_label, reference.at_label)
        scale = ratio / converted.value
        point = MeasuredPoint(condition, ratio, converted.expanded_uncertainty * scale)
        self._points.append(point)
        self._procedure.measure(
            name,
            point.ratio,
            "1",
            expanded_uncertainty=point.expanded_uncertainty,
            lower=model * (1 - self._tolerance_percent / 100),
            upper=model * (1 + self._tolerance_percent / 100),
            instruments=self._measurement.instruments,
            budget=tuple(
                replace(line, sensitivity=line.sensitivity * scale, contribution=line.contribution * scale)
                for line in converted.budget
            ),
            note=f"{note}: {_collected(flow)} over {_collected(reference)} mL/day as collected; "
            f"the pump model gives {model:.4f}",
        )

    def show(self, *, title: str, x_label: str, y_label: str, expected: Callable[[float], float]) -> None:
        """A figure of all ratios; ``expected`` gives the model's flow at a condition, at the volume that is left."""
        at_reference = expected(self._reference_at)
        self._procedure.show(
            condition_figure(
                title=title,
                x_label=x_label,
                y_label=y_label,
                points=self._points,
                model=lambda condition: expected(condition) / at_reference,
                tolerance_percent=self._tolerance_percent,
            )
        )


def _collected(flow: MeasuredFlow) -> str:
    return f"{flow.raw.flow_ml_per_day:.4f}"
