"""Volume through random legs: against small steps of the written-out law, and however the legs come."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_model.bellows import Bellows
from firmware_model.reservoir import Drive, Flow, Reservoir

_HOUR_MS = 3_600_000
_STEP_MS = 20_000
_FULL_NL, _TOUCH_NL, _STOP_NL = 30_000_000, 2_300_000, 2_000_000
_OVERFILL_KPA_PER_NL = 30e-6
_LABEL = 1e6 / (24 * _HOUR_MS) / 45.0
"""Conductance for 1 mL/day at 45 kPa, nL per ms and kPa."""


class _Leg(NamedTuple):
    duration_ms: int
    source_kpa: float
    node_kpa: float
    conductance: float


class _Case(NamedTuple):
    bellows: Bellows
    volume_nl: float
    legs: list[_Leg]
    leak: float


def _outflow(case: _Case, leg: _Leg, volume_nl: float) -> tuple[float, float]:
    """By restrictor and by leak, nL per ms, at one volume: the law as the bellows' docstring has it."""
    if volume_nl > _FULL_NL:
        droop_kpa = -_OVERFILL_KPA_PER_NL * (volume_nl - _FULL_NL)
    else:
        droop_kpa = case.bellows.droop_kpa * min(1.0, (_FULL_NL - volume_nl) / (_FULL_NL - _TOUCH_NL))
    carried = min(1.0, max(0.0, (volume_nl - _STOP_NL) / (_TOUCH_NL - _STOP_NL)))
    pressure_kpa = leg.source_kpa - droop_kpa
    inside_kpa = max(0.0, pressure_kpa + leg.node_kpa) * carried
    if pressure_kpa >= 0:
        pressure_kpa *= carried
    elif not case.bellows.reverse_flow or volume_nl >= _FULL_NL:
        pressure_kpa = 0.0
    return leg.conductance * pressure_kpa, case.leak * inside_kpa


def _stepped(case: _Case) -> tuple[float, float]:
    """Volume and all that leaked at the end, by Heun's steps of 20 s."""
    volume_nl, leaked_nl = case.volume_nl, 0.0
    for leg in case.legs:
        left_ms = leg.duration_ms
        while left_ms:
            step_ms = min(_STEP_MS, left_ms)
            left_ms -= step_ms
            first, first_leak = _outflow(case, leg, volume_nl)
            ahead_nl = volume_nl - (first + first_leak) * step_ms
            second, second_leak = _outflow(case, leg, ahead_nl)
            next_nl = volume_nl - (first + first_leak + second + second_leak) / 2 * step_ms
            volume_nl = min(next_nl, max(volume_nl, float(_FULL_NL)))
            leaked_nl += (first_leak + second_leak) / 2 * step_ms
    return volume_nl, leaked_nl


def _flow(reservoir: Reservoir, case: _Case, first: int, last: int) -> Flow:
    """What comes of the legs from number ``first`` to ``last``."""
    ends = np.cumsum([leg.duration_ms for leg in case.legs], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    _, source_kpa, node_kpa, conductance = (np.array(column, dtype=np.float64) for column in zip(*case.legs, strict=True))
    part = slice(first, last)
    return reservoir.flow(
        starts[part], ends[part], Drive(source_kpa[part], node_kpa[part], conductance[part], case.leak)
    )


def _reservoir(case: _Case) -> Reservoir:
    reservoir = Reservoir(case.bellows, _FULL_NL)
    reservoir.set_volume(case.volume_nl)
    return reservoir


_legs = st.builds(
    _Leg,
    st.integers(1, _HOUR_MS),
    st.one_of(st.floats(-40, 60), st.floats(-2, 3)),
    st.floats(0, 20),
    st.floats(0, 1.5 * _LABEL),
)
_volumes = st.one_of(
    st.floats(_STOP_NL, _FULL_NL + 1e6),
    st.floats(_STOP_NL, _TOUCH_NL),
    st.sampled_from([float(edge_nl) for edge_nl in (_STOP_NL, _TOUCH_NL, _FULL_NL)]),
)
_cases = st.builds(
    _Case,
    st.builds(
        Bellows,
        capacity_nl=st.just(_FULL_NL),
        touch_nl=st.just(_TOUCH_NL),
        stop_nl=st.just(_STOP_NL),
        droop_kpa=st.sampled_from([0.0, 2.0, 3.0]),
        reverse_flow=st.booleans(),
        overfill_kpa_per_nl=st.just(_OVERFILL_KPA_PER_NL),
        overfill_limit_nl=st.just(3_000_000),
    ),
    _volumes,
    st.lists(_legs, min_size=1, max_size=10),
    st.one_of(st.just(0.0), st.floats(0, 1.5 * _LABEL)),
)


@settings(max_examples=200, deadline=None)
@given(_cases)
def test_random_legs_agree_with_small_steps(case: _Case) -> None:
    """Full, overfull or at its stop, forwards, backwards or held by the valve, tight or not: the same within 1 uL."""
    reservoir = _reservoir(case)
    flow = _flow(reservoir, case, 0, len(case.legs))
    volume_nl, leaked_nl = _stepped(case)
    assert reservoir.volume_nl == pytest.approx(volume_nl, abs=1000)
    assert float(flow.leaked_nl.sum()) == pytest.approx(leaked_nl, abs=1000)


@settings(max_examples=300, deadline=None)
@given(_cases, st.integers(0, 10), st.integers(0, 10))
def test_random_legs_may_come_in_parts(case: _Case, one: int, other: int) -> None:
    """All legs at once or in three parts give the same volumes and leaks, to the bit, and none from below the stop."""
    whole, parted = _reservoir(case), _reservoir(case)
    flow = _flow(whole, case, 0, len(case.legs))
    cuts = [0, *sorted(min(cut, len(case.legs)) for cut in (one, other)), len(case.legs)]
    parts = [_flow(parted, case, first, last) for first, last in zip(cuts, cuts[1:], strict=False) if last > first]
    assert np.array_equal(np.concatenate([part.end_nl for part in parts]), flow.end_nl)
    assert np.array_equal(np.concatenate([part.leaked_nl for part in parts]), flow.leaked_nl)
    assert (flow.end_nl >= _STOP_NL).all()
    assert (flow.leaked_nl >= 0).all()
    assert (flow.start_nl[1:] == flow.end_nl[:-1]).all()
