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
