"""Alarms over time, as a scenario's report shows them."""

from pathlib import Path

from firmware_model.scenario.run import run_scenario
from hil.simulation.alarm_strip import AlarmBar, alarm_bars
from tests.firmware_model.scenario.written import loaded


def test_a_restart_ends_what_it_forgets(tmp_path: Path) -> None:
    """An alarm that waits for nobody is over with a restart, until it is raised anew; one that waits goes on."""
    text = "volume_ml = 5.0\n[[fault]]\nname = 'reset'\nat = '12h'\n[[fault]]\nname = 'reset'\nat = '18h'"
    scenario = loaded(tmp_path, text, days=1)
    events = run_scenario(scenario, seed=1, days=1.0, profile=scenario.profile).events
    assert alarm_bars(events, 24.0) == (
        AlarmBar("low-reservoir", "low", 1.0, 12.0),
        AlarmBar("unexpected-restart", "low", 12.0, 24.0),
        AlarmBar("low-reservoir", "low", 13.0, 18.0),
        AlarmBar("low-reservoir", "low", 19.0, 24.0),
    )
