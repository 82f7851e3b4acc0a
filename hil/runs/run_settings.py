"""What one run was asked to do."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["RunSettings", "Target"]

Target = Literal["sim", "bench", "replay"]


@dataclass(frozen=True)
class RunSettings:
    """The choices of a run, as the user made them; None where it was left to the rig."""

    procedures: tuple[str, ...] = ()
    bench: Path | None = None
    target: Target | None = None
    recording: Path | None = None
    seed: int | None = None
    injections: tuple[str, ...] = ()
    out: Path = Path("runs")
    wire_faults: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    """Choices of the procedures' parameters, as ``NAME=VALUE``."""
    accept_overdue: tuple[str, ...] = ()
    """Instruments whose overdue calibration somebody answers for, as ``ROLE=REASON``."""
    retries: int = 0
    """How often a group of procedures that did not pass is repeated."""
    resume: Path | None = None
    """Folder of a run to go on with; nothing else is chosen then."""

    limits: tuple[str, ...] = ()
    """To judge a recording by, as ``NAME=LOWER..UPPER``."""
    limits_file: Path | None = None

    def command(self) -> str:
        """The command that repeats this run, for reports and failure messages."""
        words = ["pumprig", "run", *self.procedures]
        options: list[tuple[str, object]] = [
            ("--bench", self.bench),
            ("--target", self.target),
            ("--recording", self.recording),
            ("--seed", self.seed),
            *(("--inject", injection) for injection in self.injections),
            *(("--wire-fault", fault) for fault in self.wire_faults),
            *(("--set", choice) for choice in self.parameters),
            *(("--accept-overdue", accepted) for accepted in self.accept_overdue),
            ("--retries", self.retries or None),
        ]
        options += [("--limits", self.limits_file), *(("--limit", limit) for limit in self.limits)]
        for option, value in options:
            if value is not None:
                words += [option, str(value)]
        return shlex.join(words)
