"""The firmware against a plain loop that keeps everything and works it out anew from the beginning."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.firmware import SAMPLE_PERIOD_MS, Firmware
from firmware_model.profile import load_profile
from firmware_model.sensors import Readings
from protocols.messages import Alarms

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")


def _readings(bellows_nl: int, temperature_mc: int = 37_000) -> Readings:
    return Readings(temperature_mc, reservoir_pa=158_000, outlet_pa=12_400, bellows_nl=bellows_nl, battery_mv=3000)


def _run(volumes_nl: list[int]) -> Firmware:
    firmware = Firmware(_PROFILE, utc_ms=1_767_225_600_000, first=_readings(volumes_nl[0]))
    for volume_nl in volumes_nl[1:]:
        firmware.sample(_readings(volume_nl))
    return firmware


def _hourly_means(volumes_nl: list[int]) -> list[float]:
    hours = (len(volumes_nl) - 1) // 60
    return [float(np.mean(volumes_nl[1 + 60 * hour : 61 + 60 * hour])) for hour in range(hours)]


def _alarms_of(volumes_nl: list[int]) -> Alarms:
    """Each alarm's story from its first sample on, straight from the words of the profile."""
    limits = _PROFILE.alarms
    active = Alarms(0)
    filtered = [np.floor(np.mean(volumes_nl[max(0, end - 15) : end]) + 0.5) for end in range(1, len(volumes_nl) + 1)]
    for alarm, threshold_ml in ((Alarms.LOW_RESERVOIR, limits.low_reservoir_ml), (Alarms.EMPTY, limits.empty_ml)):
        raised = False
        for volume_nl in filtered:
            clear_ml = threshold_ml + limits.volume_hysteresis_ml
            raised = volume_nl < round(clear_ml * 1e6) if raised else volume_nl < threshold_ml * 1e6
        active |= alarm if raised else Alarms(0)
    means = [np.floor(mean + 0.5) for mean in _hourly_means(volumes_nl)]
    flows = [-24 * np.polyfit(range(6), means[end - 6 : end], 1)[0] for end in range(6, len(means) + 1)]
    for alarm, sign in ((Alarms.FLOW_HIGH, 1), (Alarms.FLOW_LOW, -1)):
        raised = False
        for index in range(len(flows)):
            excess = [100 * sign * (flow / 1e6 - 1) for flow in flows[max(0, index - 2) : index + 1]]
            stays = len(excess) < 3 or max(excess) > 12
            begins = sum(percent > 15 for percent in excess) >= 2
            raised = stays if raised else begins
        active |= alarm if raised else Alarms(0)
    return active


_segments = st.lists(
    st.tuples(st.integers(30, 200), st.sampled_from([0, 300, 694, 694, 780, 820, 2000, -500])), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(st.integers(2_300_000, 30_000_000), _segments, st.integers(0, 2**32 - 1))
def test_it_does_what_a_plain_loop_does(start_nl: int, segments: list[tuple[int, int]], seed: int) -> None:
    """Whatever the bellows does: filtered volume, hourly records, flow and alarms are those of the plain loop."""
    noise = np.random.default_rng(seed)
    volumes_nl = [start_nl]
    for minutes, nl_per_minute in segments:
        volumes_nl += [volumes_nl[-1] - minute * nl_per_minute for minute in range(1, minutes + 1)]
    volumes_nl = [max(0, volume_nl + int(noise.integers(-5000, 5001))) for volume_nl in volumes_nl]
    firmware = _run(volumes_nl)
    assert firmware.volume_nl == pytest.approx(np.mean(volumes_nl[-15:]), abs=0.51)
    assert firmware.sample_count == len(volumes_nl)
    means = _hourly_means(volumes_nl)
    records = firmware.history.read(0, 1000)
    assert [record.volume_nl for record in records] == pytest.approx(means, abs=0.51)
    if len(means) >= 6:
        slope = np.polyfit(range(6), means[-6:], 1)[0]
        assert firmware.flow_nl_per_day == pytest.approx(-24 * slope, abs=24 * 0.5 * 18 / 35 + 1)
    assert firmware.flow_valid == (len(means) >= 6)
    assert firmware.alarms.active == _alarms_of(volumes_nl)


def test_everything_it_holds_is_an_integer() -> None:
    """Neither an estimate nor a record holds a float."""
    firmware = _run([20_000_000 - 694 * minute for minute in range(500)])
    record = firmware.history.read(7, 1)[0]
    for value in (*vars(record).values(), firmware.volume_nl, firmware.flow_nl_per_day, firmware.clock.utc_ms(12_345)):
        assert isinstance(value, int)


def test_a_record_keeps_an_alarm_that_came_and_went() -> None:
    """An alarm that held at any time in the hour is in the hour's record, and not in the next one's."""
    dip = [7_000_000] * 20 + [5_000_000] * 20 + [7_000_000] * 100
    records = _run(dip).history.read(0, 2)
    assert [record.alarms for record in records] == [Alarms.LOW_RESERVOIR, Alarms(0)]


def test_samples_are_a_minute_of_uptime_apart() -> None:
    """Sample n is due at n minutes, whatever the clock's drift."""
    firmware = _run([20_000_000])
    dues = []
    for _ in range(5):
        dues.append(firmware.next_sample_uptime_ms)
        firmware.sample(_readings(20_000_000))
    assert all(later - earlier == SAMPLE_PERIOD_MS for earlier, later in pairwise(dues))
    assert dues[0] == SAMPLE_PERIOD_MS
