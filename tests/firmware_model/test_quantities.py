"""Times as people write them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.quantities import TIME_UNITS_MS, duration_ms


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("6h", 21_600_000),
        ("1d12h30min", 131_400_000),
        (" 1 d 0.5 h ", 88_200_000),
        ("0s", 0),
        (".1s", 100),
        ("5.min", 300_000),
        ("1ms", 1),
        ("1min1ms", 60_001),
        ("0.1d", 8_640_000),
    ],
)
def test_what_is_written_is_meant(text: str, time_ms: int) -> None:
    """Numbers with units, one or several, with or without spaces, become whole ms."""
    assert duration_ms(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "6",
        "h",
        "-6h",
        "+6h",
        "6 weeks",
        "6H",
        "1e3s",
        "nans",
        "6h30",
        "٣h",
        "1,5h",
        "6h\n@",
        "1" * 90 + "h",
        "1d1d",
        "6h30min6h",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """No number, no unit, an unknown unit, a sign, an exponent, digits of other scripts: none of them is a time."""
    with pytest.raises(ValueError, match="1d12h30min"):
        duration_ms(text)


@given(
    st.lists(
        st.tuples(st.decimals(0, 9999, places=3), st.sampled_from(sorted(TIME_UNITS_MS))),
        min_size=1,
        unique_by=lambda part: part[1],
    )
)
def test_times_are_exact(parts: list[tuple[object, str]]) -> None:
    """Every compound time is the sum of its parts, to the nearest ms, without any rounding on the way."""
    exact = sum((Fraction(str(number)) * TIME_UNITS_MS[unit] for number, unit in parts), Fraction(0))
    assert duration_ms("".join(f"{number}{unit}" for number, unit in parts)) == round(exact)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Whatever is typed, it gives whole ms from 0 or a ValueError."""
    try:
        time_ms = duration_ms(text)
    except ValueError:
        return
    assert time_ms >= 0
