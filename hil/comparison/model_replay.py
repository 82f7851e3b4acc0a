"""``pumprig replay FILE --model``: what a recorded pump said, against what today's model says under the same."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_model.profile import PumpProfile, load_profile
from hil.comparison.model_course import ModelCourse, model_course
from hil.comparison.page import ComparisonPage, PageTable
from hil.comparison.residuals import Residual, residuals, tolerances
from hil.comparison.telemetry import Telemetry, read_telemetry
from hil.errors import UsageError
from hil.figure import Figure, Limit, Series
from hil.report.numbers import number, unit_text
from hil.shipped import file_or_shipped

__all__ = ["ModelReplay", "replay_model"]


@dataclass(frozen=True)
class ModelReplay:
    """What came of it."""

    telemetry: Telemetry
    profile: PumpProfile
    course: ModelCourse
    residuals: tuple[Residual, ...]
    command: str

    @property
    def agrees(self) -> bool:
        """Whether every residual is within its tolerance; where nothing could be compared, nothing agrees."""
        return self.is_compared and not any(residual.is_beyond for residual in self.residuals)

    @property
    def is_compared(self) -> bool:
        """Whether anything could be compared."""
        return any(residual.is_compared for residual in self.residuals)

    @property
    def verdict(self) -> str:
        """In two words."""
        if not self.is_compared:
            return "nothing compared"
        return "model agrees" if self.agrees else "model differs"

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "schema": "pumprig.model-replay/1",
            "path": str(self.telemetry.path),
            "profile": self.profile.model,
            "agrees": self.agrees,
            "verdict": self.verdict,
            "looks": len(self.telemetry.looks),
            "commands": len(self.telemetry.commands),
            "injections": list(self.telemetry.injections),
            "sources": dict(self.course.sources),
            "residuals": [residual.as_json() for residual in self.residuals],
            "reproduce": self.command,
        }

    def page(self) -> ComparisonPage:
        """The page with its curves."""
        rows = tuple(_row(each) for each in self.residuals)
        compared = PageTable(
            "Residuals",
            ("Quantity", "Unit", "Looks", "Mean", "Allowed", "Largest", "Allowed", "Within"),
            rows,
            frozenset(place for place, each in enumerate(self.residuals) if each.is_beyond),
            "A residual is what the pump recorded less what the model says at the same time.",
        )
        surroundings = PageTable("Where it stood", ("What", "Taken from"), self.course.sources)
        return ComparisonPage(
            kind="Recorded pump against today's model",
            title=f"{self.telemetry.path.parent.name or self.telemetry.path.name} against {self.profile.model}",
            agrees=self.agrees,
            verdict=self.verdict,
            finding=self._finding(),
            tables=(compared, surroundings),
            figures=tuple(figure for each in self.residuals if each.is_compared for figure in _figures(each)),
            notes=self._notes(),
            command=self.command,
        )

    def _finding(self) -> str:
        if not self.is_compared:
            return "There was nothing to compare."
        if self.agrees:
            return "Every residual is within its tolerance."
        said = [
            f"{each.name}: {each.mean:+.4f} {each.unit} on average, {each.maximum:.4f} {each.unit} at most"
            for each in self.residuals
            if each.is_beyond
        ]
        return "Beyond their tolerances: " + "; ".join(said) + "."

    def _notes(self) -> tuple[str, ...]:
        notes = [f"Injected when it was recorded, and in the model: {each}." for each in self.telemetry.injections]
        done = len(self.telemetry.commands)
        notes.append(f"{done} commands that the pump had carried out were given to the model at their times.")
        apart = ", ".join(each.name for each in self.residuals if not each.is_compared)
        if apart:
            notes.append(
                f"Not compared, for there is no look at which the recording and the model both say it: {apart}."
            )
        missing = sum(look is None for look in self.course.looks)
        if missing:
            notes.append(f"At {missing} looks the model's firmware was down.")
        notes.append(f"Sensors' noise and bias in the model follow from seed {self.telemetry.seed}.")
        return tuple(notes)


def replay_model(path: Path, profile: Path | str | None, allowed: Iterable[str]) -> ModelReplay:
    """Run the model for the recording at ``path``. Raises UsageError, ConfigurationError and RecordingError."""
    texts = tuple(allowed)
    limits = tolerances(texts)
    telemetry = read_telemetry(path)
    began_ms = telemetry.metadata.get("began_ms", "0")
    if began_ms != "0":
        raise UsageError(
            f"{path}: is a part of a resumed run that begins at {began_ms} ms of bench time; the model cannot follow, "
            "for what the pump went through before is not in it"
        )
    if profile is not None:
        pump = load_profile(file_or_shipped(profile, "pumps", "profile"))
    elif telemetry.profile is not None:
        pump = telemetry.profile
    else:
        raise UsageError(
            f"{path}: does not say, as this version reads it, which pump it is of; name its profile with --profile"
        )
    course = model_course(telemetry, pump)
    options = [] if profile is None else ["--profile", str(profile)]
    options += [word for text in texts for word in ("--tolerance", text)]
    command = shlex.join(["pumprig", "replay", str(path), "--model", *options])
    return ModelReplay(telemetry, pump, course, residuals(telemetry.looks, course.looks, limits), command)


def _row(each: Residual) -> tuple[str, ...]:
    numbers = (each.mean, each.tolerance.mean, each.maximum, each.tolerance.maximum)
    return (
        each.name,
        unit_text(each.unit),
        str(each.values.size),
        *(number(f"{value:.4f}") for value in numbers),
        {"within": "yes", "beyond": "NO"}.get(each.said, each.said),
    )


def _figures(each: Residual) -> tuple[Figure, Figure]:
    x = tuple(each.time_h.tolist())
    kind = {"reservoir": ", absolute", "ambient": ", absolute", "outlet": ", gauge"}.get(each.name, "")
    both = Figure(
        f"{each.name.capitalize()}{kind}",
        "bench time, h",
        f"{each.name}, {unit_text(each.unit)}",
        (
            Series("recorded", x, tuple(each.recorded.tolist())),
            Series("modelled", x, tuple(each.modelled.tolist())),
        ),
        in_bench_hours=True,
    )
    limits = tuple(Limit(sign * each.tolerance.maximum, "allowed") for sign in (-1, 1))
    rest = Figure(
        f"{each.name.capitalize()}: recorded less modelled",
        "bench time, h",
        f"residual, {unit_text(each.unit)}",
        (Series("residual", x, tuple(each.values.tolist()), "points"),),
        limits,
        in_bench_hours=True,
    )
    return both, rest
