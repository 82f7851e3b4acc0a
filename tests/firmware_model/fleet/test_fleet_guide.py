"""The guide of fleets has what the code has."""

import re
from pathlib import Path

from firmware_model.fleet.criterion import FORMS
from firmware_model.fleet.habits import Clinic, Patients, Units
from firmware_model.fleet.incidence import Failures, FaultIncidence
from firmware_model.fleet.life import pump_life
from firmware_model.fleet.population import Population, Variant, load_population
from firmware_model.fleet.run import run_pump
from firmware_model.scenario.scenario import load_scenario

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "fleets.md").read_text(encoding="utf-8")


def test_every_form_and_key_is_in_the_guide() -> None:
    """Criteria, and keys of every table."""
    assert set(re.findall(r"^\| `([a-z_]+)[(`]", GUIDE, re.MULTILINE)) - {"run"} >= set(FORMS)
    for model in (Units, Patients, Clinic, Failures, FaultIncidence, Variant):
        assert {key for key in model.model_fields if f"`{key}`" not in GUIDE} == set()
    tables = {key for key in Population.model_fields if f"[{key}]" in GUIDE or f"\n{key} = " in GUIDE}
    assert tables == set(Population.model_fields) - {"start_utc"}


def test_its_population_and_its_scenario_load(tmp_path: Path) -> None:
    """As they are printed, and a pump of the population runs."""
    population, scenario = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "mine.toml").write_text(population, encoding="utf-8")
    (tmp_path / "least.toml").write_text(scenario, encoding="utf-8")
    loaded = load_population(tmp_path / "mine.toml")
    assert pump_life(loaded, 1, 1, 20.0).refills_ms is not None
    assert [result.problem for result in run_pump(loaded, 1, 1, 10.0)] == [None, None]
    assert load_scenario(tmp_path / "least.toml").scenario.limits["flow_high_percent"] == 6.0
