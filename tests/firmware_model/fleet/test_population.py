"""Population files: what comes with pumprig loads, and what is wrong is told with file, line and key."""

import math
import re
from pathlib import Path

import pytest

from firmware_model.errors import ConfigurationError
from firmware_model.fleet.incidence import Failures
from firmware_model.fleet.population import load_population
from tests.firmware_model.fleet.populations import AMBULATORY, EVENTFUL, written

_VARIANT = """[[variant]]
name = "A"
limits = {{ {} }}

[units]"""


def test_every_shipped_population_loads() -> None:
    """With at least one criterion each."""
    files = list(AMBULATORY.parent.glob("*.toml"))
    assert files
    for file in files:
        assert load_population(file).population.criteria


def test_calibration_goes_through_both_points() -> None:
    """The Weibull law of failures gives 9 % after one year and 16 % after two, exactly."""
    failures = load_population(AMBULATORY).population.failures
    assert failures.years_at(1 - 0.09) == pytest.approx(1.0, rel=1e-12)
    assert failures.years_at(1 - 0.16) == pytest.approx(2.0, rel=1e-12)


def test_almost_all_may_fail_in_their_first_moments() -> None:
    """Shares after one year and after two that are all but the same: whoever has lived through it hardly ever fails."""
    failures = Failures(at_1y_percent=9.0, at_2y_percent=9.000001)
    assert failures.years_at(0.99) == 0.0
    assert failures.years_at(0.5) == math.inf
    with pytest.raises(ValueError, match="must be more"):
        Failures(at_1y_percent=6.6, at_2y_percent=math.nextafter(6.6, 7.0))


@pytest.mark.parametrize(
    ("old", "new", "stands_in_line", "key", "problem"),
    [
        (
            "interval_d",
            "intervall_d",
            "refill_intervall_d",
            "clinic.refill_intervall_d",
            "did you mean refill_interval_d",
        ),
        ("at_2y_percent = 95.0", "at_2y_percent = 70.0", "[failures]", "failures", "must be more than at_1y_percent"),
        ('share = 0.5\nvalues = ["30%"]', "share = 0.4", "share = 0.4", "fault.1.share", "add up to 1"),
        ("catheter-occlusion", "catheter-oclusion", "oclusion", "fault.0.name", "did you mean catheter-occlusion"),
        ('["30%"]', '["30kPa"]', "30kPa", "fault.1.values", "is in %, not in kPa"),
        ("per_refill = 0.05", "per_year = 0.05", "[[fault]]", "fault.4", "are given per_refill"),
        ('duration = "1d"', "share = 0.1", "[[fault]]", "fault.3", "give one of share"),
        ("late_share = 0.2", "late_share = 2.0", "late_share", "clinic.late_share", "less than or equal to 1"),
        ("low = 1.8", "low = 2.8", "droop_kpa", "units.droop_kpa", "must not be above high"),
        ("altitude_m = { low = 0.0", "altitude_m = { low = -900.0", "[patients]", "patients", "goes from -900"),
        ("<= 0.05", "=< 0.05", "criteria", "criteria", "write FORM"),
        ("(occlusion", "(septum-leak", "criteria", "criteria", "no [[fault]] septum-leak"),
        ('"outlet-pressure-sensor-stuck"', '"restrictor-fast-flow"', "fast-flow", "fault.3.name", "is given twice"),
        ('"outlet-pressure-sensor-stuck"', '"brown-out"', "[[fault]]", "fault.3", "happens at once: leave out ramp"),
        ("restrictor_percent =", "restrictor_percent = -120\n#", "restrictor", "units.restrictor", "120% is outside"),
        ("restrictor_percent = ", "restrictor_percent = 290.0\n#", "[[fault]]", "fault.1", "made +290 %"),
        (
            "[units]",
            _VARIANT.format("flow_hihg_percent = 3.0"),
            "limits",
            "variant.0.limits.flow_hihg_percent",
            "did you mean flow_high",
        ),
        (
            "[units]",
            _VARIANT.format("flow_debounce_n = 9"),
            "limits",
            "variant.0.limits.flow_debounce_n",
            "must be <= flow_debounce_m",
        ),
        (
            "[units]",
            _VARIANT.format("flow_debounce_n = 1.5"),
            "limits",
            "variant.0.limits.flow_debounce_n",
            "whole number",
        ),
        ('goes wrong"', 'goes wrong"\nprofile = "nobodys"', "profile", "profile", "unknown profile"),
        ("[clinic]", "[clinic]\nfill_ml = 29.0", "fill_ml", "clinic.fill_ml", "the pump holds 28 mL"),
        ("[clinic]", "[clinic]\ninfusate_c = 61.0", "infusate_c", "clinic.infusate_c", "it would be 61"),
        ("[clinic]", "[clinic]\ninfusate_c = -100.0", "infusate_c", "clinic.infusate_c", "it would be -100"),
        (
            "[clinic]",
            "[clinic]\ndose_mg_per_kg_day = 100.0",
            "dose",
            "clinic.dose_mg_per_kg_day",
            "concentration_mg_per_ml: Input should be less than or equal to 1000, and it would be 4000",
        ),
        ("low = -0.05, high = 0.05", "low = -0.05, high = 1e9", "_bias_c", "units.temperature_bias_c", "equal to 10"),
        ("[units]", "[units]\nreservoir_bias_kpa = 1e6", "reservoir", "units.reservoir_bias_kpa", "equal to 50"),
        ('wrong"', 'wrong"\nstart_utc = 1900-01-01T00:00:00Z', "start_utc", "start_utc", "the years 2000 to 2099"),
        ('wrong"', 'wrong"\nstart_utc = 2095-01-01T00:00:00Z', "start_utc", "start_utc", "after 3650 days too"),
        ('follow_up = "10d"', 'follow_up = "1h"', "follow_up", "failures.follow_up", "at least 1d, got '1h'"),
        ('duration = "1d"', f'duration = "{10**15}d"', "duration", "fault.3.duration", "at most 3650d"),
        ('goes wrong"', 'goes wrong"\nvariant = []', "variant", "variant", "give at least 1 here"),
        ('goes wrong"', 'goes\\u001b[31mwrong"', "title", "title", "write one line"),
    ],
)
def test_wrong_files_are_refused(
    tmp_path: Path, old: str, new: str, stands_in_line: str, key: str, problem: str
) -> None:
    """One clear line: where, and what to do."""
    assert old in EVENTFUL
    path = written(tmp_path, EVENTFUL.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
        load_population(path)
    line = refused.value.line
    assert line is not None
    assert str(refused.value).startswith(f"{path}:{line}: {refused.value.key}: ")
    assert str(refused.value.key).startswith(key)
    assert stands_in_line in path.read_text(encoding="utf-8").splitlines()[line - 1]


_NO_SHARE = EVENTFUL.replace("\nshare = 0.5", "\nper_year = 0.1")
_NO_TABLE = re.sub(r"\[failures\][^\[]*", "", _NO_SHARE)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (_NO_SHARE, "failures", "no [[fault]] has a share"),
        (
            _NO_TABLE.replace("[", "['failed(by=\"1d\") <= 1%', ", 1),
            "criteria",
            "no pump would ever fail",
        ),
        (EVENTFUL.replace("\nshare = 0.5", "\nshare = 0.0"), "fault.1.share", "must add up to 1, not 0"),
    ],
    ids=["no-share", "no-share-for-the-criterion", "shares-of-nothing"],
)
def test_failures_that_cannot_be_are_refused(tmp_path: Path, text: str, key: str, problem: str) -> None:
    """Where nothing can fail, no criterion of failures may pass."""
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refused:
        load_population(written(tmp_path, text))
    assert refused.value.key == key
