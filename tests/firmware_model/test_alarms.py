"""The alarm table: thresholds, hysteresis, debounce."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.alarms import ALARMS, AlarmChanged, AlarmState, Estimate, Priority
from firmware_model.profile import load_profile
from protocols.messages import Alarms

_PROFILE = load_profile(Path(__file__).parents[2] / "fixtures" / "pumps" / "generic-30ml.toml")


def _judged(estimate: Estimate, values: list[int]) -> list[Alarms]:
    alarms = AlarmState(_PROFILE)
    active = []
    for value in values:
        alarms.judge(0, estimate, value)
        active.append(alarms.active)
    return active


def test_every_alarm_has_one_row() -> None:
    """The table and the bits name the same alarms, each once."""
    assert sorted(kind.alarm for kind in ALARMS) == sorted(Alarms)


def test_volume_alarms_have_hysteresis() -> None:
    """Low below 6 mL, empty below 2.3 mL, and each clears only 0.2 mL above where it was raised."""
    low, empty = Alarms.LOW_RESERVOIR, Alarms.EMPTY
    values = [6_000_000, 5_999_999, 6_199_999, 6_200_000, 2_299_999, 2_499_999, 2_500_000, 30_000_000]
    none = Alarms(0)
    assert _judged(Estimate.VOLUME_NL, values) == [none, low, low, none, low | empty, low | empty, low, none]


@pytest.mark.parametrize(("alarm", "beyond", "near", "within"), [
    (Alarms.FLOW_HIGH, 1_150_001, 1_121_000, 1_120_000),
    (Alarms.FLOW_LOW, 849_999, 879_000, 880_000),
])  # fmt: skip
def test_flow_alarms_are_debounced(alarm: Alarms, beyond: int, near: int, within: int) -> None:
    """Two of three estimates 15 % off raise the alarm; three in a row within 12 % clear it."""
    none = Alarms(0)
    values = [beyond, within, within, beyond, within, beyond, near, within, within, within]
    assert _judged(Estimate.FLOW_NL_PER_DAY, values) == [none] * 5 + [alarm] * 4 + [none]


def test_changes_are_events() -> None:
    """Raising and clearing are told with uptime and priority, and nothing is told while nothing changes."""
    alarms = AlarmState(_PROFILE)
    assert alarms.judge(60_000, Estimate.VOLUME_NL, 7_000_000) == []
    raised = AlarmChanged(120_000, Alarms.LOW_RESERVOIR, Priority.LOW, raised=True)
    assert alarms.judge(120_000, Estimate.VOLUME_NL, 5_000_000) == [raised]
    assert alarms.judge(180_000, Estimate.VOLUME_NL, 5_000_000) == []
    cleared = AlarmChanged(240_000, Alarms.LOW_RESERVOIR, Priority.LOW, raised=False)
    assert alarms.judge(240_000, Estimate.VOLUME_NL, 7_000_000) == [cleared]


@given(st.lists(st.integers(0, 2_000_000)))
def test_a_steady_flow_clears_everything(flows: list[int]) -> None:
    """Three estimates at the label in a row clear every flow alarm, whatever came before."""
    alarms = AlarmState(_PROFILE)
    for flow in [*flows, 1_000_000, 1_000_000, 1_000_000]:
        alarms.judge(0, Estimate.FLOW_NL_PER_DAY, flow)
    assert not alarms.active
