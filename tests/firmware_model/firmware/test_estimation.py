"""The firmware's estimators against plain arithmetic."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.electronics.sensors import Readings
from firmware_model.firmware.estimation import Calibration, flow_nl_per_day, pressure_flow_over_window, rounded_quotient
from firmware_model.physics.flow import expected_flow
from firmware_model.physics.fluids import vapour_pressure_kpa
from firmware_model.profile import load_profile

_volumes = st.lists(st.integers(0, 33_000_000), min_size=6, max_size=6)


@given(_volumes)
def test_flow_is_the_least_squares_slope(volumes: list[int]) -> None:
    """Six hourly volumes give minus the slope that numpy fits to them, times 24, to the nearest nanolitre."""
    slope = np.polyfit(range(6), np.array(volumes, dtype=float), 1)[0]
    assert abs(flow_nl_per_day(volumes) + 24 * slope) <= 0.5 + 1e-3


@given(st.integers(0, 5_000_000), st.integers(0, 30_000_000))
def test_a_steady_flow_is_found_exactly(per_day_nl: int, start_nl: int) -> None:
    """A volume that falls by the same amount every hour gives 24 times that amount."""
    per_hour_nl = per_day_nl // 24
    assert flow_nl_per_day([start_nl - hour * per_hour_nl for hour in range(6)]) == 24 * per_hour_nl


@pytest.mark.parametrize("hours", [0, 5, 7])
def test_another_window_is_refused(hours: int) -> None:
    """Fewer or more hours than six are another estimator."""
    with pytest.raises(ValueError, match="needs 6 hours"):
        flow_nl_per_day([0] * hours)


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounded_quotient_is_nearest(numerator: int, denominator: int) -> None:
    """The rounded quotient is never more than a half away from the exact one."""
    assert abs(rounded_quotient(numerator, denominator) - Fraction(numerator, denominator)) <= Fraction(1, 2)


_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_CALIBRATION = Calibration(_PROFILE)


@given(st.lists(st.integers(-3_000_000, 3_000_000), min_size=6, max_size=6))
def test_pressure_flow_is_weighted_like_the_slope(flows: list[int]) -> None:
    """A flow that changes linearly between the hours' ends has the same slope estimate and weighted mean."""
    volumes = [0.0]
    for before, after in pairwise(flows):
        volumes.append(volumes[-1] - (before + after) / 2 / 24)
    slope = -24 * np.polyfit(range(6), np.array(volumes), 1)[0]
    assert abs(pressure_flow_over_window(flows) - slope) <= 0.5 + 1e-3


@given(st.floats(20, 45), st.floats(80, 110), st.floats(0, 30), st.floats(3, 29.9))
def test_pressures_tell_the_flow_of_a_healthy_pump(
    temperature_c: float, ambient_kpa: float, outlet_kpa: float, volume_ml: float
) -> None:
    """What the firmware makes of true pressures and temperature is the flow of the physics, within 0.2 % of label."""
    point = expected_flow(_PROFILE, temperature_c, ambient_kpa, outlet_kpa, volume_ml)
    mean = Readings(
        round(temperature_c * 1000),
        round((point.driving_pressure_kpa + ambient_kpa + outlet_kpa) * 1000),
        round(outlet_kpa * 1000),
        round(ambient_kpa * 1000),
        round(volume_ml * 1e6),
        3000,
    )
    flow = int(_CALIBRATION.pressure_flow_nl_per_day(mean))
    assert flow == pytest.approx(point.flow_ml_per_day * 1e6, abs=2000, rel=0.002)
    assert abs(int(_CALIBRATION.drive_deviation_pa(mean))) <= 25


@given(st.integers(-20_000, 80_000))
def test_the_vapour_table_is_the_formula(temperature_mc: int) -> None:
    """Within 8 Pa, which straight lines over half a degree leave, from 0 to 59.9 C; beyond, it stays near its ends."""
    table_pa = _CALIBRATION.vapour_pa(temperature_mc)
    if temperature_mc <= 59_904:  # where the last whole step ends
        true_kpa = vapour_pressure_kpa("R-11", max(temperature_mc, 0) / 1000)
        assert table_pa == pytest.approx(true_kpa * 1000, abs=8)
    else:
        assert table_pa == pytest.approx(vapour_pressure_kpa("R-11", 60.0) * 1000, rel=0.0025)
        assert table_pa <= _CALIBRATION.vapour_pa(80_000)
    assert _CALIBRATION.vapour_pa(min(temperature_mc, -1)) == round(vapour_pressure_kpa("R-11", 0.0) * 1000)
    assert _CALIBRATION.vapour_pa(temperature_mc + 80_000) == _CALIBRATION.vapour_pa(60_000)


@given(st.integers(0, 60_000), st.integers(-200_000, 200_000))
def test_nothing_flows_back_through_a_check_valve(temperature_mc: int, driving_pa: int) -> None:
    """With one, pressures that would drive the flow backwards explain no flow; without, as much as forwards."""
    mean = Readings(temperature_mc, 300_000 + driving_pa, 100_000, 200_000, 0, 0)
    forwards = Readings(temperature_mc, 300_000 + abs(driving_pa), 100_000, 200_000, 0, 0)
    without = Calibration(_PROFILE.model_copy(update={"below_outlet": "reverse-flow"}))
    flow = int(without.pressure_flow_nl_per_day(forwards))
    assert _CALIBRATION.pressure_flow_nl_per_day(mean) == (flow if driving_pa >= 0 else 0)
    assert without.pressure_flow_nl_per_day(mean) in ({flow} if driving_pa >= 0 else {-flow, -flow - 1})


@given(st.lists(st.integers(-20_000, 80_000), min_size=1, max_size=20))
def test_one_and_many_hours_are_the_same(temperatures_mc: list[int]) -> None:
    """The firmware's tables give the same integer for one temperature and for many."""
    many = _CALIBRATION.vapour_pa(np.array(temperatures_mc))
    assert many.tolist() == [int(_CALIBRATION.vapour_pa(value)) for value in temperatures_mc]
