"""The battery: charge adds up in any order, and the voltage only falls."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_model.electronics.battery import Battery, voltages_mv
from firmware_model.profile import load_profile

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml").battery
_DAY_MS = 86_400_000
_HOLDS_UC = 900 * 3.6e6


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


_deeds = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["drain", "radio", "supply", "cell"]), st.integers(0, 3_000)),
    max_size=12,
)


@example([(7 * place, "radio", 900) for place in range(40)], 300)
@example([(10, "drain", 3000), (200, "drain", 0), (200, "radio", 1), (200, "radio", 3000)], 300)
@given(_deeds, st.integers(0, 500))
def test_charge_and_voltage_are_those_of_a_sum_by_hand(deeds: list[tuple[int, str, int]], last: int) -> None:
    """Coulombs of sleep, drain, samples and bytes, minute by minute; the voltage on numpy's lines through the curve.

    Several things may happen at one time, and a supply in the cell's place leaves what was drawn as it is counted.
    """
    battery, drawn_uc, drain_ua, supply_mv, expected_mv = Battery(_PROFILE), 0.0, 0.0, math.nan, []
    percents, cell_mv = zip(*_PROFILE.discharge, strict=True)
    for minute in range(last + 1):
        drawn_uc = min(drawn_uc + ((5.0 + drain_ua) * 60 + 500.0 if minute else 0.0), _HOLDS_UC)
        of_cell_mv = np.interp(drawn_uc / _HOLDS_UC * 100, percents, cell_mv)
        expected_mv.append(of_cell_mv if math.isnan(supply_mv) else supply_mv)
        if drawn_uc < _HOLDS_UC:
            assert battery.drawn_pc(minute * 60_000, minute) == pytest.approx(drawn_uc * 1e6, rel=1e-12)
        for _, verb, value in (deed for deed in sorted(deeds) if deed[0] == minute):
            at = minute * 60_000, minute
            match verb:
                case "drain":
                    drain_ua = value * 100.0
                    battery.set_drain(*at, drain_ua)
                case "radio":
                    drawn_uc = min(drawn_uc + value * 100_000 * 0.02, _HOLDS_UC)
                    battery.radio(*at, value * 100_000)
                case "supply":
                    supply_mv = value + 1.0
                    battery.feed(*at, supply_mv)
                case "cell":
                    supply_mv = math.nan
                    battery.feed(*at, None)
    minutes = np.arange(last + 1)
    assert voltages_mv(minutes * 60_000, minutes, *battery.table) == pytest.approx(expected_mv, abs=1e-6)
    assert battery.voltage_mv(last * 60_000, last) == pytest.approx(expected_mv[-1], abs=1e-6)


def test_a_days_charge_in_bytes_of_radio() -> None:
    """1.152 C at 0.02 uC a byte are 57.6 million bytes; a radio that costs nothing has as many as anybody wants."""
    assert Battery(_PROFILE).day_bytes == 57_600_000
    assert Battery(_PROFILE.model_copy(update={"radio_uc_per_byte": 0.0})).day_bytes > 10**12


def test_an_empty_battery_has_its_last_voltage() -> None:
    """It gives no more than it held, whatever is drawn for however long; the radio changes nothing."""
    battery = Battery(_PROFILE)
    battery.set_drain(0, 0, 1e5)
    times = np.array([1, 1100, 2000, 3650])
    for _ in range(2):
        assert battery.voltage_mv(3650 * _DAY_MS, 1) == 2300
        assert voltages_mv(times * _DAY_MS, times, *battery.table).tolist() == [2300] * 4
        battery.radio(1200 * _DAY_MS, 1, 10)
