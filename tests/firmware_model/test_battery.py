"""The battery: charge adds up in any order, and the voltage only falls."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.battery import Battery, voltages_mv
from firmware_model.profile import load_profile

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml").battery
_DAY_MS = 86_400_000


def test_a_day_takes_what_sleep_and_samples_take() -> None:
    """5 uA for a day and 1440 samples of 500 uC are 1.152 C; some seven years empty 900 mAh."""
    drawn_c = Battery(_PROFILE).drawn_pc(_DAY_MS, 1440) / 1e12
    assert drawn_c == pytest.approx(5e-6 * 86_400 + 1440 * 500e-6)
    assert 900 * 3.6 / drawn_c / 365 == pytest.approx(7.7, abs=0.1)


_loads = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.integers(0, 5000)), max_size=40)


@given(_loads, st.lists(st.integers(0, 500), min_size=2, max_size=20))
def test_the_voltage_falls_and_one_time_is_as_good_as_many(
    loads: list[tuple[int, int, int]], minutes: list[int]
) -> None:
    """Whatever the radio and a fault draw: voltages at rising times fall, and are the same one by one.

    They lie between the extremes; what is forgotten says nothing of what comes later.
    """
    battery = Battery(_PROFILE)
    for minute, drain_ma, byte_count in sorted(loads):
        battery.set_drain(minute * 60_000, minute, drain_ma * 1e5)
        battery.radio(minute * 60_000, minute, byte_count)
    times = np.array(sorted(minutes))
    many = voltages_mv(times * 60_000, times, *battery.table)
    assert (np.diff(many) <= 0).all()
    assert many.tolist() == [battery.voltage_mv(int(minute) * 60_000, int(minute)) for minute in times]
    from_ms, to_ms = ((int(minute) * 60_000, int(minute)) for minute in times[[0, -1]])
    lowest, highest = battery.extremes_mv(from_ms, to_ms)
    assert lowest <= many.min() <= many.max() <= highest
    battery.forget(int(times[1]) * 60_000)
    assert voltages_mv(times[1:] * 60_000, times[1:], *battery.table).tolist() == many[1:].tolist()


def test_an_empty_battery_has_its_last_voltage() -> None:
    """It gives no more than it held, whatever is drawn for however long; the radio changes nothing."""
    battery = Battery(_PROFILE)
    battery.set_drain(0, 0, 1e5)
    times = np.array([1, 1100, 2000, 3650])
    for _ in range(2):
        assert battery.voltage_mv(3650 * _DAY_MS, 1) == 2300
        assert voltages_mv(times * _DAY_MS, times, *battery.table).tolist() == [2300] * 4
        battery.radio(1200 * _DAY_MS, 1, 10)
