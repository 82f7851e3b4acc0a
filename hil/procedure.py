"""What one procedure found out, from its first progress to its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import pytest

from firmware_model.errors import ConfigurationError
from hil.errors import BenchFault, UsageError
from hil.figure import Figure
from hil.measurement import BudgetLine, Measurement, Outcome, judge
from hil.observer import Observer
from protocols.errors import ProtocolError

__all__ = ["EXIT_BENCH_FAULT", "EXIT_USAGE", "Procedure"]

EXIT_USAGE = 2
EXIT_BENCH_FAULT = 3


@dataclass
class Procedure:
    """A procedure's page in the run: it is filled while the procedure runs, and judged when it ends."""

    name: str
    declared: tuple[str, ...]
    """Measurements without which the procedure says nothing: one never taken is not a pass."""
    requirements: tuple[str, ...]
    observer: Observer
    measurements: list[Measurement] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    marked: bool = True
    outcome: Outcome | None = None
    problem: str | None = None
    exit_code: int | None = None
    """Of a procedure that ended in an error: whose fault that was."""

    @classmethod
    def of(cls, name: str, marker: Mapping[str, Any] | None, observer: Observer) -> "Procedure":
        """A page for the procedure ``name``, with what its marker declares; None if it has no marker."""
        declared = marker or {}
        measurements, requirements = declared.get("measurements", ()), declared.get("requirements", ())
        return cls(name, tuple(measurements), tuple(requirements), observer, marked=marker is not None)

    @classmethod
    def unreadable(cls, name: str, problem: str, observer: Observer) -> "Procedure":
        """The page of a procedure whose file cannot be read."""
        return cls(name, (), (), observer, outcome=Outcome.ERROR, problem=problem, exit_code=EXIT_USAGE)

    @classmethod
    def lost(cls, name: str, problem: str, observer: Observer) -> "Procedure":
        """A page for what went wrong with the bench outside any procedure."""
        return cls(name, (), (), observer, outcome=Outcome.ERROR, problem=problem, exit_code=EXIT_BENCH_FAULT)

    def measure(
        self,
        name: str,
        value: float | None,
        unit: str,
        *,
        expanded_uncertainty: float | None,
        lower: float | None = None,
        upper: float | None = None,
        requirements: Sequence[str] | None = None,
        budget: Sequence[BudgetLine] = (),
        note: str = "",
    ) -> Measurement:
        """The measurement, judged; ``expanded_uncertainty`` (k = 2) and limits are in the ``unit`` of ``value``.

        None, like NaN, is no number, and so an error. It never raises for a missed limit: an outcome is data, and the
        procedure goes on to measure the rest.
        """
        measurement = Measurement(
            name=name,
            procedure=self.name,
            value=nan if value is None else value,
            unit=unit,
            expanded_uncertainty=nan if expanded_uncertainty is None else expanded_uncertainty,
            lower=lower,
            upper=upper,
            outcome=judge(value, expanded_uncertainty, lower, upper),
            requirements=self.requirements if requirements is None else tuple(requirements),
            budget=tuple(budget),
            note=note,
        )
        self.measurements.append(measurement)
        self.observer.measured(measurement)
        return measurement

    def show(self, figure: Figure) -> None:
        """Put ``figure`` into the report."""
        self.figures.append(figure)

    def progressed(self, activity: str, fraction: float) -> None:
        """Tell who waits that ``fraction`` (0 to 1) of an ``activity`` is done."""
        self.observer.progressed(activity, fraction)

    def conclude(self) -> str | None:
        """Judge the finished procedure by its measurements; returns what is wrong, or None."""
        outcomes = {measurement.outcome for measurement in self.measurements}
        missing = [name for name in self.declared if name not in {taken.name for taken in self.measurements}]
        if not self.marked and not self.measurements:
            problem = "measured nothing; if its assertions are all it claims, say so with @pytest.mark.procedure(NAME)"
            self._end(Outcome.ERROR, problem, EXIT_BENCH_FAULT)
        elif missing:
            self._end(Outcome.ERROR, f"never measured: {', '.join(missing)}", EXIT_BENCH_FAULT)
        elif Outcome.ERROR in outcomes:
            self._end(Outcome.ERROR, self._named(Outcome.ERROR), EXIT_BENCH_FAULT)
        elif Outcome.FAIL in outcomes:
            self._end(Outcome.FAIL, self._named(Outcome.FAIL))
        elif Outcome.INCONCLUSIVE in outcomes:
            self._end(Outcome.INCONCLUSIVE, self._named(Outcome.INCONCLUSIVE))
        else:
            self._end(Outcome.PASS)
        return self.problem

    def skipped(self, reason: str) -> None:
        """Note that the procedure was not run, and why."""
        self._end(Outcome.SKIPPED, reason)

    def broke(self, error: BaseException, *, where: str) -> None:
        """Note that the procedure ended early: a missed expectation fails it, all else says nothing of the pump."""
        if isinstance(error, KeyboardInterrupt):
            self._end(Outcome.ERROR, "interrupted", EXIT_BENCH_FAULT)
        elif isinstance(error, pytest.FixtureLookupError):
            self._end(Outcome.ERROR, f"there is no fixture {error.argname!r}; see `pytest --fixtures`", EXIT_USAGE)
        elif isinstance(error, (UsageError, ConfigurationError)):
            self._end(Outcome.ERROR, str(error), EXIT_USAGE)
        elif isinstance(error, (BenchFault, ProtocolError)):
            self._end(Outcome.ERROR, str(error), EXIT_BENCH_FAULT)
        elif isinstance(error, (AssertionError, pytest.fail.Exception)):
            self._end(Outcome.FAIL, f"{_first_line(error)} ({where})")
        else:
            self._end(Outcome.ERROR, f"{type(error).__name__}: {_first_line(error)} ({where})", EXIT_BENCH_FAULT)

    def _named(self, outcome: Outcome) -> str:
        return "; ".join(str(measurement) for measurement in self.measurements if measurement.outcome is outcome)

    def _end(self, outcome: Outcome, problem: str | None = None, exit_code: int | None = None) -> None:
        if self.outcome is not Outcome.ERROR:  # what went wrong first is what the user needs to know
            self.outcome, self.problem, self.exit_code = outcome, problem, exit_code


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no message"])[0]
