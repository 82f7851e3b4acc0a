"""A user's own fleets under plain pytest."""

from pathlib import Path

import pytest

from tests.firmware_model.fleet.populations import EVENTFUL, written
from tests.plugin.test_user_procedures import plain_pytest

pytestmark = pytest.mark.system

TESTS = """
import pytest


@pytest.mark.fleet("population.toml", pumps=3, days=20, seed=3, jobs=1)
def test_figures(fleet):
    assert fleet.summary["variants"]["A"]["pumps"] == 3


@pytest.mark.fleet("nervous.toml", pumps=3, days=20, seed=3, jobs=1)
def test_criteria(fleet):
    fleet.check()


@pytest.mark.fleet("nowhere.toml")
def test_no_file(fleet):
    pass


def test_unmarked(fleet):
    pass
"""
WRONG = {
    '"population.toml", seed=1.5': "seed must be a whole number, not 1.5",
    '"population.toml", pumps=True': "pumps must be a whole number, not True",
    '"population.toml", pumps="20"': "pumps must be a whole number, not '20'",
    '"population.toml", days="30"': "days must be a number, not '30'",
    '"population.toml", seed=2**64': "--seed must be 0 to 18446744073709551615",
    '"population.toml", chunk=-1': "the marker has no option 'chunk'; it takes pumps, days",
    '"population.toml", 500': "which fleet? mark the test",
}


@pytest.mark.deep
def test_fleets_run_in_the_users_own_pytest(tmp_path: Path) -> None:
    """What holds passes; what does not fails with the command that repeats it; mistakes are told in one line."""
    written(tmp_path)
    nervous = EVENTFUL.replace("[units]", '[[variant]]\nname = "n"\nlimits = { flow_high_percent = 4.0 }\n\n[units]')
    (tmp_path / "nervous.toml").write_text(nervous, encoding="utf-8")
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    result = plain_pytest(tmp_path, "-W", "error")
    assert "1 failed, 1 passed, 2 errors" in result.stdout, result.stdout
    assert "fail: false_alarms_per_pump_year <= 0.05 [n]" in result.stdout
    assert "pumprig fleet rerun nervous.toml --seed 3 --pump " in result.stdout
    assert "nowhere.toml: there is no such file" in result.stdout
    assert "mark the test: @pytest.mark.fleet" in result.stdout


@pytest.mark.deep
def test_wrong_markers_are_told_in_one_line(tmp_path: Path) -> None:
    """Each with the option and what it must be; nothing is run."""
    written(tmp_path)
    tests = [f"import pytest\n\n\n@pytest.mark.fleet({marker})\ndef test_it(fleet):\n    pass\n" for marker in WRONG]
    for number, text in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
    result = plain_pytest(tmp_path)
    assert f"{len(WRONG)} errors" in result.stdout, result.stdout
    for said in WRONG.values():
        assert f"fleet: {said}" in result.stdout
    assert "Traceback" not in result.stdout
    assert "another exception" not in result.stdout


@pytest.mark.deep
def test_a_population_is_found_beside_its_test(tmp_path: Path) -> None:
    """Wherever pytest is started; and the printed command names it from there."""
    folder = tmp_path / "tests"
    folder.mkdir()
    written(folder, EVENTFUL.replace("<= 0.05", "<= -1", 1))
    marker = '@pytest.mark.fleet("population.toml", pumps=2, days=20, jobs=1)'
    text = f"import pytest\n\n\n{marker}\ndef test_it(fleet):\n    fleet.check()\n"
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    result = plain_pytest(tmp_path)
    assert "fail: false_alarms_per_pump_year <= -1" in result.stdout, result.stdout
    assert "there is no such file" not in result.stdout
