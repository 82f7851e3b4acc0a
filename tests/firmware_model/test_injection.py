"""Faults as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_model.faults.injection import FaultKind, Injection, parse_injection
from firmware_model.faults.table import PUMP_FAULTS

_BATH = FaultKind("bath-offset", "C", 1.0, -10.0, 10.0, "the bath is warmer than it says")
_OIL = FaultKind("evaporation-offset", "ug/s", 1.0, -1.0, 50.0, "the oil film breaks")
_KNOWN = {**PUMP_FAULTS, _BATH.name: _BATH, _OIL.name: _OIL}


@pytest.mark.parametrize(
    ("text", "injection"),
    [
        ("catheter-occlusion@6h", Injection("catheter-occlusion", 100.0, 21_600_000)),
        ("catheter-occlusion=50%@90min", Injection("catheter-occlusion", 50.0, 5_400_000)),
        ("bath-offset=+1.5C@0h", Injection("bath-offset", 1.5, 0)),
        ("bath-offset = -0.5 C @ 1.5 h", Injection("bath-offset", -0.5, 5_400_000)),
        ("evaporation-offset=.25ug/s@1d", Injection("evaporation-offset", 0.25, 86_400_000)),
        ("restrictor-fast-flow=12%@0.1s", Injection("restrictor-fast-flow", 12.0, 100)),
        ("temperature-sensor-bias@250ms", Injection("temperature-sensor-bias", 1.0, 250)),
        ("catheter-occlusion@1d12h30min", Injection("catheter-occlusion", 100.0, 131_400_000)),
        ("firmware-hang=3@2d", Injection("firmware-hang", 3.0, 172_800_000)),
        ("firmware-hang = 3 @ 2d", Injection("firmware-hang", 3.0, 172_800_000)),
        ("reset@1h", Injection("reset", 1.0, 3_600_000)),
        ("bellows-sensor-stuck=0@1h", Injection("bellows-sensor-stuck", 0.0, 3_600_000)),
        ("temperature-sensor-drift=-0.5C/day@1h", Injection("temperature-sensor-drift", -0.5, 3_600_000)),
    ],
)
def test_what_is_written_is_meant(text: str, injection: Injection) -> None:
    """Name, value with unit, and time are read with or without spaces, signs and defaults."""
    assert parse_injection(text, _KNOWN) == injection


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("catheter-oclusion@6h", "did you mean catheter-occlusion"),
        ("zzz@6h", "known: .*bath-offset, .*catheter-occlusion, .*temperature-sensor-stuck"),
        ("reset=1s@6h", "reset: the value has no unit, so not s; write it like 1"),
        ("reset=on@6h", "reset: 'on' is no number; write it like 1"),
        ("flipped-pump=2@6h", "outside 0 to 1"),
        ("catheter-occlusion@6h30", "like @6h"),
        ("catheter-occlusion@ - 1h", "begins 0 to 3650 days"),
        ("catheter-occlusion@--1h", "like @6h"),
        ("catheter-occlusion", "NAME"),
        ("catheter-occlusion@", "like @6h"),
        ("catheter-occlusion@6", "like @6h"),
        ("catheter-occlusion@6weeks", "like @6h"),
        ("catheter-occlusion@-1h", "begins 0 to 3650 days"),
        ("catheter-occlusion=@6h", "no number"),
        ("catheter-occlusion=50@6h", "unit is missing"),
        ("bath-offset=1.5K@0h", "in C, not in K"),
        ("bath-offset=11C@0h", "outside -10 to 10C"),
        ("bath-offset=nanC@0h", "no number"),
        ("bath-offset=1e3C@0h", "not in e3C"),
        ("bath-offset=1C@1h@2h", "NAME"),
        ("", "NAME"),
    ],
)
def test_mistakes_are_explained(text: str, advice: str) -> None:
    """A wrong name, unit, range or time is refused with what would have been right."""
    with pytest.raises(ValueError, match=advice):
        parse_injection(text, _KNOWN)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Whatever is typed, it gives an injection in range or a ValueError."""
    try:
        injection = parse_injection("catheter-occlusion" + text, _KNOWN)
    except ValueError:
        return
    assert 0 <= injection.value <= 100
    assert injection.at_ms >= 0


def test_defaults_lie_in_their_ranges() -> None:
    """Every row of the table has a default that it would accept, and a summary."""
    for name, kind in PUMP_FAULTS.items():
        assert name == kind.name
        assert kind.lower <= kind.default <= kind.upper
        assert kind.summary
