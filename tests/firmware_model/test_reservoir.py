"""The reservoir's closed form: against an integrator that knows nothing of it, and what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp  # type: ignore[import-untyped]  # comes with GTC, without stubs

from firmware_model.bellows import Bellows
from firmware_model.reservoir import Reservoir

_DAY_MS = 86_400_000
_FULL_NL = 30_000_000
_TOUCH_NL = 2_300_000
_STOP_NL = 2_000_000
_ML_PER_DAY_AT_45_KPA = 1e6 / _DAY_MS / 45.0


def _bellows(*, droop_kpa: float = 2.0, reverse_flow: bool = False) -> Bellows:
    return Bellows(_FULL_NL, _TOUCH_NL, _STOP_NL, droop_kpa, reverse_flow)


def _reservoir(bellows: Bellows, volume_nl: int = _FULL_NL) -> Reservoir:
    return Reservoir(bellows, now_ms=0, volume_nl=volume_nl)


def _integrated_nl(bellows: Bellows, volume_nl: int, source_kpa: float, conductance: float, until_ms: int) -> float:
    """V at ``until_ms`` by Runge-Kutta of order 8, from the pressure law written out anew."""

    def slope(_: float, volume: list[float]) -> list[float]:
        share = (_FULL_NL - volume[0]) / (_FULL_NL - _TOUCH_NL)
        pressure = source_kpa - bellows.droop_kpa * min(1.0, share)
        if pressure > 0 and volume[0] < _TOUCH_NL:
            pressure *= (volume[0] - _STOP_NL) / (_TOUCH_NL - _STOP_NL)
        if pressure < 0 and (volume[0] >= _FULL_NL or not bellows.reverse_flow):
            pressure = 0.0
        return [-conductance * pressure]

    solution = solve_ivp(slope, (0, until_ms), [volume_nl], method="DOP853", rtol=1e-9, atol=1e-3, max_step=_DAY_MS / 4)
    return float(solution.y[0, -1])


@pytest.mark.parametrize("droop_kpa", [0.0, 2.0, 3.0])
@pytest.mark.parametrize("days", [1, 14, 27, 29, 35])
def test_emptying_agrees_with_an_integrator(droop_kpa: float, days: int) -> None:
    """From full through the spring's region into the stop, the closed form and Runge-Kutta differ by under 20 nL."""
    bellows = _bellows(droop_kpa=droop_kpa)
    reservoir = _reservoir(bellows)
    reservoir.set_conditions(0, 45.0, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, _FULL_NL, 45.0, _ML_PER_DAY_AT_45_KPA, days * _DAY_MS)
    assert reservoir.exact_nl(days * _DAY_MS) == pytest.approx(expected_nl, abs=20)


@pytest.mark.parametrize("volume_nl", [2_000_000, 2_100_000, 2_300_000, 15_000_000, 29_990_000])
@pytest.mark.parametrize("source_kpa", [-30.0, -1.0, 0.0, 1.0, 1.9])
@pytest.mark.parametrize("reverse_flow", [True, False], ids=["reverse", "valve"])
def test_weak_sources_agree_with_an_integrator(volume_nl: int, source_kpa: float, reverse_flow: bool) -> None:
    """Around zero pressure the volume tends to the spring's balance from both sides, or the check valve holds."""
    bellows = _bellows(reverse_flow=reverse_flow)
    reservoir = _reservoir(bellows, volume_nl)
    reservoir.set_conditions(0, source_kpa, _ML_PER_DAY_AT_45_KPA)
    expected_nl = _integrated_nl(bellows, volume_nl, source_kpa, _ML_PER_DAY_AT_45_KPA, 20 * _DAY_MS)
    assert reservoir.exact_nl(20 * _DAY_MS) == pytest.approx(expected_nl, abs=100)


def test_reverse_flow_ends_at_capacity() -> None:
    """An artery can fill the bellows up, but not beyond."""
    reservoir = _reservoir(_bellows(reverse_flow=True), 29_000_000)
    reservoir.set_conditions(0, -45.0, _ML_PER_DAY_AT_45_KPA)
    assert reservoir.volume_nl(_DAY_MS // 2) < _FULL_NL
    assert reservoir.volume_nl(100 * _DAY_MS) == _FULL_NL
    assert reservoir.delivered_nl(100 * _DAY_MS) == -1_000_000


def test_nothing_comes_from_below_the_stop() -> None:
    """Flow dies away over the last fraction of a millilitre and never passes the residual volume."""
    reservoir = _reservoir(_bellows())
    reservoir.set_conditions(0, 45.0, _ML_PER_DAY_AT_45_KPA)
    assert reservoir.volume_nl(10_000 * _DAY_MS) == _STOP_NL


_sources = st.floats(-60, 300, allow_nan=False)
_conductances = st.floats(0, 20 * _ML_PER_DAY_AT_45_KPA)
_steps = st.lists(st.tuples(st.integers(0, 5 * _DAY_MS), _sources, _conductances), max_size=6)
_volumes = st.integers(_STOP_NL, _FULL_NL)
_all_bellows = st.builds(_bellows, droop_kpa=st.sampled_from([0.0, 0.5, 2.0, 3.0]), reverse_flow=st.booleans())


@given(_all_bellows, _volumes, _steps)
def test_mass_balances(bellows: Bellows, volume_nl: int, steps: list[tuple[int, float, float]]) -> None:
    """Whatever happens, what was delivered and what is left add up to what was put in, and the bellows holds it."""
    reservoir = _reservoir(bellows, volume_nl)
    now_ms = refilled_nl = 0
    for duration_ms, source_kpa, conductance in steps:
        reservoir.set_conditions(now_ms, source_kpa, conductance)
        now_ms += duration_ms
        room_nl = _FULL_NL - reservoir.volume_nl(now_ms)
        reservoir.refill(now_ms, room_nl // 2)
        refilled_nl += room_nl // 2
        assert reservoir.delivered_nl(now_ms) + reservoir.volume_nl(now_ms) == volume_nl + refilled_nl
        assert _STOP_NL <= reservoir.volume_nl(now_ms) <= _FULL_NL


@given(_all_bellows, _volumes, _sources, _conductances, st.lists(st.integers(0, 40 * _DAY_MS), max_size=8))
def test_looking_changes_nothing(
    bellows: Bellows, volume_nl: int, source_kpa: float, conductance: float, looks: list[int]
) -> None:
    """Asked at any number of times in between, and told the same conditions again, it ends on the same bits."""
    watched, left_alone = _reservoir(bellows, volume_nl), _reservoir(bellows, volume_nl)
    for reservoir in (watched, left_alone):
        reservoir.set_conditions(0, source_kpa, conductance)
    for now_ms in sorted(looks):
        watched.volume_nl(now_ms)
        watched.set_conditions(now_ms, source_kpa, conductance)
    assert watched.exact_nl(40 * _DAY_MS) == left_alone.exact_nl(40 * _DAY_MS)


@given(_all_bellows, _volumes, _sources, _conductances, st.integers(0, 40 * _DAY_MS))
def test_an_anchor_in_between_changes_next_to_nothing(
    bellows: Bellows, volume_nl: int, source_kpa: float, conductance: float, between_ms: int
) -> None:
    """Going on from an intermediate volume, as a change and its undoing do, ends within a hundredth of a nanolitre."""
    anchored, whole = _reservoir(bellows, volume_nl), _reservoir(bellows, volume_nl)
    for reservoir in (anchored, whole):
        reservoir.set_conditions(0, source_kpa, conductance)
    anchored.refill(between_ms, 0)
    end_ms = 40 * _DAY_MS
    assert math.isclose(anchored.exact_nl(end_ms), whole.exact_nl(end_ms), rel_tol=0, abs_tol=0.01)


@given(_all_bellows, _volumes, st.floats(3.1, 300), _conductances, st.lists(st.integers(0, 60 * _DAY_MS), min_size=2))
def test_driven_forwards_the_volume_only_falls(
    bellows: Bellows, volume_nl: int, source_kpa: float, conductance: float, looks: list[int]
) -> None:
    """With the propellant above spring and outlet, no later volume is larger than an earlier one."""
    reservoir = _reservoir(bellows, volume_nl)
    reservoir.set_conditions(0, source_kpa, conductance)
    volumes = [reservoir.volume_nl(now_ms) for now_ms in sorted(looks)]
    assert volumes == sorted(volumes, reverse=True)


def test_time_runs_forwards() -> None:
    """A question about the time before the last change cannot be answered any more, and says so."""
    reservoir = _reservoir(_bellows())
    reservoir.set_conditions(1000, 45.0, _ML_PER_DAY_AT_45_KPA)
    with pytest.raises(ValueError, match="time runs forwards"):
        reservoir.volume_nl(999)


def test_overfilling_is_refused() -> None:
    """A bellows takes no more than its capacity and starts with no less than its residual volume."""
    with pytest.raises(ValueError, match="does not fit"):
        _reservoir(_bellows()).refill(0, 1)
    with pytest.raises(ValueError, match="full"):
        _reservoir(_bellows(), _FULL_NL + 1)
    with pytest.raises(ValueError, match="at its stop"):
        _reservoir(_bellows(), _STOP_NL - 1)
