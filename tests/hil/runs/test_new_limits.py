"""Limits to re-judge by: how they are written, and what becomes of a measurement."""

from pathlib import Path

import pytest

from hil.errors import UsageError
from hil.measurement import JudgedBefore, Outcome
from hil.procedure import Procedure
from hil.runs.new_limits import new_limits
from hil.runs.observer import Silent


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("flow=0.9 mL/day..1.1 mL/day", ("0.9 mL/day", "1.1 mL/day")),
        ("flow=0.9..1.1", (0.9, 1.1)),
        ("flow=..45 uL/h", (None, "45 uL/h")),
        ("flow = -1e-3 .. ", (-1e-3, None)),
    ],
)
def test_limits_as_people_write_them(text: str, limits: tuple[object, object]) -> None:
    """Two sides or one, with a unit or in the measurement's own."""
    assert new_limits(None, [text]) == {"flow": limits}


@pytest.mark.parametrize("text", ["flow", "flow=", "flow=..", "flow=1", "=0..1"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    """Nothing that limits nothing passes for a limit."""
    with pytest.raises(UsageError, match="write it like"):
        new_limits(None, [text])


def test_a_file_of_limits(tmp_path: Path) -> None:
    """Ranges or tables; what is typed goes before it."""
    path = tmp_path / "limits.toml"
    path.write_text('[limits]\nflow = "0.9 mL/day..1.1 mL/day"\nerror = {upper = 3}\n')
    assert new_limits(path, ["flow=0..2"]) == {"flow": (0.0, 2.0), "error": (None, 3)}


@pytest.mark.parametrize(
    "text", ["", "[limits]\n", "limits = 3\n", "[limits]\nflow = 3\n", "[limits]\nflow = {low = 3}\n", "[x]\n", "[[[",
     "[limits]\nflow = {}\n", "[limits]\nflow = {lower = true}\n", "[limits]\nflow = {upper = [1]}\n",
     "[limits]\nflow = '0..1'\n[more]\n"],
)  # fmt: skip
def test_a_file_that_says_no_limits_is_refused(tmp_path: Path, text: str) -> None:
    """The error names the file."""
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"limits\.toml"):
        new_limits(path, [])
    path.unlink()
    with pytest.raises(UsageError, match=r"limits\.toml: cannot be read: No such file"):
        new_limits(path, [])


def page(**limits: tuple[object, object]) -> Procedure:
    """A procedure that is re-judged."""
    procedure = Procedure.of("p", {"limits": {"flow": ("0.85 mL/day", "1.15 mL/day")}}, Silent())
    procedure.new_limits = limits  # type: ignore[assignment]
    return procedure


def test_a_re_judged_measurement_keeps_value_and_says_both_limits() -> None:
    """45 uL/h is 1.08 mL/day; the old limits and what they came to stay beside the new ones."""
    found = page(flow=("0.99 mL/day", "45 uL/h")).measure("flow", 1.2, "mL/day", expanded_uncertainty=0.01)
    assert (found.value, found.expanded_uncertainty) == (1.2, 0.01)
    assert found.lower == 0.99
    assert found.upper == pytest.approx(1.08)
    assert (found.outcome, found.before) == (Outcome.FAIL, JudgedBefore(0.85, 1.15, Outcome.FAIL))
    assert found.as_json()["rejudged"] == {"from": {"lower": 0.85, "upper": 1.15, "outcome": "fail"}}
    assert "re-judged, was fail by 0.85 to 1.15" in str(found)


def test_the_outcome_is_that_of_the_new_limits() -> None:
    """Either way round; and what is not named is judged as ever."""
    procedure = page(flow=(None, 2.0))
    assert procedure.measure("flow", 1.2, "mL/day", expanded_uncertainty=0.01).outcome is Outcome.PASS
    other = procedure.measure("other", 1.0, "C", expanded_uncertainty=0.1, upper=0.5)
    assert (other.outcome, other.before) == (Outcome.FAIL, None)
    assert "rejudged" not in other.as_json()


@pytest.mark.parametrize("limits", [("3 K", None), ("1.1 mL/day", "0.9 mL/day")])
def test_a_limit_that_makes_no_sense_is_the_callers_mistake(limits: tuple[object, object]) -> None:
    """Another dimension, or the wrong way round."""
    with pytest.raises(UsageError, match="limits of flow"):
        page(flow=limits).measure("flow", 1.2, "mL/day", expanded_uncertainty=0.01)
