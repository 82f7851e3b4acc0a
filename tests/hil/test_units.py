"""Limits in any compatible unit: conversions against hand calculation, temperatures, and what is refused."""

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.units import same_dimension, to_unit


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("35 uL/h", "mL/day", 35 * 24 / 1000),
        ("1e3 µL", "mL", 1.0),
        ("1 mmHg", "kPa", 0.133322),
        ("1 g/cm3", "kg/m3", 1000.0),
        ("0.1 ug/s", "mg/day", 8.64),
        ("2 days", "h", 48.0),
        ("310.15 K", "C", 37.0),
        ("98.6 degF", "C", 37.0),
        ("37 C", "K", 310.15),
        ("37 °C", "C", 37.0),
        ("0.5 delta_degC", "K", 0.5),
        ("0.9 delta_degF", "K", 0.5),
        ("0.5 K", "delta_degC", 0.5),
        ("0.1328 1/K", "%/C", 13.28),
        ("5 %", "1", 0.05),
        ("5 % of label", "% of label", 5.0),
    ],
)
def test_conversion_by_hand(text: str, unit: str, number: float) -> None:
    """Flows, masses, pressures and times; temperatures with their offset, differences without."""
    assert to_unit(text, unit) == pytest.approx(number, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("35 kPa", "mL/day", "[length]^3 / [time]"),
        ("0.5 delta_degC", "C", "one is a temperature"),
        ("37 C", "delta_degC", "one is a temperature"),
        ("-0.5 K", "C", "below absolute zero"),
        ("-300 C", "K", "below absolute zero"),
        ("5", "%", "says no unit"),
        ("3 foo", "mL", "there is no unit 'foo'"),
        ("5 %", "% of label", "converts to nothing else"),
        ("nan mL", "mL", "is no number"),
        ("1e999 mL", "mL", "is no number"),
        ("mL", "mL", "is no number"),
        ("1 9**9**9**9", "mL", "there is no unit"),
        ("1 __import__('os')", "mL", "there is no unit"),
        ("1 " + "m*" * 500 + "m", "mL", "there is no unit"),
    ],
)
def test_what_cannot_be_told_is_refused(text: str, unit: str, said: str) -> None:
    """Wrong dimensions, differences for temperatures, no unit, no number: one line that says which."""
    with pytest.raises(UsageError) as caught:
        to_unit(text, unit)
    assert said in str(caught.value)


@given(
    number=st.floats(-1e9, 1e9), pair=st.sampled_from([("mL/day", "uL/h"), ("kPa", "mmHg"), ("g", "ug"), ("h", "s")])
)
def test_there_and_back(number: float, pair: tuple[str, str]) -> None:
    """What is told in another unit and back is what it was."""
    there = to_unit(f"{number!r} {pair[0]}", pair[1])
    assert to_unit(f"{there!r} {pair[1]}", pair[0]) == pytest.approx(number, rel=1e-12, abs=1e-12)


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """Whatever is typed in the place of a limit ends in a number or in the one documented error."""
    with contextlib.suppress(UsageError):
        assert isinstance(to_unit(text, "mL/day"), float)


def test_dimensions() -> None:
    """A flow is a flow; a temperature is no difference of temperatures."""
    assert same_dimension("mL/day", "uL/h")
    assert same_dimension("C", "K")
    assert not same_dimension("C", "delta_degC")
    assert not same_dimension("mL/day", "kPa")


def test_limits_in_their_own_unit_need_no_pint() -> None:
    """Pint takes most of a second to import: nobody waits for it who does not convert."""
    program = (
        "import sys; from hil.procedure import Procedure; from hil.runs.observer import Silent; "
        "Procedure('p', (), (), Silent()).measure('x', 1, 'mL', expanded_uncertainty=0.1, lower='0.5 mL'); "
        "assert 'pint' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
