"""How a run ended, and where everything about it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hil.declaration import Parameters
from hil.measurement import Measurement, Outcome
from hil.procedure import Procedure
from hil.run_plan import RunPlan
from hil.safe_state import SafeStep

__all__ = ["RunResult"]


@dataclass(frozen=True)
class RunResult:
    """How a run ended, and where everything about it stands."""

    plan: RunPlan
    verdict: Outcome
    exit_code: int
    folder: Path
    procedures: tuple[Procedure, ...]
    started: datetime
    finished: datetime
    safe_state: tuple[SafeStep, ...] = ()
    """How each instrument was left, as read back."""
    parameters: Mapping[str, Parameters] = field(default_factory=dict)
    """Of each procedure that has some."""
    overdue: Mapping[str, date] = field(default_factory=dict)
    """Instruments whose calibration had run out by the bench's own date, and when."""

    @property
    def measurements(self) -> list[Measurement]:
        """All measurements, in the order in which they were taken."""
        return [measurement for procedure in self.procedures for measurement in procedure.measurements]

    @property
    def rejudged(self) -> list[Measurement]:
        """Measurements that were judged by other limits than their procedure's."""
        return [measurement for measurement in self.measurements if measurement.before is not None]

    def as_json(self) -> dict[str, Any]:
        """The result for other programs."""
        return {
            "schema": "pumprig.result/1",
            "verdict": str(self.verdict),
            "exit_code": self.exit_code,
            "rejudged": bool(self.plan.new_limits),
            "folder": str(self.folder),
            "procedures": [
                {"name": page.name, "outcome": str(page.outcome), "problem": page.problem} for page in self.procedures
            ],
            "measurements": [measurement.as_json() for measurement in self.measurements],
            "reproduce": self.plan.command,
        }
