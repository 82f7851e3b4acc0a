"""Volume through many legs: against an integrator that knows nothing of it, and what must always hold."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp  # comes with GTC, without stubs

from firmware_model.physics.bellows import Bellows
from firmware_model.physics.flow_table import FlowTable
from firmware_model.physics.fluids import vapour_pressure_kpa, water_viscosity_pa_s
from firmware_model.physics.reservoir import HEALTHY, NO_COLD, Cold, Driven, Reservoir
from firmware_model.physics.thermal import Legs
from firmware_model.physics.truth import TruthLegs, TruthTable
from firmware_model.profile import load_profile

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_FULL_NL = 30_000_000
_TOUCH_NL = 2_300_000
_STOP_NL = 2_000_000
_ML_PER_DAY_AT_45_KPA = 1e6 / _DAY_MS / 45.0
_NODE_KPA = 12.4
_TAU_MS = 450_000
_PROFILE = load_profile(Path(__file__).parents[3] / "fixtures" / "pumps" / "generic-30ml.toml")
_TABLE = FlowTable(_PROFILE)


def _bellows(*, droop_kpa: float = 2.0, reverse_flow: bool = False) -> Bellows:
    return Bellows(_FULL_NL, _TOUCH_NL, _STOP_NL, droop_kpa, reverse_flow, 30e-6, 3_000_000)


def _reservoir(bellows: Bellows, volume_nl: int) -> Reservoir:
    return Reservoir(bellows, _TABLE, volume_nl)


def _driven(
    source_kpa: NDArray[np.float64], conductance: float, ends_ms: NDArray[np.int64], first_ms: int = 0
) -> Driven:
    """Legs up to ``ends_ms`` on which the propellant has ``source_kpa`` left of its pressure."""
    starts = np.concatenate([[first_ms], ends_ms[:-1]])
    none = np.zeros(source_kpa.size)
    return Driven(
        np.array([starts, ends_ms]),
        np.array([none + 37.0, none, none + _NODE_KPA, source_kpa + _NODE_KPA, none + conductance]),
    )


def _flow_through(reservoir: Reservoir, driven: Driven, leak: float = 0.0, cold: Cold = NO_COLD) -> TruthLegs:
    table = TruthTable(_bellows(), _PROFILE.clock)
    effects = HEALTHY._replace(leak_nl_per_ms_kpa=leak)
    reservoir.flow(driven, int(driven.times_ms[0, 0]), int(driven.times_ms[1, -1]), (cold, effects), into=table)
    return table.legs


def _flow(reservoir: Reservoir, hours: int, source_kpa: float, conductance: float, leak: float = 0.0) -> TruthLegs:
    """So many legs of an hour under one condition."""
    ends = np.arange(1, hours + 1, dtype=np.int64) * _HOUR_MS
    return _flow_through(reservoir, _driven(np.full(hours, source_kpa), conductance, ends), leak)


def _integrated_nl(
    bellows: Bellows, volume_nl: float, source_kpa: float, conductance: float, until_ms: int, leak: float = 0.0
) -> float:
    """V at ``until_ms`` by Runge-Kutta of order 8, from the pressure law written out anew."""

    def slope(_: float, volume: list[float]) -> list[float]:
        share = (_FULL_NL - volume[0]) / (_FULL_NL - _TOUCH_NL)
        droop = bellows.droop_kpa * min(1.0, share) if share >= 0 else 30e-6 * (_FULL_NL - volume[0])
        pressure = source_kpa - droop
        gauge = max(pressure + _NODE_KPA, 0.0)
        if volume[0] < _TOUCH_NL:
            left = (volume[0] - _STOP_NL) / (_TOUCH_NL - _STOP_NL)
            pressure *= left if pressure > 0 else 1.0
            gauge *= left
        if pressure < 0 and (volume[0] >= _FULL_NL or not bellows.reverse_flow):
            pressure = 0.0
        return [-conductance * pressure - leak * gauge]

    solution = solve_ivp(slope, (0, until_ms), [volume_nl], method="DOP853", rtol=1e-9, atol=1e-3, max_step=_DAY_MS / 4)
    return float(solution.y[0, -1])


def test_what_drives_a_healthy_pump_is_the_formula() -> None:
    """Surroundings as they are, vapour pressure, and 1/(R mu/mu_ref) in nL for each ms and kPa: by the physics page."""
    temperatures_c, count = np.array([5.0, 22.3, 37.0, 41.7]), np.arange(4)
    legs = Legs(count * 1000, (count + 1) * 1000, temperatures_c, np.arange(100.0, 104.0), np.arange(12.0, 16.0))
    driven = _reservoir(_bellows(), _FULL_NL).driven(legs)
    assert driven.times_ms.tolist() == [legs.start_ms.tolist(), legs.end_ms.tolist()]
    assert driven.values[:3].tolist() == [each.tolist() for each in legs[2:]]
    assert driven.values[3] == pytest.approx([vapour_pressure_kpa("R-11", t) for t in temperatures_c], rel=1e-4)
    thinner = [water_viscosity_pa_s(37.0) / water_viscosity_pa_s(t) for t in temperatures_c]
    assert driven.values[4] == pytest.approx(np.array(thinner) * 1e12 / 3.877e15, rel=1e-4)


@pytest.mark.parametrize("droop_kpa", [0.0, 2.0, 3.0])
@pytest.mark.parametrize("days", [1, 14, 27, 29, 35])
def test_emptying_agrees_with_an_integrator(droop_kpa: float, days: int) -> None:
    """From full through the spring's region into the stop, legs of an hour and Runge-Kutta differ by under 0.3 uL."""
    bellows = _bellows(droop_kpa=droop_kpa)
    reservoir = _reservoir(bellows, _FULL_NL)
    _flow(reservoir, 24 * days, 45.0, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, _FULL_NL, 45.0, _ML_PER_DAY_AT_45_KPA, days * _DAY_MS)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=5 if days < 27 else 300)


@pytest.mark.parametrize("volume_nl", [2_000_000, 2_100_000, 2_300_000, 15_000_000, 29_990_000])
@pytest.mark.parametrize("source_kpa", [-30.0, -1.0, 0.0, 1.0, 1.9])
@pytest.mark.parametrize("reverse_flow", [True, False], ids=["reverse", "valve"])
def test_weak_sources_agree_with_an_integrator(volume_nl: int, source_kpa: float, reverse_flow: bool) -> None:
    """Around zero pressure the volume tends to the spring's balance from both sides, or the check valve holds."""
    bellows = _bellows(reverse_flow=reverse_flow)
    reservoir = _reservoir(bellows, volume_nl)
    _flow(reservoir, 480, source_kpa, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, volume_nl, source_kpa, _ML_PER_DAY_AT_45_KPA, 20 * _DAY_MS)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=300)


@pytest.mark.parametrize("days", [2, 20, 26])
def test_a_leak_and_an_overfill_agree_with_an_integrator(days: int) -> None:
    """Beyond capacity the squeezed bellows drives more, and a leak takes its share of all of it."""
    bellows = _bellows()
    reservoir = _reservoir(bellows, _FULL_NL)
    reservoir.volume_nl = 31_000_000.0
    leak = 0.2e6 / _DAY_MS / 57.0
    flow = _flow(reservoir, 24 * days, 45.0, _ML_PER_DAY_AT_45_KPA, leak)
    expected_nl = _integrated_nl(bellows, 31_000_000, 45.0, _ML_PER_DAY_AT_45_KPA, days * _DAY_MS, leak)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=2000)
    assert float(flow.leaks_nl.sum()) / (31_000_000 - reservoir.volume_nl) == pytest.approx(0.168, abs=0.005)


def test_reverse_flow_ends_at_capacity() -> None:
    """An artery can fill the bellows up, but not beyond."""
    reservoir = _reservoir(_bellows(reverse_flow=True), 29_000_000)
    _flow(reservoir, 2400, -45.0, _ML_PER_DAY_AT_45_KPA)
    assert reservoir.volume_nl == _FULL_NL


@pytest.mark.parametrize("reverse_flow", [False, True])
def test_a_leak_goes_on_below_touch(reverse_flow: bool) -> None:
    """Where the restrictor passes nothing forwards a leak still draws on the bellows, from leg to leg of an hour."""
    bellows = _bellows(reverse_flow=reverse_flow)
    flow = _flow(_reservoir(bellows, _TOUCH_NL), 48, -3.0, 1e-6, leak=0.007)
    assert flow.start_ms.size == 48
    assert (np.diff(flow.end_nl) < 0).all()
    assert flow.end_nl[-1] > _STOP_NL


@pytest.mark.parametrize("source_kpa", [-13.0, -11.5, -11.0, -10.5, -3.0, 5.0])
@pytest.mark.parametrize("reverse_flow", [True, False], ids=["reverse", "valve"])
def test_a_leak_above_touch_agrees_with_an_integrator(source_kpa: float, reverse_flow: bool) -> None:
    """What the bellows' spring leaves of the propellant's pressure against the room drives it, be it ever so little."""
    bellows, leak = _bellows(reverse_flow=reverse_flow), 0.2e6 / _DAY_MS / 57.0
    reservoir = _reservoir(bellows, 15_000_000)
    flow = _flow(reservoir, 480, source_kpa, _ML_PER_DAY_AT_45_KPA, leak)
    expected_nl = _integrated_nl(bellows, 15_000_000, source_kpa, _ML_PER_DAY_AT_45_KPA, 20 * _DAY_MS, leak)
    assert reservoir.volume_nl == pytest.approx(expected_nl, abs=300)
    assert (flow.leaks_nl >= 0).all()
    if source_kpa < 0 and not reverse_flow:
        assert float(flow.leaks_nl.sum()) == pytest.approx(15_000_000 - reservoir.volume_nl, abs=1)


def test_nothing_comes_from_below_the_stop() -> None:
    """Flow dies away over the last fraction of a millilitre and never passes the residual volume."""
    reservoir = _reservoir(_bellows(), _FULL_NL)
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
    source = np.array([kpa for _, kpa in legs])
    whole, parted = _reservoir(bellows, volume_nl), _reservoir(bellows, volume_nl)
    flow = _flow_through(whole, _driven(source, conductance, ends))
    if split:
        _flow_through(parted, _driven(source[:split], conductance, ends[:split]))
    if split < ends.size:
        first_ms = int(ends[split - 1]) if split else 0
        _flow_through(parted, _driven(source[split:], conductance, ends[split:], first_ms))
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
    ends = np.arange(1, len(sources) + 1, dtype=np.int64) * _HOUR_MS
    flow = _flow_through(_reservoir(bellows, volume_nl), _driven(np.array(sources), conductance, ends))
    assert (flow.end_nl <= flow.start_nl).all()


@pytest.mark.parametrize("volume_nl", [_FULL_NL + 1, _STOP_NL - 1])
def test_an_impossible_volume_is_refused(volume_nl: int) -> None:
    """A bellows starts with no more than its capacity and no less than its residual volume."""
    with pytest.raises(ValueError, match="the bellows holds"):
        _reservoir(_bellows(), volume_nl)


def test_a_cold_refill_adds_up() -> None:
    """On top of legs, what is left of a refill's cold has its own mean in each part, and settles by itself."""
    ends = np.arange(1, 4, dtype=np.int64) * _HOUR_MS
    driven = _driven(np.full(3, 45.0), _ML_PER_DAY_AT_45_KPA, ends)
    flow = _flow_through(_reservoir(_bellows(), _FULL_NL), driven, cold=Cold(-12.0, 0, _TAU_MS))
    mean_c = float((flow.temperature_c * (flow.end_ms - flow.start_ms)).sum() / (3 * _HOUR_MS))
    assert mean_c == pytest.approx(37 - 12 * _TAU_MS / (3 * _HOUR_MS), abs=1e-4)
    assert flow.temperature_c[-1] == 37.0
    exact_c = 37 - 12 * np.exp(-flow.start_ms / _TAU_MS)
    assert (np.diff(flow.temperature_c) >= 0).all()
    assert (flow.temperature_c >= exact_c).all()
