"""What a run found, in plain words."""

from collections.abc import Sequence

from hil.measurement import Measurement, Outcome
from hil.report.numbers import number, rounded, unit_text

__all__ = ["finding", "sentence"]


def finding(measurements: Sequence[Measurement], problems: Sequence[str] = ()) -> str:
    """A line or two that name what failed, and why a run has no verdict if it has none.

    ``problems`` are what measurements cannot tell: a procedure that ended early, and the reason.
    """
    of_concern = [
        measurement
        for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR)
        for measurement in measurements
        if measurement.outcome is outcome
    ]
    said = [problem if problem.endswith((".", "!", "?")) else f"{problem}." for problem in problems]
    said += [sentence(measurement) for measurement in of_concern]
    passed = sum(measurement.outcome is Outcome.PASS for measurement in measurements)
    if not measurements:
        said.append("Nothing was measured.")
    elif not said:
        said.append(_all_pass(passed))
    elif passed:
        said.append(
            f"The other {passed} are within their limits." if passed > 1 else "The other one is within its limits."
        )
    return " ".join(said)


def sentence(measurement: Measurement) -> str:
    """One measurement in one sentence: what was found and what its limits make of it."""
    value, u = measurement.value, measurement.expanded_uncertainty
    unit = unit_text(measurement.unit)
    found = f"{measurement.name} is {rounded(value, u)} ± {rounded(u, u)} {unit}"
    if measurement.outcome is Outcome.ERROR:
        return f"{measurement.name} came to no number."
    if measurement.outcome is Outcome.PASS:
        return f"{found}, within its limits."
    if measurement.objection:
        return f"{found}, but proves nothing: {measurement.objection}."
    lower, upper = measurement.lower, measurement.upper
    if lower is not None and value - u < lower:
        limit, side, off = lower, "lower", "below"
    elif upper is not None and value + u > upper:
        limit, side, off = upper, "upper", "above"
    else:
        return f"{found}: {measurement.outcome}."
    named = f"{side} limit of {number(f'{limit:g}')} {unit}"
    if measurement.outcome is Outcome.FAIL:
        return f"{found}, {off} the {named}."
    return f"{found}: its uncertainty reaches across the {named}, so it is neither a pass nor a fail."


def _all_pass(count: int) -> str:
    if count == 1:
        return "The one measurement lies within its limits, uncertainty included."
    return f"All {count} measurements lie within their limits, uncertainty included."
