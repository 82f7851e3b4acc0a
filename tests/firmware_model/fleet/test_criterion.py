"""Criteria as people write them."""

import contextlib
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.fleet.criterion import FORMS, parse_criterion


def test_all_of_a_criterion_is_understood() -> None:
    """Form, fault, severity, time and limit."""
    criterion = parse_criterion('detected(occlusion, value="100%", within="1d12h") >= 99 %')
    assert (criterion.metric, criterion.fault, criterion.value) == ("detected", "catheter-occlusion", "100%")
    assert (criterion.within_ms, criterion.operator, criterion.limit) == (36 * 3_600_000, ">=", 0.99)
    assert parse_criterion("latency_h(septum-leak, percentile=90) < 12").percentile == 90
    assert parse_criterion('failed(by="365d") <= 0.12').by_ms == 365 * 86_400_000
    assert parse_criterion("false_alarms_per_pump_year <= .01").limit == 0.01
    assert parse_criterion("false_alarms_per_pump_year <= 1e-2").limit == 0.01


def test_a_criterion_is_told_on_one_line() -> None:
    """However it stands in the file: commands, logs and reports of tests repeat it."""
    assert parse_criterion(" failed(\n  by = '1d') \v <= 9%\n".replace("'", '"')).text == 'failed( by = "1d") <= 9%'


def test_limits_include_themselves_or_not() -> None:
    """At the limit <= holds and < does not; NaN never holds."""
    at_most, below = (parse_criterion(f"false_alarms_per_pump_year {sign} 1") for sign in ("<=", "<"))
    assert at_most.holds(1.0)
    assert not below.holds(1.0)
    assert not at_most.holds(math.nan)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("false_alarm_per_pump_year <= 1", "did you mean false_alarms_per_pump_year"),
        ("detected(occlusion) = 1", "write FORM <= NUMBER"),
        ("detected >= 0.9", "of which fault"),
        ("detected(oclusion) >= 0.9", "unknown fault 'oclusion'"),
        ("detected(sensor-stuck) >= 0.9", "did you mean"),
        ('detected(occlusion, by="1d") >= 0.9', "takes within, value"),
        ('detected(occlusion, within="soon") >= 0.9', "no time"),
        ('detected(occlusion, value="100kPa") >= 0.9', "is in %, not in kPa"),
        ("detected(occlusion, within=24h) >= 0.9", "no argument"),
        ("flow_error_percent(occlusion) <= 10", "not of a fault"),
        ("flow_error_percent(percentile=0) <= 10", "percentile must be"),
        ('flow_error_percent(percentile="most") <= 10', "'most' is no number"),
        ("failed <= 0.1", "by when"),
        ("false_alarms_per_pump_year <= 1%", "is in 1/y, no share"),
        ('failed(by="365d") <= 9', "which is 0 to 1 (or 0% to 100%); did you mean 9%?"),
        ("detected(occlusion) >= 101%", "which is 0 to 1"),
        ("detected(occlusion) >= -0.5", "which is 0 to 1"),
        ('failed(by="2y") <= 0.1', """'failed(by="2y") <= 0.1': this is no time"""),
        ("__import__('os').system('true') <= 1", "write FORM"),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    """Each mistake with what would have been right."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        parse_criterion(text)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Nothing else ever comes of it."""
    with contextlib.suppress(ValueError):
        assert parse_criterion(text).metric in FORMS
