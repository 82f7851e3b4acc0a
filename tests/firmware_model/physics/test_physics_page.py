"""docs/physics.md tells what the code computes. Run as a program, this file writes the page's tables anew."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from firmware_model.physics.flow import expected_flow, flow_sensitivities
from firmware_model.physics.fluids import vapour_pressure_kpa, water_viscosity_pa_s
from firmware_model.physics.surroundings import standard_atmosphere_kpa
from firmware_model.profile import PumpProfile, load_profile
from tests.firmware_model.coolprop import (
    COOLPROP_NAMES,
    vapour_pressure_by_coolprop_kpa,
    water_viscosity_by_coolprop_pa_s,
)

_ROOT = Path(__file__).parents[3]
_PAGE = _ROOT / "docs" / "physics.md"
_KPA_PER_MMHG = 0.133322387415


def _flow(
    profile: PumpProfile, temperature_c: float = 37, ambient_kpa: float = 101.325, outlet_mmhg: float = 93
) -> float:
    return expected_flow(profile, temperature_c, ambient_kpa, outlet_mmhg * _KPA_PER_MMHG, 30).flow_ml_per_day


def _driving_kpa(profile: PumpProfile, temperature_c: float = 37) -> float:
    return expected_flow(profile, temperature_c, 101.325, 93 * _KPA_PER_MMHG, 30).driving_pressure_kpa


def _zero_flow_c(profile: PumpProfile) -> float:
    low_c, high_c = 0.0, 37.0
    while high_c - low_c > 1e-6:
        middle_c = (low_c + high_c) / 2
        low_c, high_c = (middle_c, high_c) if _driving_kpa(profile, middle_c) < 0 else (low_c, middle_c)
    return low_c


def _slope_percent(profile: PumpProfile) -> float:
    return 100 * flow_sensitivities(profile, 37, 101.325, 93 * _KPA_PER_MMHG, 30).per_k


_ROWS: tuple[tuple[str, str, Callable[[PumpProfile], float], tuple[str, str]], ...] = (
    ("net driving pressure, kPa", ".2f", _driving_kpa, ("44.87", "234.0")),
    ("slope with temperature, viscosity included, %/K", ".2f", _slope_percent, ("13.28", "6.19")),
    ("Q(35 °C)/Q(37 °C)", ".4f", lambda p: _flow(p, 35) / _flow(p), ("0.7487", "0.8816")),
    ("Q(39 °C)/Q(37 °C)", ".4f", lambda p: _flow(p, 39) / _flow(p), ("1.2808", "1.1292")),
    ("outlet +10 mmHg, %", "+.2f", lambda p: 100 * (_flow(p, outlet_mmhg=103) / _flow(p) - 1), ("-2.97", "-0.57")),
    (
        "altitude 1609 m (ISA), %",
        "+.2f",
        lambda p: 100 * (_flow(p, ambient_kpa=standard_atmosphere_kpa(1609)) / _flow(p) - 1),
        ("+39.9", "+7.65"),
    ),
    ("zero-flow temperature, °C", ".1f", _zero_flow_c, ("27.0", "2.6")),
    ("restrictor for 1 mL/day, Pa·s/m³", ".3e", lambda p: _driving_kpa(p) * 86_400e9, ("3.877e+15", "2.022e+16")),
)


def _targets_table() -> str:
    profiles = [
        load_profile(_ROOT / "fixtures" / "pumps" / name) for name in ("generic-30ml.toml", "generic-30ml-butane.toml")
    ]
    lines = ["| | R-11: target | computed | n-butane: target | computed |", "|---|---|---|---|---|"]
    for name, form, compute, targets in _ROWS:
        cells = [
            cell
            for profile, target in zip(profiles, targets, strict=True)
            for cell in (target, f"{compute(profile):{form}}")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _worst_percent(ours: Callable[[float], float], oracle: Callable[[float], float], low_c: int, high_c: int) -> float:
    temperatures_c = [max(0.1, tenth / 10) for tenth in range(10 * low_c, 10 * high_c + 1)]
    return 100 * max(abs(ours(at_c) / oracle(at_c) - 1) for at_c in temperatures_c)


def _fluids_table() -> str:
    lines = ["| | 20 to 42 °C | 0 to 60 °C |", "|---|---|---|"]

    def add(name: str, ours: Callable[[float], float], oracle: Callable[[float], float]) -> None:
        near, wide = (_worst_percent(ours, oracle, low_c, high_c) for low_c, high_c in ((20, 42), (0, 60)))
        lines.append(f"| {name} | {near:.3f} % | {wide:.3f} % |")

    for propellant in COOLPROP_NAMES:
        add(
            f"vapour pressure of {propellant}",
            partial(vapour_pressure_kpa, propellant),
            partial(vapour_pressure_by_coolprop_kpa, propellant),
        )
    add("viscosity of water", water_viscosity_pa_s, water_viscosity_by_coolprop_pa_s)
    return "\n".join(lines)


_TABLES = {"targets": _targets_table, "fluids": _fluids_table}


def _with_table(page: str, name: str) -> str:
    marked = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    return marked.sub(lambda match: f"{match[1]}{_TABLES[name]()}\n{match[2]}", page)


@pytest.mark.parametrize("name", _TABLES)
def test_the_page_is_current(name: str) -> None:
    """Every number in the page's tables is what the code computes today."""
    page = _PAGE.read_text(encoding="utf-8")
    assert f"<!-- begin {name} -->" in page
    assert _with_table(page, name) == page, "run: python -m tests.firmware_model.physics.test_physics_page"


if __name__ == "__main__":
    text = _PAGE.read_text(encoding="utf-8")
    for table in _TABLES:
        text = _with_table(text, table)
    _PAGE.write_text(text, encoding="utf-8")
