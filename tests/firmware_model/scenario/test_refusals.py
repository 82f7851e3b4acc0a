"""A scenario that cannot be right is refused with file, line, key, and what to do."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_model.errors import ConfigurationError
from firmware_model.scenario.scenario import load_scenario
from tests.depth import tries
from tests.firmware_model.scenario.written import loaded, written

_FEVER = 'at = "1d"\nduration = "12h"\ntemperature_c = 39'
_HOT = "at = '1d'\nduration = '12h'\ntemperature_c = 50"
_DIVE = "duration = '2h'\ndepth_m = 3"
_OVERFILL = "name = 'overfill'"
_REFILL = 'at = "2d"\nfill_ml = 20'

_REFUSED = [
    # Single values.
    ("volume_ml = 0  #!", "volume_ml", "equal to 0.000001"),
    ("volume_ml = nan  #!", "volume_ml", "finite"),
    ("volume_ml = 31  #!", "volume_ml", "2 (residual) to 30 mL"),
    ("volume_ml = 1.9  #!", "volume_ml", "2 (residual) to 30 mL"),
    ("seed = 1.5  #!", "seed", "integer"),
    ("start_utc = 1999-12-31T00:00:00Z  #!", "start_utc", "2000 to 2099"),
    ("start_utc = 2099-12-30T00:00:00Z  #!", "start_utc", "2000 to 2099"),
    ("volume_l = 0.03  #!", "volume_l", "unknown unit in this key; this quantity is written volume_ml"),
    ("[[feaver]]  #!", "feaver", "did you mean fever?"),
    ("[fever]  #!\n" + _FEVER, "fever", "two brackets"),
    ("[[surroundings]]  #!", "surroundings", "must be a table"),
    ("[surroundings]\ntemperature_c = 60.5  #!", "surroundings.temperature_c", "less than or equal to 60"),
    ("[surroundings]\noutlet_psi = 1  #!", "surroundings.outlet_psi", "written outlet_kpa"),
    # The second of two tables of one name, and its own line.
    (f"[[fever]]\n{_FEVER}\n[[fever]]\nat = 5  #!\nduration = '1d'\ntemperature_c = 39", "fever.1.at", "1d12h30min"),
    (f"[[refill]]\n{_REFILL}\n[[refill]]\nat = '3d'\nfill_ml = -1  #!", "refill.1.fill_ml", "equal to 0.000001"),
    ("[[refill]]\nat = '1d'\nfill_ml = 4e-7  #!", "refill.0.fill_ml", "equal to 0.000001"),
    (f"[[refill]]\n{_REFILL}\n[[refill]]\nfill_ml = 1\nat = '3d'\nfil = 2  #!", "refill.1.fil", "did you mean fill_ml"),
    (f"[[refill]]\n{_REFILL}\n[[refill]]  #!\nat = '3d'", "refill.1.fill_ml", "missing"),
    # Times.
    ("[[visit]]\nat = '-1h'  #!\nactions = ['acknowledge']", "visit.0.at", "no time"),
    ("[[visit]]\nat = '1 week'  #!\nactions = ['acknowledge']", "visit.0.at", "d, h, min, s, ms"),
    ("[[visit]]\nat = '14d'  #!\nactions = ['acknowledge']", "visit.0.at", "ends after 14 d"),
    ("[[visit]]\nat = '1d'\nactions = []  #!", "visit.0.actions", "at least 1"),
    ("[[visit]]\nat = '1d'\nactions = ['read']  #!", "visit.0.actions.0", "'read-status'"),
    ("[[bolus]]\nat = '1d'\nvolume_ml = 4e-7  #!", "bolus.0.volume_ml", "equal to 0.000001"),
    ("[[bolus]]\nat = '1d'\nvolume_ml = 1\nduration = '0s'  #!", "bolus.0.duration", "more than 0s"),
    ("[[bolus]]\nat='1d'\nvolume_ml=1\n[[bolus]]\nat='1d1min'  #!\nvolume_ml=1", "bolus.1.at", "24.0333 h or later"),
    # Alarm limits, alone and with those of the profile.
    ("[limits]\nflow_hihg_percent = 3  #!", "limits.flow_hihg_percent", "did you mean flow_high_percent?"),
    ("[limits]\nflow_debounce_n = 1.5  #!", "limits.flow_debounce_n", "whole number"),
    ("[limits]\nocclusion_kpa = 1e9  #!", "limits.occlusion_kpa", "equal to 10000"),
    ("[limits]\nrepeat_h = 9.0\nempty_ml = 1.0  #!", "limits.empty_ml", "below residual_ml (2.0)"),
    ("[limits]  #!\nocclusion_kpa = 5.0", "limits.outlet_low_kpa", "must be below occlusion_kpa"),
    # Surroundings.
    ("[surroundings]\naltitude_m = 1\nambient_kpa = 100  #!", "surroundings.ambient_kpa", "exclude each other"),
    ("[surroundings]\ntemperature_c = 59\ncircadian_amplitude_c = 2  #!", "surroundings.circadian_amplitude_c", "61"),
    ("[surroundings]\nambient_kpa = 11\nweather_amplitude_kpa = 2  #!", "surroundings.weather_amplitude_kpa", "9"),
    ("[[fever]]\nat = '1d'\nduration = '3h'  #!\ntemperature_c = 39", "fever.0.duration", "120min if not given"),
    ("[[fever]]\nat='1d'\nduration='3h'\nramp='91min'  #!\ntemperature_c=39", "fever.0.ramp", "half of duration"),
    ("[[fever]]\nat='1d'\nduration='5h'\ntemperature_c=-1  #!", "fever.0.temperature_c", "greater than or equal to 0"),
    ("[[fever]]\nat='1d'\nduration='5h'\ntemperature_c=60  #!", "fever.0.temperature_c", "covers 0 to 60"),
    (f"[[fever]]\n{_FEVER}\n[[fever]]\nat='1d6h'  #!\nduration='12h'\ntemperature_c=38", "fever.1.at", "36 h or later"),
    (f"[[dive]]\nat='1d1h'  #!\n{_DIVE}\n[[dive]]\nat='1d'\n{_DIVE}", "dive.0.at", "26 h or later"),
    (f"[[fever]]\n{_HOT}  #!\n[[heating_pad]]\n{_HOT}", "fever.0.temperature_c", "to 63.4; the model covers 0 to 60"),
    ("[[dive]]\nat='1d'\nduration='1h'\ndepth_m=30  #!", "dive.0.depth_m", "less than or equal to 25"),
    ("[[flight]]\nat='1d'\nduration='1h'\ncabin_altitude_m=12000  #!", "flight.0.cabin_altitude_m", "11000"),
    (f"[[flight]]\nat='1d'  #!\nduration='1h'\n[[dive]]\nat='1d'\n{_DIVE}", "flight.0.at", "nobody is in a cabin"),
    # Refills.
    ("[[refill]]\nat = '2d'\nfill_ml = 28.1  #!", "refill.0.fill_ml", "above its residual volume the pump holds 28 mL"),
    (f"[[refill]]\n{_REFILL}\n[[refill]]\nat='2d19min'  #!\nfill_ml=1", "refill.1.at", "48.3333 h or later"),
    (f"[[refill]]\n{_REFILL}\nduration = '3h'  #!", "refill.0.duration", "at most 1h59min"),
    ("[[refill]]\nat = '13d23h50min'  #!\nfill_ml = 1", "refill.0.at", "begin it earlier"),
    (f"[[refill]]\n{_REFILL}\nannounced=false\nreported_fill_ml=1  #!", "refill.0.reported_fill_ml", "leave it out"),
    (f"[[refill]]\n{_REFILL}\ninfusate_c = 61  #!", "refill.0.infusate_c", "60"),
    # Faults.
    ("[[fault]]\nname = 'catheter-oclusion'  #!\nat = '1h'", "fault.0.name", "did you mean catheter-occlusion?"),
    ("[[fault]]\nname='catheter-occlusion'\nat='1h'\nvalue='50'  #!", "fault.0.value", "write it like 100%"),
    ("[[fault]]\nname='catheter-occlusion'\nat='1h'\nvalue=50  #!", "fault.0.value", "unit is missing"),
    ("[[fault]]\nname='catheter-occlusion'\nat='1h'\nvalue='101%'  #!", "fault.0.value", "outside 0 to 100%"),
    ("[[fault]]\nname='firmware-hang'\nat='1h'\nvalue='3x'  #!", "fault.0.value", "no unit"),
    ("[[fault]]\nname='firmware-hang'\nat='1h'\nvalue=2.5  #!", "fault.0.value", "no whole number"),
    ("[[fault]]\nname='reset'\nat='1h'\nramp='1h'  #!", "fault.0.ramp", "happens at one time"),
    ("[[fault]]\nname='clock-jump'\nat='1h'\nduration='1h'  #!", "fault.0.duration", "happens at one time"),
    ("[[fault]]\nname='flipped-pump'\nat='1h'\nramp='1h'  #!", "fault.0.ramp", "there or not"),
    ("[[fault]]\nname='overfill'\nat='1h'\nramp='2h'  #!\nduration='1h'", "fault.0.ramp", "no longer than duration"),
    (f"[[fault]]\n{_OVERFILL}\nat='1h'\nramp='2h'\n[[fault]]\n{_OVERFILL}\nat='2h'  #!", "fault.1.at", "3 h or later"),
    (f"[[refill]]\n{_REFILL}\nreported_returned_ml = 1001  #!", "refill.0.reported_returned_ml", "1000"),
    (f"[[fault]]\n{_OVERFILL}\nat='1h'\nduration='2h'\n[[fault]]\n{_OVERFILL}\nat='2h'  #!", "fault.1.at", "3 h or"),
    # Expectations.
    ("[[expect]]\nalarm = 'oclusion'  #!", "expect.0.alarm", "did you mean occlusion?"),
    ("[[expect]]\nevent = 'mode-change'  #!", "expect.0.event", "did you mean mode-changed?"),
    ("[[expect]]\nevent = 'alarm-raised'  #!", "expect.0.event", "unknown event"),
    ("[[expect]]\nalarm='leak'\nstate='rised'  #!", "expect.0.state", "'raised'"),
    ("[[expect]]\nevent='booted'\npriority='high'  #!", "expect.0.priority", "only alarms"),
    ("[[expect]]\nalarm='leak'\nmode='safe'  #!", "expect.0.mode", "mode-changed"),
    ("[[expect]]\npriority='high'  #!", "expect.0.priority", "only alarms"),
    ("[[expect]]\nalarm='leak'\nbetween=['7h', '6h']  #!", "expect.0.between", "earlier time first"),
    ("[[expect]]\nalarm='leak'\nbetween=['7h']  #!", "expect.0.between", "two times"),
    ("[[expect]]\nalarm='leak'\nbetween=[6, 7]  #!", "expect.0.between", "no time"),
    ("[[expect]]\nalarm='leak'\nbetween=['13d', '15d']  #!", "expect.0.between", "ends before"),
    ("[[expect]]\nalarm='leak'\ncount=-1  #!", "expect.0.count", "greater than or equal to 0"),
    ("[[expect]]  #!\ncount=1", "expect.0", "give either alarm or event"),
    ("[[expect]]  #!\nalarm='leak'\nevent='booted'", "expect.0", "give either alarm or event"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "advice"), _REFUSED, ids=lambda text: text if len(text) < 24 else "")
def test_mistakes_are_located(tmp_path: Path, text: str, key: str, advice: str) -> None:
    """Every mistake is told with its key, its advice, and the line that ``#!`` marks."""
    path = written(tmp_path, text + "\n")
    (line,) = (number for number, each in enumerate(path.read_text().splitlines(), start=1) if each.endswith("#!"))
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(path)
    assert (caught.value.path, caught.value.line, caught.value.key) == (path, line, key)
    assert advice in caught.value.problem


@pytest.mark.parametrize(
    ("days", "advice"),
    [
        ("0", "greater than 0"),
        ("-1", "greater"),
        ("nan", "finite"),
        ("3651", "3650"),
        ("1e-9", "a sample every minute"),
    ],
)
def test_length_is_some_days_to_ten_years(tmp_path: Path, days: str, advice: str) -> None:
    """No, endless, undefined and absurdly long scenarios are refused at their key."""
    with pytest.raises(ConfigurationError, match=advice) as caught:
        loaded(tmp_path, "", days=float(days))
    assert (caught.value.line, caught.value.key) == (2, "days")


def test_several_contradictions_are_counted(tmp_path: Path) -> None:
    """The first one is told, and how many more there are."""
    with pytest.raises(ConfigurationError, match=r"volume_ml: .*\(and 2 more\)"):
        loaded(
            tmp_path,
            "volume_ml = 31\n[surroundings]\naltitude_m = 1\nambient_kpa = 100\n[[refill]]\nat='1d'\nfill_ml=29",
        )


@pytest.mark.parametrize(
    "text",
    [
        "[[fever]]\nat='1d'\nduration='1d'\ntemperature_c=39\n[[fever]]\nat='2d'\nduration='1d'\ntemperature_c=38",
        f"[[fever]]\n{_FEVER}\n[[heating_pad]]\nat='1d1h'\nduration='1h'\ntemperature_c=43",
        "[[refill]]\nat='13d23h40min'\nfill_ml=28",
        "[[fault]]\nname='overfill'\nat='1h'\nduration='2h'\n[[fault]]\nname='pocket-fill'\nat='2h'",
        "[[fault]]\nname='overfill'\nat='1h'\nramp='1h'\n[[fault]]\nname='overfill'\nat='2h'\nvalue='0mL'",
        "[[fault]]\nname='battery-drain'\nat='1h'\nramp='1h'\nduration='2h'",
        "[[fault]]\nname='reset'\nat='1h'\n[[fault]]\nname='reset'\nat='1h'",
        "[[expect]]\nalarm='leak'\nbetween=['6h', '6h']\ncount=0",
        "[[expect]]\nevent='mode-changed'\nmode='safe'\nbetween=['0s', '14d']",
    ],
)  # fmt: skip
def test_what_just_touches_is_allowed(tmp_path: Path, text: str) -> None:
    """One thing may begin when another ends, and things of different kinds may happen at once."""
    assert loaded(tmp_path, text).scenario.days == 14


_VALUES = st.one_of(
    st.sampled_from(
        ['"1d"', '"2h"', '"50%"', '"catheter-occlusion"', '"leak"', '"booted"', '["1h", "2d"]', "nan", "true"]
    ),
    st.integers(-5, 50).map(str),
)
_KEYS = st.sampled_from(
    [
        "at",
        "duration",
        "ramp",
        "temperature_c",
        "depth_m",
        "fill_ml",
        "name",
        "value",
        "alarm",
        "event",
        "between",
        "volume_ml",
    ]
)
_TABLES = st.sampled_from(
    ["[[fever]]", "[[dive]]", "[[refill]]", "[[fault]]", "[[expect]]", "[[bolus]]", "[surroundings]"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=tries(200))
@given(st.lists(st.tuples(_TABLES, st.dictionaries(_KEYS, _VALUES, max_size=5)), max_size=4))
def test_any_keys_load_or_are_refused_with_a_line(tmp_path: Path, tables: list[tuple[str, dict[str, str]]]) -> None:
    """Whatever is put together, it is a scenario or the one documented error, which names a line of the file."""
    text = "\n".join(
        f"{table}\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()) for table, keys in tables
    )
    try:
        loaded(tmp_path, text)
    except ConfigurationError as error:
        assert error.line is not None
        assert error.line > 2
