"""What one procedure found out, from its first progress to its outcome."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import nan
from typing import Any, Protocol

import pytest

from firmware_model.errors import ConfigurationError
from hil.benches.calibration import Calibration
from hil.declaration import Declaration, Limit, Parameters, limit_in
from hil.errors import BenchFault, UsageError
from hil.figure import Figure
from hil.measurement import BudgetLine, JudgedBefore, Measurement, Outcome, judge
from hil.runs.new_limits import NewLimits
from hil.runs.observer import Observer
from protocols.errors import ProtocolError

__all__ = ["EXIT_BENCH_FAULT", "EXIT_USAGE", "Keeper", "Procedure"]

EXIT_USAGE = 2
EXIT_BENCH_FAULT = 3


class Keeper(Protocol):
    """Where a run keeps what its procedures find out, so that a kill loses nothing of it."""

    def measured(self, page: "Procedure", measurement: Measurement) -> None:
        """Keep a measurement; it is on the disk when this returns."""

    def keep(self, page: "Procedure", name: str, data: Any) -> None:
        """Keep ``data``; it is on the disk when this returns."""

    def kept(self, page: "Procedure", name: str) -> list[Any]:
        """What was kept under ``name`` by the interrupted process that this one goes on for."""


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
    unfinished: bool = False
    """Whether a fault of the bench ended it, and a resumed run begins it again or goes on with it."""
    limits: Mapping[str, tuple[Limit, Limit]] = field(default_factory=dict)
    """Of the measurements whose limits the marker states."""
    parameters: Parameters = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    """Roles that it asked for as fixtures: what its measurements rest on, unless they say otherwise."""
    calibration: Calibration | None = None
    new_limits: NewLimits = field(default_factory=dict)
    """To judge by in the place of its own: the measurement then says both."""
    today: Callable[[], date] = date.today
    """The bench's own date: a simulated or recorded bench has another than the wall."""
    error: BaseException | None = None
    """What ended it early."""
    item: str = ""
    """What pytest calls it."""
    attempt: int = 1
    superseded: bool = False
    """Whether its group was repeated after it: then a later attempt decides."""
    quarantined: bool = False
    """Whether it was skipped because the pump had failed before."""
    keeper: Keeper | None = None

    @property
    def said(self) -> str:
        """Its outcome in words: a pass that took more than one attempt is no plain pass."""
        if self.quarantined:
            return "quarantined"
        outcome = str(self.outcome or Outcome.ERROR)
        return f"{outcome} after retry" if self.attempt > 1 and outcome != "skipped" else outcome

    def as_json(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "name": self.name,
            "outcome": str(self.outcome),
            "problem": self.problem,
            "attempts": self.attempt,
            "superseded": self.superseded,
            "requirements": list(self.requirements),
        }

    @classmethod
    def of(cls, name: str, marker: Mapping[str, Any] | None, observer: Observer) -> "Procedure":
        """A page for the procedure ``name``, with what its marker declares; None if it has no marker."""
        said = Declaration.of(name, marker)
        marked = marker is not None
        return cls(name, said.measurements, said.requirements, observer, marked=marked, limits=said.limits)

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
        lower: Limit = None,
        upper: Limit = None,
        requirements: Sequence[str] | None = None,
        budget: Sequence[BudgetLine] = (),
        note: str = "",
        instruments: Sequence[str] | None = None,
    ) -> Measurement:
        """The measurement, judged; ``expanded_uncertainty`` (k = 2) is in the ``unit`` of ``value``.

        A limit is a number in that unit, or text with any compatible one (``"35 uL/h"``); without limits here, those of
        the marker count. ``instruments`` are the roles that it rests on, by default all that the procedure asked for:
        is one of them overdue for calibration, it is inconclusive. None, like NaN, is no number, and so an error. It
        never raises for a missed limit: an outcome is data, and the procedure goes on to measure the rest. Raises
        UsageError for a limit of another dimension, or one that the marker states as well.
        """
        least, most = self._limits(name, unit, lower, upper)
        outcome = judge(value, expanded_uncertainty, least, most)
        before = None
        if name in self.new_limits:
            before = JudgedBefore(least, most, outcome)
            least, most = self._in_unit(name, unit, *self.new_limits[name])
            outcome = judge(value, expanded_uncertainty, least, most)
        rests_on = self.instruments if instruments is None else tuple(instruments)
        objection, concession = "", ""
        if self.calibration is not None and rests_on:
            objection = self.calibration.objection(self.today(), rests_on)
            concession = self.calibration.concession(self.today(), rests_on)
        if objection and outcome in {Outcome.PASS, Outcome.FAIL}:
            outcome = Outcome.INCONCLUSIVE
        measurement = Measurement(
            name=name,
            procedure=self.name,
            value=nan if value is None else value,
            unit=unit,
            expanded_uncertainty=nan if expanded_uncertainty is None else expanded_uncertainty,
            lower=least,
            upper=most,
            outcome=outcome,
            requirements=self.requirements if requirements is None else tuple(requirements),
            budget=tuple(budget),
            note="; ".join(each for each in (note, concession) if each),
            objection=objection,
            before=before,
        )
        self.measurements.append(measurement)
        if self.keeper is not None:
            self.keeper.measured(self, measurement)
        self.observer.measured(measurement)
        return measurement

    def _limits(self, name: str, unit: str, lower: Limit, upper: Limit) -> tuple[float | None, float | None]:
        if name in self.limits:
            if lower is not None or upper is not None:
                raise UsageError(f"{name}: its limits are stated in the marker and in measure(); say them once")
            lower, upper = self.limits[name]
        return self._in_unit(name, unit, lower, upper)

    @staticmethod
    def _in_unit(name: str, unit: str, lower: Limit, upper: Limit) -> tuple[float | None, float | None]:
        try:
            least, most = limit_in(lower, unit), limit_in(upper, unit)
        except UsageError as error:
            raise UsageError(f"limits of {name}: {error}") from error
        if least is not None and most is not None and not least <= most:
            raise UsageError(f"limits of {name}: the lower, {lower}, is not below the upper, {upper}")
        return least, most

    def show(self, figure: Figure) -> None:
        """Put ``figure`` into the report."""
        self.figures.append(figure)

    def progressed(self, activity: str, fraction: float) -> None:
        """Tell who waits that ``fraction`` (0 to 1) of an ``activity`` is done."""
        self.observer.progressed(activity, fraction)

    def keep(self, name: str, data: Any) -> None:
        """Keep ``data`` (what JSON can say) to go on from if this process is killed; on the disk when this returns."""
        if self.keeper is not None:
            self.keeper.keep(self, name, data)

    def kept(self, name: str) -> list[Any]:
        """What this very attempt kept under ``name`` before its process was killed, in order; mostly nothing.

        Also nothing if the bench was simulated inside the killed process: its world ended with it.
        """
        return [] if self.keeper is None else self.keeper.kept(self, name)

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

    def skipped(self, reason: str) -> str | None:
        """Note that the procedure was not run, and why; returns what is wrong, or None.

        One that measured something, or has ended, cannot be skipped any more: what it found out stands.
        """
        if self.outcome is not None:
            return None
        if not self.measurements:
            self._end(Outcome.SKIPPED, reason)
            return None
        problem = self.conclude()
        if problem is not None:
            self.problem = f"{problem}; the rest was skipped: {reason}"
        return self.problem

    def broke(self, error: BaseException, *, where: str) -> None:
        """Note that the procedure ended early: a missed expectation fails it, all else says nothing of the pump."""
        self.error = self.error or error
        if isinstance(error, KeyboardInterrupt):
            self._end(Outcome.ERROR, "interrupted", EXIT_BENCH_FAULT)
        elif isinstance(error, pytest.FixtureLookupError):
            self._end(Outcome.ERROR, f"there is no fixture {error.argname!r}; see `pytest --fixtures`", EXIT_USAGE)
        elif isinstance(error, (UsageError, ConfigurationError)):
            self._end(Outcome.ERROR, str(error), EXIT_USAGE)
        elif isinstance(error, (BenchFault, ProtocolError)):
            self._end(Outcome.ERROR, str(error), EXIT_BENCH_FAULT)
        elif isinstance(error, pytest.PytestUnhandledThreadExceptionWarning):
            cause = error.__cause__ or error
            self._end(Outcome.ERROR, f"in a thread: {type(cause).__name__}: {_first_line(cause)}", EXIT_BENCH_FAULT)
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
