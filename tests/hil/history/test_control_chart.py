"""The control chart, against published numbers."""

import pytest

from hil.history.control_chart import control_chart

_NIST = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
"""Flow rates of ten batches: NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2."""


def test_limits_are_those_of_the_handbook() -> None:
    """Centre 50.81, mean moving range 1.8778, limits 45.8159 and 55.8041, as published."""
    chart = control_chart(_NIST)
    assert chart.centre == pytest.approx(50.81)
    assert chart.mean_range == pytest.approx(1.8778, abs=5e-5)
    assert chart.lower == pytest.approx(45.8159, abs=2e-3)
    assert chart.upper == pytest.approx(55.8041, abs=2e-3)
    assert chart.signals == ()


def test_what_is_no_chance_is_said_once_each() -> None:
    """A value beyond its limits, a jump, and eight in a row on one side are signals, by place."""
    chart = control_chart([10.0, 10.2] * 10 + [10.05, 10.25, 9.95] * 2 + [12.0])
    assert [(signal.place, signal.why) for signal in chart.signals] == [
        (26, "beyond its limits"),
        (26, "far from the one before"),
    ]
    drift = control_chart([0.0, 1.0] * 6 + [2.0, 3.0] * 6)
    assert any(signal.why == "8 in a row on one side" for signal in drift.signals)


@pytest.mark.parametrize("value", [1.0, 0.1, 1.002, 0.937, -37.017, 1e-9])
def test_equal_values_are_in_control(value: float) -> None:
    """No spread at all is no signal, however many there are, and whatever binary makes of the value."""
    assert [control_chart([value] * count).signals for count in range(2, 40)] == [()] * 38


def test_one_value_has_no_chart() -> None:
    """A moving range needs two."""
    with pytest.raises(ValueError, match="at least 2"):
        control_chart([1.0])
