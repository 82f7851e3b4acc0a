"""The beaker weighs what fell into it, less what evaporated, as a balance in air feels it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.virtual_bench.beaker import Beaker


def beaker(*, drop_nl: int = 500, evaporation_ug_per_s: float = 0.0) -> Beaker:
    """A beaker in an ordinary laboratory."""
    return Beaker(
        density_kg_per_m3=993.33,
        drop_volume_nl=drop_nl,
        evaporation_ug_per_s=evaporation_ug_per_s,
        room_temperature_c=22.0,
        ambient_kpa=101.325,
    )


def test_air_lifts_water_more_than_weights() -> None:
    """A millilitre weighs less by the buoyancy factor 1.00106 that the literature gives for water against steel."""
    pan = beaker(drop_nl=1)
    shown_g = pan.load_g(0, 1_000_000) - pan.load_g(0, 0)
    assert 0.99333 / shown_g == pytest.approx(1.00106, abs=0.00003)


@given(delivered_nl=st.integers(0, 30_000_000))
def test_infusate_falls_in_whole_drops(delivered_nl: int) -> None:
    """The load changes in steps of one drop, and at most one drop is still hanging."""
    pan = beaker(drop_nl=500)
    assert pan.load_g(0, delivered_nl) == pan.load_g(0, delivered_nl - delivered_nl % 500)


def test_evaporation_runs_with_time_and_may_change_its_rate() -> None:
    """A microgram a second for a day is 86.4 mg; another rate counts from when it was set."""
    pan = beaker(evaporation_ug_per_s=1.0)
    day_ms = 86_400_000
    lost_g = pan.load_g(0, 0) - pan.load_g(day_ms, 0)
    assert lost_g == pytest.approx(0.0864, rel=0.002)
    pan.set_evaporation(day_ms, 3.0)
    assert pan.load_g(day_ms, 0) - pan.load_g(2 * day_ms, 0) == pytest.approx(3 * lost_g, rel=1e-9)


def test_dry_beaker_loses_nothing_more() -> None:
    """Water that is not there cannot evaporate: the load ends at the empty beaker's."""
    pan = beaker(evaporation_ug_per_s=50.0)
    assert pan.load_g(10**12, 0) == 50.0
