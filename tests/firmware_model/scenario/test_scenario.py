"""Scenario files: what they say, and where they find their pump."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firmware_model.errors import ConfigurationError
from firmware_model.scenario.run import run_scenario
from firmware_model.scenario.scenario import load_scenario
from tests.firmware_model.scenario.written import HOUR_MS, loaded, written

_FIXTURES = Path(__file__).parents[3] / "fixtures"
_SHIPPED = sorted((_FIXTURES / "scenarios").glob("*.toml"))


def test_two_keys_are_enough(tmp_path: Path) -> None:
    """A title and a length make a scenario: a full generic pump in an ambulatory patient, to whom nothing happens."""
    minimal = loaded(tmp_path, "")
    assert minimal.profile.model == "generic-30ml"
    assert minimal.scenario.volume_ml is None
    assert minimal.scenario.surroundings.mean_ambient_kpa == 101.325
    assert minimal.scenario.expected.only


def test_every_table_is_read(tmp_path: Path) -> None:
    """Times become ms, tables become entries in the order of the file, and usual ramps depend on the table."""
    scenario = loaded(
        tmp_path,
        """
        volume_ml = 25.0
        start_utc = 2026-03-01T12:00:00+02:00
        surroundings = { altitude_m = 500, outlet_kpa = 1 }
        fever = [{ at = "1d12h", duration = "0.5d", temperature_c = 39 }]
        heating_pad = [{ at = "2d", duration = "1h", temperature_c = 43 }]
        flight = [{ at = "3d", duration = "2h" }]
        altitude = [{ at = "4d", duration = "1d", altitude_m = 3000, ramp = "90min" }]
        dive = [{ at = "6d", duration = "30min", depth_m = 10 }]
        outlet = [{ at = "7d", duration = "1h", outlet_kpa = 20 }]
        refill = [{ at = "10d", fill_ml = 20 }, { at = "8d", fill_ml = 21, announced = false }]
        bolus = [{ at = "11d", volume_ml = 2 }]
        visit = [{ at = "12d", actions = ["acknowledge", "read-status"] }]
        fault = [
          { name = "catheter-occlusion", at = "13d", value = "50%" },
          { name = "firmware-hang", at = "1h", value = 3 },
        ]
        expect = [{ alarm = "occlusion", between = ["13d", "14d"] }]
        expected = { only = false }
        """,
    ).scenario
    assert scenario.start_utc_ms == datetime(2026, 3, 1, 10, tzinfo=UTC).timestamp() * 1000
    assert scenario.surroundings.mean_ambient_kpa == pytest.approx(95.46, abs=0.01)
    assert (scenario.fever[0].at, scenario.fever[0].end, scenario.fever[0].ramp) == (
        36 * HOUR_MS,
        48 * HOUR_MS,
        2 * HOUR_MS,
    )
    assert [episode[0].ramp // 60_000 for episode in (scenario.heating_pad, scenario.flight, scenario.altitude)] == [
        20,
        25,
        90,
    ]
    assert [refill.fill_ml for refill in scenario.refill] == [20, 21]
    assert scenario.visit[0].actions == ("acknowledge", "read-status")
    assert [fault.amount for fault in scenario.fault] == [50.0, 3.0]
    assert scenario.expect[0].between == (13 * 24 * HOUR_MS, 14 * 24 * HOUR_MS)


def test_depth_counts_as_sea_water(tmp_path: Path) -> None:
    """Ten metres of sea water are about one atmosphere more."""
    (dive,) = loaded(tmp_path, '[[dive]]\nat = "1d"\nduration = "1h"\ndepth_m = 10\n').scenario.dive
    assert dive.shift(101.325) == pytest.approx(100.5, abs=0.1)


def test_profile_beside_the_scenario(tmp_path: Path) -> None:
    """A profile's file name is seen from the scenario's folder, from wherever it is loaded."""
    shutil.copy(_FIXTURES / "pumps" / "generic-30ml-butane.toml", tmp_path / "mine.toml")
    assert loaded(tmp_path, 'profile = "mine.toml"\n').profile.propellant == "n-butane"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("generic-30", "known: generic-30ml, generic-30ml-butane"),
        ("mine.toml", "does not exist: .*mine.toml"),
        ("../pumps", "known: generic-30ml"),
        ("", "known: generic-30ml"),
    ],
)
def test_missing_profile_is_told_at_its_key(tmp_path: Path, name: str, advice: str) -> None:
    """A profile that is nowhere is the mistake of the scenario file, at its line."""
    with pytest.raises(ConfigurationError, match=advice) as caught:
        load_scenario(written(tmp_path, f'profile = "{name}"\n'))
    assert (caught.value.path.name, caught.value.line, caught.value.key) == ("scenario.toml", 3, "profile")


def test_wrong_profile_is_told_as_its_own_mistake(tmp_path: Path) -> None:
    """What is wrong inside a profile is told with the profile's name and line."""
    (tmp_path / "mine.toml").write_text('modle = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mine\.toml:1: modle"):
        loaded(tmp_path, 'profile = "mine.toml"\n')


@pytest.mark.parametrize("path", _SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_load_and_explain_themselves(path: Path) -> None:
    """Every scenario that comes with pumprig loads, and begins with a comment that says what happens and why."""
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert load_scenario(path).scenario.title


@pytest.mark.parametrize("path", _SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_come_as_expected(path: Path) -> None:
    """Every scenario that comes with pumprig has its expectations met, and no volume is lost in it."""
    shipped = load_scenario(path)
    scenario = shipped.scenario
    result = run_scenario(shipped, seed=scenario.seed, days=scenario.days, profile=shipped.profile)
    assert [each for each in result.expectations if not each.met] == []
    balance = result.balance
    came_nl = balance.initial_nl + balance.refilled_nl
    assert came_nl == balance.reservoir_nl + balance.delivered_nl + balance.leaked_nl + balance.withdrawn_nl
