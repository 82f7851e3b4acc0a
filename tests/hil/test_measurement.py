"""Judging a value by its limits and its uncertainty."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.measurement import BudgetLine, JudgedBefore, Measurement, Outcome, effective_degrees_of_freedom, judge, verdict

numbers = st.floats(-1e6, 1e6)
uncertainties = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("value", "uncertainty", "lower", "upper", "outcome"),
    [
        (1.00, 0.02, 0.85, 1.15, Outcome.PASS),
        (0.87, 0.02, 0.85, 1.15, Outcome.PASS),
        (0.86, 0.02, 0.85, 1.15, Outcome.INCONCLUSIVE),
        (0.84, 0.02, 0.85, 1.15, Outcome.INCONCLUSIVE),
        (0.82, 0.02, 0.85, 1.15, Outcome.FAIL),
        (1.18, 0.02, 0.85, 1.15, Outcome.FAIL),
        (1.00, 0.50, 0.85, 1.15, Outcome.INCONCLUSIVE),
        (0.85, 0.0, 0.85, 1.15, Outcome.PASS),
        (9.0, 0.1, 0.85, None, Outcome.PASS),
        (-9.0, 0.1, None, 1.15, Outcome.PASS),
        (1.2, 0.1, None, 1.15, Outcome.INCONCLUSIVE),
        (0.875, 0.125, 0.75, None, Outcome.PASS),
        (1.0, 0.125, None, 1.125, Outcome.PASS),
        (0.625, 0.125, 0.75, None, Outcome.INCONCLUSIVE),
        (1.25, 0.125, None, 1.125, Outcome.INCONCLUSIVE),
        (0.5, 0.125, 0.75, None, Outcome.FAIL),
        (1.5, 0.125, None, 1.125, Outcome.FAIL),
        (1.0, 0.0, 1.0, 1.0, Outcome.PASS),
        (1.0, 0.125, 1.0, 1.0, Outcome.INCONCLUSIVE),
        (math.nextafter(0.85, 0), 0.0, 0.85, 1.15, Outcome.FAIL),
        (math.nextafter(1.15, 2), 0.0, 0.85, 1.15, Outcome.FAIL),
        (5.0, 0.125, None, None, Outcome.PASS),
    ],
)
def test_interval_against_limits(
    value: float, uncertainty: float, lower: float | None, upper: float | None, outcome: Outcome
) -> None:
    """Wholly inside passes, wholly outside fails, across a limit is inconclusive; a missing limit is never missed."""
    assert judge(value, uncertainty, lower, upper) is outcome


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_passes(nothing: float | None) -> None:
    """A missing or infinite value or uncertainty is an error, even where there is no limit to miss."""
    assert judge(nothing, 0.1, None, None) is Outcome.ERROR
    assert judge(1.0, nothing, None, None) is Outcome.ERROR
    assert judge(1.0, -0.1, 0.0, 2.0) is Outcome.ERROR


@pytest.mark.parametrize(("lower", "upper"), [(2.0, 1.0), (math.nan, 1.0), (0.0, math.nan), (math.nan, None)])
def test_senseless_limits_are_refused(lower: float | None, upper: float | None) -> None:
    """Limits the wrong way round, or NaN, are the caller's mistake and not an outcome."""
    with pytest.raises(ValueError, match="lower limit"):
        judge(1.0, 0.1, lower, upper)


@given(value=numbers, uncertainty=uncertainties, lower=numbers, upper=numbers, more=uncertainties)
def test_more_uncertainty_never_decides(
    value: float, uncertainty: float, lower: float, upper: float, more: float
) -> None:
    """A larger uncertainty turns pass and fail into inconclusive at most, never into each other."""
    lower, upper = sorted((lower, upper))
    surer, vaguer = judge(value, uncertainty, lower, upper), judge(value, uncertainty + more, lower, upper)
    assert vaguer in {surer, Outcome.INCONCLUSIVE}


@given(st.lists(st.sampled_from(Outcome)))
def test_verdict_is_the_worst_and_pass_needs_a_pass(outcomes: list[Outcome]) -> None:
    """A verdict of pass needs something that passed and nothing that did not; skipped counts for nothing."""
    found = verdict(outcomes)
    assert found is not Outcome.SKIPPED
    assert (found is Outcome.PASS) == (set(outcomes) - {Outcome.SKIPPED} == {Outcome.PASS})
    assert found is verdict(reversed(outcomes))
    if Outcome.ERROR in outcomes:
        assert found is Outcome.ERROR
    elif Outcome.FAIL in outcomes:
        assert found is Outcome.FAIL


def test_nothing_measured_is_an_error() -> None:
    """A run without outcomes says nothing, so it does not pass."""
    assert verdict([]) is Outcome.ERROR
    assert verdict([Outcome.SKIPPED]) is Outcome.ERROR


_FLOW = Measurement("flow", "flow-accuracy", 1.004, "mL/day", 0.018, 0.85, 1.15, Outcome.PASS)


@pytest.mark.parametrize(
    ("measurement", "said"),
    [
        (_FLOW, "flow: 1.004 +- 0.018 mL/day (0.850 to 1.150)"),
        (replace(_FLOW, lower=None), "flow: 1.004 +- 0.018 mL/day (no lower limit to 1.150)"),
        (replace(_FLOW, upper=None), "flow: 1.004 +- 0.018 mL/day (0.850 to no upper limit)"),
        (replace(_FLOW, unit="1"), "flow: 1.004 +- 0.018 (0.850 to 1.150)"),
        (replace(_FLOW, objection="overdue"), "flow: 1.004 +- 0.018 mL/day (0.850 to 1.150); overdue"),
        (
            replace(_FLOW, before=JudgedBefore(None, 1.01, Outcome.INCONCLUSIVE)),
            "flow: 1.004 +- 0.018 mL/day (0.850 to 1.150); re-judged, was inconclusive by no lower limit to 1.01",
        ),
        (
            replace(_FLOW, before=JudgedBefore(0.9, None, Outcome.PASS)),
            "flow: 1.004 +- 0.018 mL/day (0.850 to 1.150); re-judged, was pass by 0.9 to no upper limit",
        ),
    ],
)
def test_a_measurement_says_all_that_it_is_judged_by(measurement: Measurement, said: str) -> None:
    """Value, uncertainty, unit but of a pure number, limits or that there is none, and what speaks against it."""
    assert str(measurement) == said


def test_manifest_fields_are_json_even_without_a_number() -> None:
    """The names of the manifest stand, and NaN becomes null, which every JSON reader understands."""
    measurement = Measurement("flow", "flow-accuracy", 1.0, "mL/day", 0.02, 0.85, None, Outcome.PASS, ("REQ-1",))
    assert measurement.as_json() == {
        "name": "flow",
        "procedure": "flow-accuracy",
        "value": 1.0,
        "unit": "mL/day",
        "expanded_uncertainty": 0.02,
        "lower": 0.85,
        "upper": None,
        "outcome": "pass",
        "requirements": ["REQ-1"],
    }
    nothing = replace(measurement, value=math.nan, expanded_uncertainty=math.inf, outcome=Outcome.ERROR)
    text = json.dumps(nothing.as_json(), allow_nan=False)
    assert json.loads(text)["value"] is None
    assert json.loads(text)["expanded_uncertainty"] is None


def test_effective_degrees_of_freedom() -> None:
    """Welch and Satterthwaite, against the worked end-gauge example of the GUM (H.1.6, table H.1): 16."""
    contributions_nm = [(25, 18), (5.8, 24), (3.9, 5), (6.7, 8), (2.9, 50), (16.6, 2)]
    budget = [BudgetLine("", 0, "", u, 1, u, freedom) for u, freedom in contributions_nm]
    assert math.floor(effective_degrees_of_freedom(budget)) == 16
    assert effective_degrees_of_freedom([BudgetLine("", 0, "", 0.1, 1, 0.1, 5)]) == pytest.approx(5)
    assert effective_degrees_of_freedom([BudgetLine("", 0, "", 1, 1, 1)]) == math.inf
    assert effective_degrees_of_freedom([]) == math.inf
