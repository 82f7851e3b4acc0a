"""Profiles: the two that ship, and what is refused."""

from pathlib import Path

import pytest

from firmware_model.errors import ConfigurationError
from firmware_model.profile import load_profile

_PUMPS = Path(__file__).parents[2] / "fixtures" / "pumps"
_GENERIC = _PUMPS / "generic-30ml.toml"


@pytest.mark.parametrize("path", sorted(_PUMPS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_profiles_load(path: Path) -> None:
    """Every profile under fixtures/pumps loads, is named like its file, and is generic."""
    profile = load_profile(path)
    assert profile.model == path.stem
    assert profile.model.startswith("generic")
    assert profile.label_flow_ml_per_day == 1.0
    assert profile.capacity_ml == 30.0


@pytest.mark.parametrize(
    ("written", "instead", "key", "advice"),
    [
        ("droop_kpa = 2.0", "droop_psi = 2.0", "droop_psi", "written droop_kpa"),
        ("capacity_ml = 30.0", "capacity_ml = nan", "capacity_ml", "finite"),
        ('propellant = "R-11"', 'propellant = "R-12"', "propellant", "'R-11', 'R-114' or 'n-butane'"),
        ('below_outlet = "check-valve"', 'below_outlet = "valve"', "below_outlet", "check-valve"),
        ("residual_ml = 2.0", "residual_ml = 29.9", "residual_ml", "must together be below"),
        ("residual_ml = 2.0", "residual_ml = 2.4", "alarms.empty_ml", "never reached"),
        ('unit = "mC"', 'unit = "K"', "sensors.temperature.unit", "'mC'"),
        ('unit = "mC"', 'unit = "Pa"', "sensors.temperature.unit", "the unit of temperature must be mC"),
        ("flow_debounce_n = 2", "flow_debounce_n = 4", "alarms.flow_debounce_n", "must be <= flow_debounce_m"),
        (
            "low_reservoir_days = 4.0",
            "low_reservoir_days = 28.0",
            "alarms.low_reservoir_days",
            "must lie below capacity_ml",
        ),
        (
            "battery_low_mv = 2750",
            "battery_low_mv = 2560",
            "alarms.end_of_service_mv",
            "by more than battery_hysteresis_mv",
        ),
        ("repeat_h = 24.0", "repeat_h = 1000.0", "alarms.repeat_h", "less than or equal to 590"),
        ("occlusion_kpa = 22.0", "occlusion_kpa = 3e6", "alarms.occlusion_kpa", "less than or equal to 10000"),
        ("drift_ppm = 20.0", "drift_ppm = 2000.0", "clock.drift_ppm", "less than or equal to 1000"),
        ("[50.0, 2950]", "[50.0, 3050]", "battery.discharge", "must fall"),
        ("density_kg_per_m3 = 993.33", "density_kg_per_m3 = 0.99333", "infusate.density_kg_per_m3", "equal to 500"),
        ("density_20c_kg_per_m3 = 998.21", "density_20c_kg_per_m3 = 9982", "infusate.density_20c_kg_per_m3", "to 2000"),
        ("label_flow_ml_per_day = 1.0", "label_flow_ml_per_day = 1e-300", "label_flow_ml_per_day", "equal to 0.01"),
        ("droop_kpa = 2.0", "droop_kpa = 1e18", "droop_kpa", "equal to 1000"),
        (
            "restrictor_pa_s_per_m3 = 3.877e15",
            "restrictor_pa_s_per_m3 = 3.877",
            "restrictor_pa_s_per_m3",
            "1000000000000",
        ),
        ("capacity_mah = 900.0", "capacity_mah = 1e-300", "battery.capacity_mah", "equal to 0.001"),
        ("sample_uc = 500.0", "sample_uc = 1e18", "battery.sample_uc", "equal to 1000000"),
        ("noise = 30.0", "noise = 1e18", "sensors.temperature.noise", "0 to 1000000 mC"),
        ("noise = 5000.0", "noise = 5000.0\ndrift_per_day = -1e300", "sensors.bellows.drift_per_day", "-200000000 to"),
        ("upper = 33000000", "upper = 330000000", "sensors.bellows.upper", "0 to 200000000 nL"),
        ("upper = 4095", "upper = 1", "sensors.battery.upper", "must exceed lower"),
        ("droop_kpa = 2.0", "droop_kpa = 2.0\ndrop_kpa = 1", "drop_kpa", "did you mean droop_kpa"),
    ],
)
def test_mistakes_are_located(tmp_path: Path, written: str, instead: str, key: str, advice: str) -> None:
    """A wrong key, unit, value or combination is refused with file, key and what to do."""
    text = _GENERIC.read_text(encoding="utf-8")
    assert written in text
    path = tmp_path / "pump.toml"
    path.write_text(text.replace(written, instead, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_profile(path)
    assert caught.value.path == path
    assert caught.value.key == key
    assert caught.value.line is not None
    assert path.read_text(encoding="utf-8").splitlines()[caught.value.line - 1].startswith(key.rsplit(".", 1)[-1])
    assert advice in str(caught.value)


def test_assumptions_are_marked() -> None:
    """In the profiles every engineering judgement of the flow path says that it is one."""
    for path in _PUMPS.glob("*.toml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for key in (
            "label_tolerance_percent",
            "residual_ml",
            "stop_region_ml",
            "droop_kpa",
            "thermal_time_constant_min",
        ):
            (line,) = (line for line in lines if line.startswith(key))
            assert "# assumed" in line
