"""What a run will do, said before it starts and without touching a port."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pytest

from hil.declaration import Declaration, Parameters
from hil.errors import UsageError
from hil.flow.flow_forecast import LENGTHS_H, FlowForecast, forecast_flow
from hil.parameter import Parameter
from hil.pytest_plugin import DECLARATION_KEY, VALUES_KEY
from hil.runs.collected import collect
from hil.runs.run_plan import RunPlan

__all__ = ["Forecast", "ProcedureForecast", "forecast"]

EXIT_INCONCLUSIVE = 4
EXIT_NOTHING_RAN = 5
_COLLECTION = "collection_h"
"""By this name a procedure says how long it collects."""


@dataclass(frozen=True)
class ProcedureForecast:
    """What one procedure will need, take and claim."""

    declaration: Declaration
    parameters: Parameters
    instruments: tuple[str, ...]
    """Roles that it asks for."""
    missing: tuple[str, ...]
    """Those of them that the bench lacks: with one missing it is skipped."""

    @property
    def hours(self) -> float | None:
        """Bench time that it takes; nothing if it is skipped, None if it does not say."""
        return 0.0 if self.missing else self.declaration.hours(self.parameters)

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        said = self.declaration
        return {
            "name": said.name,
            "measurements": list(said.measurements),
            "requirements": list(said.requirements),
            "instruments": list(self.instruments),
            "missing": list(self.missing),
            "duration_h": self.hours,
            "parameters": [
                {**asdict(parameter), "value": self.parameters[parameter.name]} for parameter in said.parameters
            ],
        }


@dataclass(frozen=True)
class Forecast:
    """A run before it starts."""

    plan: RunPlan
    procedures: tuple[ProcedureForecast, ...]
    overdue: Mapping[str, date]
    """Instruments whose calibration has run out by the bench's own date, and that nobody answers for."""
    flow: FlowForecast | None
    """If a procedure of this run measures a flow."""

    @property
    def hours(self) -> float | None:
        """Bench time of the whole run; None if a procedure does not say."""
        each = [procedure.hours for procedure in self.procedures]
        return None if any(hours is None for hours in each) else sum(hours for hours in each if hours is not None)

    @property
    def not_claimed(self) -> tuple[str, ...]:
        """Requirements of skipped procedures that no other procedure of this run speaks of."""
        by_skipping: dict[bool, list[str]] = {True: [], False: []}
        for procedure in self.procedures:
            by_skipping[bool(procedure.missing)] += procedure.declaration.requirements
        return tuple(dict.fromkeys(each for each in by_skipping[True] if each not in by_skipping[False]))

    @property
    def collection(self) -> Parameter | None:
        """The parameter that says how long a flow is collected, if a procedure has it."""
        parameters = [each for procedure in self.procedures for each in procedure.declaration.parameters]
        return next((each for each in parameters if each.name == _COLLECTION), None)

    @property
    def exit_code(self) -> int:
        """0; 5 if nothing would run; 4 if the wanted uncertainty cannot be had."""
        if all(procedure.missing for procedure in self.procedures):
            return EXIT_NOTHING_RAN
        return EXIT_INCONCLUSIVE if self.flow is not None and self.flow.why_not() else 0

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "schema": "pumprig.plan/1",
            "target": self.plan.target,
            "bench": self.plan.bench.path,
            "seed": self.plan.seed,
            "procedures": [procedure.as_json() for procedure in self.procedures],
            "not_claimed": list(self.not_claimed),
            "duration_h": self.hours,
            "overdue": {role: day.isoformat() for role, day in self.overdue.items()},
            "flow": None if self.flow is None else {**asdict(self.flow), "why_not": self.flow.why_not() or None},
            "command": self.plan.command,
        }


def forecast(plan: RunPlan, *, wanted_percent: float | None = None) -> Forecast:
    """What the run of ``plan`` will do. Raises UsageError naming what cannot be read, or makes no sense."""
    procedures = tuple(_forecast(item, plan) for item in collect(plan))
    calibration = plan.calibration()
    used = {role for procedure in procedures for role in procedure.instruments}
    if plan.bench.file.environment.evaporation == "reference-vessel":
        used.add("reference_balance")  # read on the side, whatever a procedure asks for
    overdue = calibration.overdue(plan.today(), used - set(calibration.accepted))
    measures_flow = any("flow" in each.declaration.measurements and not each.missing for each in procedures)
    if wanted_percent is not None and not measures_flow:
        raise UsageError("--uncertainty is that of the flow, which no procedure of this run measures")
    chosen = {each.parameters[_COLLECTION] for each in procedures if _COLLECTION in each.parameters}
    lengths_h = {*LENGTHS_H, *chosen}
    flow = forecast_flow(plan.bench, wanted_percent=wanted_percent, lengths_h=lengths_h) if measures_flow else None
    return Forecast(plan, procedures, overdue, flow)


def _forecast(item: pytest.Item, plan: RunPlan) -> ProcedureForecast:
    tables = plan.bench.file.instruments
    asked = tuple(role for role in type(tables).model_fields if role in getattr(item, "fixturenames", ()))
    return ProcedureForecast(
        declaration=item.stash[DECLARATION_KEY],
        parameters=item.stash[VALUES_KEY],
        instruments=asked,
        missing=tuple(role for role in asked if getattr(tables, role) is None),
    )
