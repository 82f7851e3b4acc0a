"""What a procedure's marker declares, checked before anything runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.errors import UsageError
from hil.literal_units import LiteralMeasurement
from hil.parameter import Parameter
from hil.units import same_dimension, split_quantity, to_unit

__all__ = ["Declaration", "Limit", "Parameters", "limit_in", "limit_problems"]

Limit = str | float | None
"""A number in the measurement's unit, a text with a unit of its own, or no limit."""

Parameters = Mapping[str, float]
"""The chosen values of a procedure's parameters, each in its declared unit."""

_KEYS = {"measurements", "requirements", "limits", "parameters", "duration_h", "group"}


@dataclass(frozen=True)
class Declaration:
    """A procedure's name and what its marker says of it."""

    name: str
    measurements: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """Of those measurements whose unit the marker states."""
    requirements: tuple[str, ...] = ()
    limits: Mapping[str, tuple[Limit, Limit]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    duration_h: float | Callable[[Parameters], float] | None = None
    group: str | None = None
    """Procedures of one group are repeated together."""

    @classmethod
    def of(cls, name: str, marker: Mapping[str, Any] | None) -> "Declaration":
        """What ``marker`` declares; None is a procedure without one. Raises UsageError if it makes no sense."""
        given = marker or {}
        for key in ("measurements", "requirements"):
            if isinstance(given.get(key), str):
                raise UsageError(f"its {key} must be a list of names: {key}=[{given[key]!r}]")
        try:
            stated = given.get("measurements", ())
            declaration = cls(
                name=name,
                measurements=tuple(stated),
                units=dict(stated) if isinstance(stated, Mapping) else {},
                requirements=tuple(given.get("requirements", ())),
                limits={each: (lower, upper) for each, (lower, upper) in dict(given.get("limits", {})).items()},
                parameters=tuple(given.get("parameters", ())),
                duration_h=given.get("duration_h"),
                group=given.get("group"),
            )
        except (TypeError, ValueError) as error:
            raise UsageError(f"its marker cannot be read: {error}") from error
        declaration._check(given)
        return declaration

    def _check(self, given: Mapping[str, Any]) -> None:
        unknown = sorted(set(given) - _KEYS)
        if unknown:
            raise UsageError(f"its marker has no {unknown[0]!r}; it takes {', '.join(sorted(_KEYS))}")
        if not (self.group is None or isinstance(self.group, str)):
            raise UsageError(f"its group must be a name, not {self.group!r}")
        if not all(isinstance(each, Parameter) for each in self.parameters):
            raise UsageError("its parameters must be hil.parameter.Parameter(name, unit, default, lower, upper)")

    def hours(self, parameters: Parameters) -> float | None:
        """How long the procedure takes with these ``parameters``, in hours of bench time; None if it does not say."""
        return self.duration_h(parameters) if callable(self.duration_h) else self.duration_h

    def problems(self, literals: Sequence[LiteralMeasurement]) -> Iterator[str]:
        """What is wrong with its limits, given the measurements that its file takes in plain sight."""
        units = {each.name: each.unit for each in literals} | dict(self.units)
        for name, (lower, upper) in self.limits.items():
            if self.measurements and name not in self.measurements:
                yield f"limits of {name}: it is none of its measurements, {', '.join(self.measurements)}"
            yield from limit_problems(f"limits of {name}", lower, upper, units.get(name))
        for each in literals:
            if each.unit != self.units.get(each.name, each.unit) and not same_dimension(
                each.unit, self.units[each.name]
            ):
                yield f"line {each.line}: {each.name} is in {each.unit}, its marker says {self.units[each.name]}"
            yield from limit_problems(f"line {each.line}: limits of {each.name}", each.lower, each.upper, each.unit)


def limit_in(limit: Limit, unit: str) -> float | None:
    """A limit as a number in ``unit``. Raises UsageError if its text cannot be told in it."""
    return to_unit(limit, unit) if isinstance(limit, str) else limit


def limit_problems(what: str, lower: Limit, upper: Limit, unit: str | None) -> Iterator[str]:
    """What is wrong with two limits of a measurement in ``unit``, if that is known."""
    try:
        if unit is None:
            texts = [limit for limit in (lower, upper) if isinstance(limit, str)]
            if not texts:
                return
            unit = split_quantity(texts[0])[1]
        least, most = limit_in(lower, unit), limit_in(upper, unit)
    except UsageError as error:
        yield f"{what}: {error}"
        return
    if least is not None and most is not None and not least <= most:
        yield f"{what}: the lower, {lower}, is not below the upper, {upper}"
