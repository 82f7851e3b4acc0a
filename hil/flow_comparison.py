"""Flows under changed conditions, each as its ratio to the flow at the reference, against the pump model's ratio."""

from collections.abc import Sequence
from dataclasses import replace

from hil.condition_figure import MeasuredPoint
from hil.flow_measurement import MeasuredFlow
from hil.flow_ratio import flow_ratio
from hil.procedure import Procedure

__all__ = ["compare"]


def compare(
    procedure: Procedure,
    name: str,
    flow: MeasuredFlow,
    reference: MeasuredFlow,
    *,
    condition: float,
    tolerance_percent: float,
    instruments: Sequence[str],
    note: str,
) -> MeasuredPoint:
    """Measure ``flow`` over ``reference`` as ``name``, and judge it by the model's ratio and a tolerance.

    Both flows, converted to label conditions by the model, must be the same: what their ratio is off by, and how
    uncertain that is, holds for the ratio of the flows as they were collected.
    """
    model = flow.to_label.model_ml_per_day / reference.to_label.model_ml_per_day
    converted = flow_ratio(flow.at_label, reference.at_label)
    point = MeasuredPoint(condition, converted.value * model, converted.expanded_uncertainty * model)
    procedure.measure(
        name,
        point.ratio,
        "1",
        expanded_uncertainty=point.expanded_uncertainty,
        lower=model * (1 - tolerance_percent / 100),
        upper=model * (1 + tolerance_percent / 100),
        instruments=instruments,
        budget=tuple(
            replace(line, sensitivity=line.sensitivity * model, contribution=line.contribution * model)
            for line in converted.budget
        ),
        note=f"{note}: {flow.raw.flow_ml_per_day:.4f} over {reference.raw.flow_ml_per_day:.4f} mL/day as collected; "
        f"the pump model gives {model:.4f}",
    )
    return point
