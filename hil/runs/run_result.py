"""How a run ended, and where everything about it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hil.bench import Bench
from hil.benches.safe_state import SafeStep
from hil.declaration import Parameters
from hil.measurement import Measurement, Outcome
from hil.procedure import Procedure
from hil.runs.kept_run import PLAN, Part
from hil.runs.requirement_lines import requirement_lines
from hil.runs.run_plan import RunPlan
from protocols.messages import Identity

__all__ = ["RunResult", "devices_of"]


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
    interrupted: bool = False
    quarantine: str | None = None
    """Why the rest was not run."""
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    """What pump and instruments said of themselves, by name."""
    parts: tuple[Part, ...] = ()
    """The processes that worked on the bench, one after the other."""
    repeated: tuple[str, ...] = ()
    """Procedures that were begun again after an interruption."""
    went_on: tuple[str, ...] = ()
    """Procedures that went on from what they had kept before an interruption."""
    bench_faults: tuple[str, ...] = ()
    """What was wrong with the bench when earlier parts of the run ended, each with the procedure that it ended."""
    wire_remarks: tuple[tuple[int, str], ...] = ()
    """What happened to the wires themselves in this part, such as a port that came back, and when in bench time."""

    @property
    def final(self) -> tuple[Procedure, ...]:
        """The last attempt at each procedure: what the verdict is made of."""
        return tuple(page for page in self.procedures if not page.superseded)

    @property
    def resumable(self) -> bool:
        """Whether ``--resume`` goes on with it: it was interrupted, or a fault of the bench left work undone."""
        is_unfinished = self.interrupted or any(page.unfinished for page in self.final)
        return is_unfinished and (self.folder / PLAN).is_file()  # the folder may have been deleted under the run

    @property
    def resumed(self) -> list[dict[str, Any]]:
        """Where the run was taken up again; empty for a run in one go."""
        return [
            {"utc": part.utc, "recording": part.recording, "bench_time_ms": part.began_ms, "world": part.world}
            for part in self.parts[1:]
        ]

    @property
    def not_claimed(self) -> list[dict[str, str]]:
        """Requirements that procedures of this run speak of, and of which it nevertheless says nothing, with why."""
        lines = requirement_lines(self.final)
        return [
            {"requirement": line.name, "why": line.gap} for line in lines if line.procedures and line.outcome is None
        ]

    @property
    def measurements(self) -> list[Measurement]:
        """All measurements, in the order in which they were taken."""
        return [measurement for procedure in self.procedures for measurement in procedure.measurements]

    @property
    def rejudged(self) -> list[Measurement]:
        """Measurements that were judged by other limits than their procedure's."""
        return [measurement for measurement in self.measurements if measurement.before is not None]

    def measurements_as_json(self) -> list[dict[str, Any]]:
        """All measurements for other programs, each with the attempt in which it was taken."""
        return [
            {**measurement.as_json(), "attempt": page.attempt}
            for page in self.procedures
            for measurement in page.measurements
        ]

    def as_json(self) -> dict[str, Any]:
        """The result for other programs."""
        return {
            "schema": "pumprig.result/1",
            "verdict": str(self.verdict),
            "exit_code": self.exit_code,
            "rejudged": bool(self.plan.new_limits),
            "folder": str(self.folder),
            "interrupted": self.interrupted,
            "resumable": self.resumable,
            "procedures": [page.as_json() for page in self.procedures],
            "measurements": self.measurements_as_json(),
            "not_claimed": self.not_claimed,
            "quarantine": self.quarantine,
            "resumed": self.resumed,
            "reproduce": self.plan.command,
        }


def devices_of(bench: Bench) -> dict[str, dict[str, str]]:
    """What pump and instruments said of themselves, as rows of names and values."""
    pump = bench.identified
    told: dict[str, dict[str, str]] = {"pump": {}}
    if isinstance(pump, Identity):
        told["pump"] = {
            "serial number": pump.serial_number,
            "model": pump.model,
            "firmware": pump.firmware_version,
            "UID": pump.uid.hex(),
        }
    for role, identity in bench.identities.items():
        rows = {"model": identity.model, "serial number": identity.serial_number, "version": identity.version}
        told[role] = {name: text for name, text in rows.items() if text}
    return told
