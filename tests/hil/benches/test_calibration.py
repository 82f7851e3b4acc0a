"""An instrument whose calibration is overdue proves nothing, unless somebody answers for it."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.benches.bench_file import load_bench
from hil.benches.calibration import Calibration, accepted_reasons
from hil.errors import UsageError
from hil.measurement import Outcome
from hil.procedure import Procedure
from hil.runs.observer import Silent
from hil.shipped import shipped

DUE = date(2026, 6, 30)


def page(today: date, accepted: dict[str, str] | None = None) -> Procedure:
    """A procedure that asked for balance and bath, of which the balance is due in June."""
    calibration = Calibration({"balance": DUE}, accepted or {})
    return Procedure(
        "p", (), (), Silent(), instruments=("balance", "bath"), calibration=calibration, today=lambda: today
    )


@pytest.mark.parametrize(
    ("value", "today", "outcome"),
    [
        (1.0, date(2026, 6, 30), Outcome.PASS),
        (1.0, date(2026, 7, 1), Outcome.INCONCLUSIVE),
        (2.0, date(2026, 6, 30), Outcome.FAIL),
        (2.0, date(2026, 7, 1), Outcome.INCONCLUSIVE),
        (math.nan, date(2026, 7, 1), Outcome.ERROR),
    ],
)
def test_overdue_is_neither_pass_nor_fail(value: float, today: date, outcome: Outcome) -> None:
    """Good on the day itself; a day later pass and fail are inconclusive, and an error stays an error."""
    taken = page(today).measure("x", value, "mL", expanded_uncertainty=0.1, lower=0.5, upper=1.5)
    assert taken.outcome is outcome
    assert ("the calibration of the balance was due on 2026-06-30" in str(taken)) == (today > DUE)


def test_only_what_it_rests_on_counts() -> None:
    """A measurement that names its instruments does not suffer from another one's date."""
    overdue = page(date(2027, 1, 1))
    assert overdue.measure("x", 1, "mL", expanded_uncertainty=0, instruments=("bath",)).outcome is Outcome.PASS
    assert overdue.measure("x", 1, "mL", expanded_uncertainty=0, instruments=()).outcome is Outcome.PASS
    assert overdue.measure("x", 1, "mL", expanded_uncertainty=0).outcome is Outcome.INCONCLUSIVE


def test_accepted_with_a_reason_is_judged_and_says_so() -> None:
    """Who answers for it gets a verdict, and the reason stands beside it."""
    taken = page(date(2026, 7, 1), {"balance": "checked with a weight"}).measure("x", 1, "mL", expanded_uncertainty=0)
    assert taken.outcome is Outcome.PASS
    assert "accepted: checked with a weight" in taken.note


@given(st.dates(), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_overdue_never_decides(today: date, value: float, uncertainty: float) -> None:
    """On any day: the outcome is what it would have been, or inconclusive once the date has passed."""
    arguments = {"expanded_uncertainty": uncertainty, "lower": -10.0, "upper": 10.0}
    good = page(DUE).measure("x", value, "mL", **arguments).outcome  # type: ignore[arg-type]
    found = page(today).measure("x", value, "mL", **arguments).outcome  # type: ignore[arg-type]
    assert found is (Outcome.INCONCLUSIVE if today > DUE else good)


@pytest.mark.parametrize("text", ["balance", "balance=", "balance=  ", "scales=why not", "supply=why not", "=why"])
def test_acceptance_needs_a_role_and_a_reason(text: str) -> None:
    """A role that the bench lacks, or no reason, is a usage error."""
    instruments = load_bench(shipped("benches/simulated.toml")).file.instruments
    with pytest.raises(UsageError, match="--accept-overdue"):
        accepted_reasons([text], instruments)
    assert accepted_reasons(["balance=a = b"], instruments) == {"balance": "a = b"}


def test_a_bench_file_states_the_dates() -> None:
    """Of the instruments that it has; one without a date is never overdue."""
    instruments = load_bench(shipped("benches/simulated.toml")).file.instruments
    assert instruments.balance is not None
    dated = instruments.model_copy(
        update={"balance": instruments.balance.model_copy(update={"calibration_due": DUE}), "bath": None}
    )
    assert Calibration.of(dated, {}).overdue(date(2026, 7, 1)) == {"balance": DUE}
    undated = dated.model_copy(update={"balance": instruments.balance.model_copy(update={"calibration_due": None})})
    assert Calibration.of(undated, {}).overdue(date(2999, 1, 1)) == {}
