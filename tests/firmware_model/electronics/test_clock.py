"""The pump's clock: a crystal's drift with temperature, and what was set."""

from pathlib import Path

import numpy as np
import pytest

from firmware_model.electronics.clock import EARLIEST_UTC_MS, PumpClock
from firmware_model.physics.course import Course
from firmware_model.physics.plant import Plant
from firmware_model.profile import load_profile

_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_UTC_MS = 1_767_225_600_000


def _clock(ppm: int = 100) -> PumpClock:
    return PumpClock(lambda now_ms: now_ms * ppm // 1_000_000, now_ms=0, utc_ms=_UTC_MS)


def test_the_crystal_is_a_parabola_of_temperature() -> None:
    """Over a week of changing temperature the gain is the integral of 20 ppm - 0.034 ppm/K2 (T - 25 C)2."""
    hours = np.arange(7 * 24)
    temperature_c = 30 + 8 * np.sin(hours / 9)
    course = Course(hours * 3_600_000, temperature_c, np.full(hours.size, 101.3), np.full(hours.size, 12.4))
    plant = Plant(_PROFILE, now_ms=0, surroundings=course, volume_nl=30_000_000)
    lagging_c, gain_ms = float(temperature_c[0]), 0.0
    for target_c in temperature_c:
        for _ in range(360):
            lagging_c += (target_c - lagging_c) * (1 - np.exp(-10_000 / 450_000))
            gain_ms += 10_000 * (20 - 0.034 * (lagging_c - 25) ** 2) / 1e6
    assert plant.crystal_gain_ms(7 * 86_400_000) == pytest.approx(gain_ms, abs=15)


def test_setting_the_clock_leaves_its_drift() -> None:
    """What was shown comes back as the previous time, and drift counts from then on; it alone moves the clock."""
    clock = _clock()
    previous_ms = clock.set_utc(10_000_000, 1_800_000_000_000)
    assert previous_ms == _UTC_MS + 10_001_000
    assert clock.utc_ms(10_000_000) == 1_800_000_000_000
    assert clock.utc_ms(20_000_000) == 1_800_010_001_000
    assert clock.ahead_ms(20_000_000) - clock.ahead_ms(10_000_000) == 1000


def test_without_power_it_forgets_and_a_jump_is_noticed() -> None:
    """A clock whose supply failed begins in the year 2000; one that jumped says so when asked."""
    clock = _clock(ppm=0)
    assert not clock.has_jumped
    clock.jump(5000)
    assert clock.has_jumped
    assert clock.utc_ms(1000) == _UTC_MS + 6000
    clock.forget(1000)
    assert clock.utc_ms(3000) == EARLIEST_UTC_MS + 2000


@pytest.mark.parametrize("utc_ms", [0, 946_684_799_999, 4_102_444_800_000, 2**64 - 1])
def test_absurd_dates_are_refused(utc_ms: int) -> None:
    """A date before 2000 or after 2099 is a mistake, and the clock stays as it was."""
    clock = _clock(ppm=0)
    with pytest.raises(ValueError, match="2000 to 2099"):
        clock.set_utc(0, utc_ms)
    assert clock.utc_ms(0) == _UTC_MS


@pytest.mark.parametrize("utc_ms", [946_684_800_000, 4_102_444_799_999])
def test_the_first_and_the_last_date_are_dates(utc_ms: int) -> None:
    """The years 2000 to 2099, to the millisecond."""
    clock = _clock(ppm=0)
    clock.set_utc(0, utc_ms)
    assert clock.utc_ms(0) == utc_ms
