"""How far a reading is from its reference, against a limit to either side."""

from hil.procedure import Procedure

__all__ = ["judge_error"]


def judge_error(
    procedure: Procedure, name: str, error: float, unit: str, *, u: float, limit: float, requirement: str, note: str
) -> None:
    """Measure ``error`` with its standard uncertainty ``u``; it must be within ``limit`` of nothing."""
    procedure.measure(
        name, error, unit, expanded_uncertainty=2 * u, lower=-limit, upper=limit, requirements=(requirement,), note=note
    )
