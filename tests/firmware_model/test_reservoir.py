"""Volume through many legs: against an integrator that knows nothing of it, and what must always hold."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp  # type: ignore[import-untyped]  # comes with GTC, without stubs

from firmware_model.bellows import Bellows
from firmware_model.reservoir import Drive, Flow, Reservoir

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_FULL_NL = 30_000_000
_TOUCH_NL = 2_300_000
_STOP_NL = 2_000_000
_ML_PER_DAY_AT_45_KPA = 1e6 / _DAY_MS / 45.0
_NODE_KPA = 12.4


def _bellows(*, droop_kpa: float = 2.0, reverse_flow: bool = False) -> Bellows:
    return Bellows(_FULL_NL, _TOUCH_NL, _STOP_NL, droop_kpa, reverse_flow, 30e-6, 3_000_000)


def _drive(source_kpa: NDArray[np.float64], conductance: float, leak: float = 0.0) -> Drive:
    size = source_kpa.size
    return Drive(source_kpa, np.full(size, _NODE_KPA), np.full(size, conductance), leak)


def _flow(reservoir: Reservoir, hours: int, source_kpa: float, conductance: float, leak: float = 0.0) -> Flow:
    """So many legs of an hour under one condition."""
    starts = np.arange(hours, dtype=np.int64) * _HOUR_MS
    return reservoir.flow(starts, starts + _HOUR_MS, _drive(np.full(hours, source_kpa), conductance, leak))


def _integrated_nl(
    bellows: Bellows, volume_nl: float, source_kpa: float, conductance: float, until_ms: int, leak: float = 0.0
) -> float:
    """V at ``until_ms`` by Runge-Kutta of order 8, from the pressure law written out anew."""

    def slope(_: float, volume: list[float]) -> list[float]:
        share = (_FULL_NL - volume[0]) / (_FULL_NL - _TOUCH_NL)
        droop = bellows.droop_kpa * min(1.0, share) if share >= 0 else 30e-6 * (_FULL_NL - volume[0])
        pressure = source_kpa - droop
        gauge = pressure + _NODE_KPA
        if volume[0] < _TOUCH_NL:
            left = (volume[0] - _STOP_NL) / (_TOUCH_NL - _STOP_NL)
            pressure *= left if pressure > 0 else 1.0
            gauge = max(gauge, 0.0) * left
        if pressure < 0 and (volume[0] >= _FULL_NL or not bellows.reverse_flow):
            pressure = 0.0
        return [-conductance * pressure - leak * gauge]

    solution = solve_ivp(slope, (0, until_ms), [volume_nl], method="DOP853", rtol=1e-9, atol=1e-3, max_step=_DAY_MS / 4)
    return float(solution.y[0, -1])


@pytest.mark.parametrize("droop_kpa", [0.0, 2.0, 3.0])
@pytest.mark.parametrize("days", [1, 14, 27, 29, 35])
def test_emptying_agrees_with_an_integrator(droop_kpa: float, days: int) -> None:
    """From full through the spring's region into the stop, legs of an hour and Runge-Kutta differ by under 0.3 uL."""
    bellows = _bellows(droop_kpa=droop_kpa)
    reservoir = Reservoir(bellows, _FULL_NL)
    _flow(reservoir, 24 * days, 45.0, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, _FULL_NL, 45.0, _ML_PER_DAY_AT_45_KPA, days * _DAY_MS)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=5 if days < 27 else 300)


@pytest.mark.parametrize("volume_nl", [2_000_000, 2_100_000, 2_300_000, 15_000_000, 29_990_000])
@pytest.mark.parametrize("source_kpa", [-30.0, -1.0, 0.0, 1.0, 1.9])
@pytest.mark.parametrize("reverse_flow", [True, False], ids=["reverse", "valve"])
def test_weak_sources_agree_with_an_integrator(volume_nl: int, source_kpa: float, reverse_flow: bool) -> None:
    """Around zero pressure the volume tends to the spring's balance from both sides, or the check valve holds."""
    bellows = _bellows(reverse_flow=reverse_flow)
    reservoir = Reservoir(bellows, volume_nl)
    _flow(reservoir, 480, source_kpa, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, volume_nl, source_kpa, _ML_PER_DAY_AT_45_KPA, 20 * _DAY_MS)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=300)


@pytest.mark.parametrize("days", [2, 20, 26])
def test_a_leak_and_an_overfill_agree_with_an_integrator(days: int) -> None:
    """Beyond capacity the squeezed bellows drives more, and a leak takes its share of all of it."""
    bellows = _bellows()
    reservoir = Reservoir(bellows, _FULL_NL)
    reservoir.set_volume(31_000_000.0)
    leak = 0.2e6 / _DAY_MS / 57.0
    flow = _flow(reservoir, 24 * days, 45.0, _ML_PER_DAY_AT_45_KPA, leak)
    expected_nl = _integrated_nl(bellows, 31_000_000, 45.0, _ML_PER_DAY_AT_45_KPA, days * _DAY_MS, leak)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=2000)
    assert float(flow.leaked_nl.sum()) / (31_000_000 - reservoir.volume_nl) == pytest.approx(0.168, abs=0.005)


def test_reverse_flow_ends_at_capacity() -> None:
    """An artery can fill the bellows up, but not beyond."""
    reservoir = Reservoir(_bellows(reverse_flow=True), 29_000_000)
    _flow(reservoir, 2400, -45.0, _ML_PER_DAY_AT_45_KPA)
    assert reservoir.volume_nl == _FULL_NL


def test_nothing_comes_from_below_the_stop() -> None:
    """Flow dies away over the last fraction of a millilitre and never passes the residual volume."""
    reservoir = Reservoir(_bellows(), _FULL_NL)
    for _ in range(20):
        _flow(reservoir, 2400, 45.0, _ML_PER_DAY_AT_45_KPA)
    assert reservoir.volume_nl == pytest.approx(_STOP_NL, abs=1e-3)
    assert reservoir.volume_nl >= _STOP_NL


_legs = st.lists(st.tuples(st.integers(1, _HOUR_MS), st.floats(-60, 300, allow_nan=False)), min_size=1, max_size=40)
_conductances = st.floats(0, 20 * _ML_PER_DAY_AT_45_KPA)
_volumes = st.integers(_STOP_NL, _FULL_NL)
_all_bellows = st.builds(_bellows, droop_kpa=st.sampled_from([0.0, 0.5, 2.0, 3.0]), reverse_flow=st.booleans())


@given(_all_bellows, _volumes, _legs, _conductances, st.integers(0, 40))
def test_it_does_not_matter_how_many_legs_come_at_once(
    bellows: Bellows, volume_nl: int, legs: list[tuple[int, float]], conductance: float, split: int
) -> None:
    """All legs at once, or in two parts: the same volumes to the bit, one after another, and within the bellows."""
    ends = np.cumsum([duration for duration, _ in legs])
    starts = np.concatenate([[0], ends[:-1]])
    source = np.array([kpa for _, kpa in legs])
    whole, parted = Reservoir(bellows, volume_nl), Reservoir(bellows, volume_nl)
    flow = whole.flow(starts, ends, _drive(source, conductance))
    for part in (slice(0, split), slice(split, None)):
        if starts[part].size:
            parted.flow(starts[part], ends[part], _drive(source[part], conductance))
    assert parted.volume_nl == whole.volume_nl
    assert (flow.start_nl[1:] == flow.end_nl[:-1]).all()
    assert (flow.end_nl >= _STOP_NL).all()
    assert (flow.end_nl <= _FULL_NL).all()
    assert (flow.start_ms[1:] == flow.end_ms[:-1]).all()


@example(_bellows(droop_kpa=0.0), _STOP_NL, [4.0, 4.0], 0.0003265935041100421)
@given(_all_bellows, _volumes, st.lists(st.floats(3.1, 300), min_size=1, max_size=30), _conductances)
def test_driven_forwards_the_volume_only_falls(
    bellows: Bellows, volume_nl: int, sources: list[float], conductance: float
) -> None:
    """With the propellant above spring and outlet, no later volume is larger than an earlier one."""
    starts = np.arange(len(sources), dtype=np.int64) * _HOUR_MS
    flow = Reservoir(bellows, volume_nl).flow(starts, starts + _HOUR_MS, _drive(np.array(sources), conductance))
    assert (flow.end_nl <= flow.start_nl).all()


@pytest.mark.parametrize("volume_nl", [_FULL_NL + 1, _STOP_NL - 1])
def test_an_impossible_volume_is_refused(volume_nl: int) -> None:
    """A bellows starts with no more than its capacity and no less than its residual volume."""
    with pytest.raises(ValueError, match="the bellows holds"):
        Reservoir(_bellows(), volume_nl)
