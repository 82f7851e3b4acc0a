"""Numbers and sentences as a report prints them."""

import math
from dataclasses import replace

import pytest

from hil.measurement import Measurement, Outcome, judge
from hil.report.finding import finding, sentence
from hil.report.interval import interval_svg
from hil.report.numbers import limits_text, rounded, significant, unit_text

MINUS = "\N{MINUS SIGN}"


def flow(value: float, lower: float | None = 0.85, upper: float | None = 1.15) -> Measurement:
    """A flow with U = 0.02 mL/day, judged."""
    return Measurement(
        "flow", "flow-accuracy", value, "mL/day", 0.02, lower, upper, judge(value, 0.02, lower, upper), ("REQ-1",)
    )


@pytest.mark.parametrize(
    ("value", "uncertainty", "printed"),
    [
        (1.00092, 0.0139, "1.001"),
        (0.17624, 0.00915, "0.1762"),
        (37.0, 0.06, "37.000"),
        (-0.4, 1.4, f"{MINUS}0.4"),
        (1234.5, 120.0, "1234"),
        (0.5, 0.0996, "0.50"),
        (0.25, 0.0, "0.25"),
        (math.nan, 0.1, "none"),
        (1.0, math.inf, "1"),
    ],
)
def test_as_many_decimals_as_the_uncertainty_asks_for(value: float, uncertainty: float, printed: str) -> None:
    """Two digits of U decide where the value is cut; a number that is none says so."""
    assert rounded(value, uncertainty) == printed


def test_small_numbers_are_in_powers_of_ten() -> None:
    """Nobody counts zeros after the point, and no e-05 stands in a printed table."""
    assert significant(2.83e-5, 2) == f"2.8&thinsp;&times;&thinsp;10<sup>{MINUS}5</sup>"
    assert significant(0.00123, 2) == "0.0012"
    assert significant(-993.33, 3) == f"{MINUS}993"
    assert significant(0, 3) == "0"
    assert significant(math.nan, 3) == "none"


def test_units_and_limits_are_printed_as_people_write_them() -> None:
    """The units of the code become those of print; a limit that does not exist is not invented."""
    assert (unit_text("C"), unit_text("ug/s"), unit_text("mL/day")) == ("°C", "µg/s", "mL/day")
    assert limits_text(-5, 5) == f"{MINUS}5 to 5"
    assert limits_text(0.85, None) == "at least 0.85"
    assert limits_text(None, 1.15) == "at most 1.15"
    assert limits_text(None, None) == "none"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "flow is 1.000 ± 0.020 mL/day, within its limits."),
        (0.2, "flow is 0.200 ± 0.020 mL/day, below the lower limit of 0.85 mL/day."),
        (1.3, "flow is 1.300 ± 0.020 mL/day, above the upper limit of 1.15 mL/day."),
        (1.14, "flow is 1.140 ± 0.020 mL/day: its uncertainty reaches across the upper limit of 1.15 mL/day, so"),
        (math.nan, "flow came to no number."),
    ],
)
def test_sentence_says_what_the_limits_make_of_it(value: float, said: str) -> None:
    """Each outcome has its own plain sentence, with the limit that was missed."""
    assert sentence(flow(value)).startswith(said)


def test_finding_names_what_failed_first() -> None:
    """Failures come before doubts, and what passed is counted; a run without a number says so."""
    assert finding([flow(1.0), flow(1.0)]) == "All 2 measurements lie within their limits, uncertainty included."
    assert finding([flow(1.0)]) == "The one measurement lies within its limits, uncertainty included."
    found = finding([flow(1.0), replace(flow(1.14), name="doubtful"), replace(flow(0.2), name="failed")])
    assert found.index("failed is") < found.index("doubtful is")
    assert found.endswith("The other one is within its limits.")
    assert finding([], ["flow-accuracy: balance: no answer"]) == (
        "flow-accuracy: balance: no answer. Nothing was measured."
    )
    assert finding([flow(1.0)], ["Interrupted."]) == "Interrupted. The other one is within its limits."


@pytest.mark.parametrize(("lower", "upper"), [(0.85, 1.15), (0.85, None), (None, 1.15), (1.0, 1.0)])
def test_picture_shows_each_limit_there_is(lower: float | None, upper: float | None) -> None:
    """One post for each limit, a dot for the value, and words for whom the picture is not drawn."""
    picture = interval_svg(flow(0.2, lower, upper))
    assert picture.count('class="post"') == sum(limit is not None for limit in (lower, upper))
    assert picture.count("<circle") == 1
    assert 'role="img" aria-label="0.200 ± 0.020 mL/day, limits ' in picture


def test_no_picture_without_a_number_or_a_limit() -> None:
    """What cannot be drawn is left out rather than drawn at zero."""
    assert interval_svg(flow(math.nan)) == ""
    assert interval_svg(flow(1.0, None, None)) == ""


def test_picture_holds_no_markup_of_others() -> None:
    """A unit is text from a procedure: it cannot break out of the picture's label."""
    picture = interval_svg(replace(flow(1.0), unit='"><script>'))
    assert "<script" not in picture
    assert Outcome.PASS in picture
