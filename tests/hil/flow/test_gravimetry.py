"""Gravimetric flow: hand calculation, Monte Carlo, and what no budget may claim."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hil.flow.air import air_density_kg_per_m3
from hil.flow.gravimetry import (
    FLOOR_LINE,
    Condition,
    GravimetricFlow,
    Gravimetry,
    ReferenceVessel,
    buoyancy_factor,
    gravimetric_flow,
)
from hil.measurement import effective_degrees_of_freedom

DAY_MS = 86_400_000

SETUP = Gravimetry(
    readability_g=1e-5,
    u_repeatability_g=2e-5,
    u_drift_g_per_day=2e-4,
    room_temperature_c=22.0,
    u_room_temperature_c=0.5,
    ambient_kpa=101.325,
    u_ambient_kpa=0.05,
    relative_humidity_percent=45.0,
    u_relative_humidity_percent=5.0,
    density_room_kg_per_m3=998.2,
    density_pump_kg_per_m3=993.33,
    u_density_kg_per_m3=0.2,
    evaporation_ug_per_s=0.25,
    u_evaporation_ug_per_s=0.03,
    drop_volume_nl=500.0,
    u_time_s=0.2,
)
EXACT = replace(
    SETUP,
    readability_g=0.0,
    u_repeatability_g=0.0,
    u_drift_g_per_day=0.0,
    u_density_kg_per_m3=0.0,
    u_evaporation_ug_per_s=0.0,
    drop_volume_nl=0.0,
    u_time_s=0.0,
    u_clock_share=0.0,
)
POOR = replace(
    SETUP,
    readability_g=0.04,
    u_repeatability_g=0.008,
    u_drift_g_per_day=0.01,
    u_density_kg_per_m3=10.0,
    u_evaporation_ug_per_s=0.12,
    drop_volume_nl=25_000.0,
    u_time_s=700.0,
    u_clock_share=0.008,
)
"""Every input is so poor that each matters to the result."""

CONDITIONS = (
    Condition("bath temperature", 37.0, "C", 0.03, 0.1328),
    Condition("ambient pressure", 101.325, "kPa", 0.05, -0.0223),
    Condition("outlet pressure", 12.4, "kPa", 0.07, -0.0223),
)


def measured(
    mass_g: float, setup: Gravimetry = SETUP, conditions: tuple[Condition, ...] = CONDITIONS, conversion: float = 1.0
) -> GravimetricFlow:
    """The flow of a day's collection."""
    return gravimetric_flow(mass_g, DAY_MS, setup, conversion=conversion, conditions=conditions)


def contribution(flow: GravimetricFlow, name: str) -> float:
    """What one line of the budget adds, in mL/day; zero for a line that is not there."""
    return sum(line.contribution for line in flow.budget if line.name == name)


def test_buoyancy_of_water() -> None:
    """Water weighs about 1.00106 times what a balance in air says."""
    assert buoyancy_factor(1.2, 998.2) == pytest.approx(1.00105, abs=1e-5)
    assert buoyancy_factor(air_density_kg_per_m3(20, 101.325, 50), 998.2) == pytest.approx(1.00106, abs=2e-5)


def test_density_of_air() -> None:
    """Moist air at 20 C is close to the 1.2 kg/m3 that weights are adjusted for; by hand, 351.573 over 293.15."""
    assert air_density_kg_per_m3(20, 101.325, 50) == pytest.approx(351.573 / 293.15, rel=1e-5)


def test_value_by_hand() -> None:
    """One gram indicated in a day: buoyancy and evaporation added, over the density at the pump's 37 C."""
    air = air_density_kg_per_m3(22.0, 101.325, 45.0)
    true_g = 1.0 * (1 - air / 8000) / (1 - air / 998.2)
    evaporated_g = 0.25e-6 * 86_400
    by_hand_ml = (true_g + evaporated_g) / 0.99333
    flow = measured(1.0)
    assert flow.raw_flow_ml_per_day == pytest.approx(by_hand_ml, rel=1e-12)
    assert flow.flow_ml_per_day == flow.raw_flow_ml_per_day
    assert measured(1.0, conversion=1.1).flow_ml_per_day == pytest.approx(1.1 * by_hand_ml, rel=1e-12)


def test_volume_is_at_the_pump_and_not_in_the_beaker() -> None:
    """Infusate lighter at 37 C than in the beaker means more volume from the pump for the same mass."""
    same = replace(SETUP, density_pump_kg_per_m3=SETUP.density_room_kg_per_m3)
    assert measured(1.0).flow_ml_per_day / measured(1.0, same).flow_ml_per_day == pytest.approx(998.2 / 993.33)


def test_evaporation_alone_is_no_flow_of_the_wrong_sign() -> None:
    """A blocked pump over a drying beaker: the mass falls by what evaporates, and the flow is zero."""
    evaporated_g = 0.25e-6 * 86_400
    air = air_density_kg_per_m3(22.0, 101.325, 45.0)
    assert measured(-evaporated_g / buoyancy_factor(air, 998.2)).flow_ml_per_day == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("setup", "mass_g"),
    [(SETUP, 0.99), (POOR, 0.99), (replace(POOR, drop_volume_nl=0.0), 0.2)],
    ids=["good bench", "poor bench", "little flow"],
)
def test_monte_carlo_agrees(setup: Gravimetry, mass_g: float) -> None:
    """GUM Supplement 1: the model itself, drawn 400,000 times with the inputs' true distributions, gives U within 2 %.

    The floor is no input of the model, so it is drawn as what the budget says it adds.
    """
    flow = measured(mass_g, setup)
    draws = np.random.default_rng(20261123)
    size = 400_000

    def reading_g() -> NDArray[np.float64]:
        digit_g = setup.readability_g * draws.uniform(-0.5, 0.5, size)
        noise_g: NDArray[np.float64] = draws.normal(0, setup.u_repeatability_g, size)
        return noise_g + digit_g

    air = air_density_kg_per_m3(22.0, 101.325, 45.0) * (1 + draws.normal(0, 2e-4, size))
    # 22 C, 45 %: -0.0042 kg/m3 per K and 0.0118 kg/m3 per kPa; humidity and curvature are too small to matter.
    air += draws.normal(0, 0.5, size) * -0.0042 + draws.normal(0, 0.05, size) * 0.0118
    mass = mass_g + reading_g() - reading_g() + draws.normal(0, setup.u_drift_g_per_day, size)
    true_g = mass * (1 - air / 8000) / (1 - air / 998.2)
    clock_s = draws.normal(0, setup.u_time_s, size) + draws.normal(0, setup.u_clock_share, size) * 86_400
    time_s = 86_400 + clock_s
    evaporated_g = draws.normal(0.25, setup.u_evaporation_ug_per_s, size) * 1e-6 * time_s
    volume_ml = (true_g + evaporated_g) / (draws.normal(993.33, setup.u_density_kg_per_m3, size) / 1000)
    hanging = draws.uniform(0, 1, size) - draws.uniform(0, 1, size)
    volume_ml += hanging * setup.drop_volume_nl * 1e-6
    rates = volume_ml / time_s * 86_400 + draws.normal(0, contribution(flow, FLOOR_LINE), size)
    for condition in CONDITIONS:
        off = draws.normal(0, condition.standard_uncertainty, size)
        rates *= 1 - condition.relative_sensitivity * off

    assert float(np.mean(rates)) == pytest.approx(flow.flow_ml_per_day, abs=0.02 * flow.expanded_uncertainty_ml_per_day)
    assert 2 * float(np.std(rates)) == pytest.approx(flow.expanded_uncertainty_ml_per_day, rel=0.02)
    low, high = np.quantile(rates, [0.02275, 0.97725])
    assert (high - low) / 2 == pytest.approx(flow.expanded_uncertainty_ml_per_day, rel=0.03)


def test_environment_weighs_what_the_physics_page_says() -> None:
    """On R-11, 0.05 C of bath is 0.67 % of flow, 0.1 kPa of weather 0.22 %, and 1 mmHg of back-pressure 0.30 %."""
    conditions = (
        Condition("bath", 37.0, "C", 0.05, 0.1328),
        Condition("weather", 101.325, "kPa", 0.1, -0.02229),
        Condition("outlet", 12.4, "kPa", 0.13332, -0.02229),
    )
    flow = measured(0.99, EXACT, conditions)
    shares = [100 * contribution(flow, each.name) / flow.flow_ml_per_day for each in conditions]
    assert shares == pytest.approx([0.664, 0.223, 0.297], abs=0.002)


@given(
    mass_g=st.floats(-0.5, 20),
    evaporation=st.floats(0, 0.5),
    drop_nl=st.floats(0, 30_000),
    bath=st.floats(0, 1),
    hours=st.integers(1, 96),
)
def test_never_better_than_the_best_laboratory(
    mass_g: float, evaporation: float, drop_nl: float, bath: float, hours: int
) -> None:
    """Whatever is claimed of the inputs, U is at least 0.1 ug/s + 0.2 % of the collected flow; 1.07 % at 1 mL/day."""
    setup = replace(EXACT, u_evaporation_ug_per_s=evaporation, drop_volume_nl=drop_nl)
    conditions = (Condition("bath", 37.0, "C", bath, 0.13),)
    flow = gravimetric_flow(mass_g, hours * 3_600_000, setup, conversion=1.0, conditions=conditions)
    best = 0.1e-6 * 86_400 / 0.99333 + 0.002 * abs(flow.raw_flow_ml_per_day)
    assert flow.expanded_uncertainty_ml_per_day >= best * (1 - 1e-9)


def test_a_bench_that_knows_all_is_given_the_floor() -> None:
    """Without any uncertainty of its own a bench at 1 mL/day gets 1.07 %, in a line that says where from."""
    flow = measured(0.97085, EXACT, ())
    assert flow.flow_ml_per_day == pytest.approx(1.0, abs=1e-3)
    assert 100 * flow.expanded_uncertainty_ml_per_day / flow.flow_ml_per_day == pytest.approx(1.07, abs=0.002)
    assert {line.name for line in flow.budget} == {
        "ambient pressure",
        "room temperature",
        "relative humidity",
        "formula for air density",
        FLOOR_LINE,
    }


def test_environment_comes_on_top_of_the_floor() -> None:
    """A bath that is poorly known does not make the weighing look better than the floor: the two add in squares."""
    alone = measured(0.992, EXACT, ()).expanded_uncertainty_ml_per_day
    with_bath = measured(0.992, EXACT, CONDITIONS[:1])
    bath = 2 * contribution(with_bath, "bath temperature")
    assert with_bath.expanded_uncertainty_ml_per_day == pytest.approx(math.hypot(alone, bath), rel=1e-6)


def test_a_bench_worse_than_the_floor_gets_nothing_added() -> None:
    """The floor is no penalty: where the budget already says more, its line is absent."""
    assert contribution(measured(0.99, POOR), FLOOR_LINE) == 0
    assert FLOOR_LINE not in {line.name for line in measured(0.99, POOR).budget}


@pytest.mark.parametrize("setup", [SETUP, POOR])
def test_budget_adds_up(setup: Gravimetry) -> None:
    """Contributions are sensitivity times uncertainty, and in squares add up to the combined uncertainty."""
    flow = measured(0.99, setup)
    total = math.sqrt(math.fsum(line.contribution**2 for line in flow.budget))
    assert 2 * total == pytest.approx(flow.expanded_uncertainty_ml_per_day, rel=1e-12)
    for line in flow.budget:
        assert line.contribution == pytest.approx(abs(line.sensitivity) * line.standard_uncertainty, rel=1e-9)


def test_every_line_of_the_budget_by_hand() -> None:
    """Two readings count twice in squares, a digit is uniform, a drop triangular; two days of a beaker and a vessel.

    Air near 22 C, 101.325 kPa and 45 % changes by -0.00436 kg/m3 per K, 0.01181 per kPa and -0.0001167 per percent.
    """
    setup = replace(SETUP, u_linearity_g=3e-5, beaker_volume_ml=100.0, u_sensitivity_share=1e-5)
    vessel = ReferenceVessel(-0.02, 1e-3, 2e-4, 1e-3, 2e-5, 3e-4, 0.1)
    flow = gravimetric_flow(2.0, 2 * DAY_MS, setup, conversion=1.0, conditions=(), reference=vessel)
    u_air = math.hypot(0.5 * 0.00436, 0.05 * 0.01181, 5 * 0.0001167)
    by_hand = {
        "collected mass (repeatability)": math.sqrt(2) * 2e-5,
        "readability": math.sqrt(2 / 12) * 1e-5,
        "balance linearity": math.sqrt(2) * 3e-5,
        "balance drift": 4e-4,
        "air displaced by the beaker": math.sqrt(2) * 0.1 * u_air,
        "balance sensitivity": 1e-5,
        "ambient pressure": 0.05,
        "room temperature": 0.5,
        "relative humidity": 5.0,
        "formula for air density": 2e-4,
        "infusate density": 0.2,
        "hanging drop": 500 / math.sqrt(6),
        "time": math.hypot(0.2, 5e-5 * 172_800),
        "reference vessel: weighing": math.sqrt(2 * (2e-4**2 + 1e-3**2 / 12 + 3e-4**2)),
        "reference vessel: balance drift": 2e-3,
        "reference vessel: balance sensitivity": 2e-5,
        "reference vessel: likeness to the beaker": 0.1,
    }
    found = {line.name: line.standard_uncertainty for line in flow.budget if line.name != FLOOR_LINE}
    assert found == pytest.approx(by_hand, rel=2e-3)
    weighs = flow.raw_flow_ml_per_day * (1 / 998.2 - 1 / 8000)  # per kg/m3 of air
    for name, u in (("room temperature", 0.5 * 0.00436), ("relative humidity", 5 * 0.0001167)):
        assert contribution(flow, name) == pytest.approx(weighs * u, rel=0.01)
    assert contribution(flow, "ambient pressure") == pytest.approx(weighs * 0.05 * 0.01181, rel=0.01)
    assert contribution(flow, "formula for air density") == pytest.approx(weighs * 2e-4 * 1.1911, rel=0.01)
    lost_ml_per_day = 0.02 * buoyancy_factor(1.1911, 998.2) / 0.99333 / 2
    assert contribution(flow, "reference vessel: likeness to the beaker") == pytest.approx(
        0.1 * lost_ml_per_day, rel=1e-3
    )


def test_few_weighings_behind_the_repeatability_show() -> None:
    """Degrees of freedom by Welch and Satterthwaite: infinite by default, few where few weighings dominate."""
    assert measured(0.99).degrees_of_freedom == math.inf
    noisy = replace(SETUP, u_repeatability_g=0.02, repeatability_degrees_of_freedom=4)
    flow = measured(0.99, noisy)
    assert 4 <= flow.degrees_of_freedom < 5
    assert effective_degrees_of_freedom(flow.budget) == pytest.approx(flow.degrees_of_freedom)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("u_evaporation_ug_per_s", -0.1),
        ("drop_volume_nl", -1.0),
        ("room_temperature_c", math.nan),
        ("density_pump_kg_per_m3", 0.99333),
        ("density_room_kg_per_m3", 0.0),
        ("repeatability_degrees_of_freedom", 0.0),
        ("repeatability_degrees_of_freedom", math.nan),
    ],
)
def test_senseless_setup_is_refused(key: str, value: float) -> None:
    """Negative uncertainties, NaN and densities in the wrong unit are refused by name."""
    with pytest.raises(ValueError, match=key):
        replace(SETUP, **{key: value})  # type: ignore[arg-type]


def test_senseless_collection_is_refused() -> None:
    """No time, no mass, no conversion and no condition: ValueError rather than a flow."""
    with pytest.raises(ValueError, match="needs time"):
        gravimetric_flow(1.0, 0, SETUP, conversion=1.0, conditions=())
    with pytest.raises(ValueError, match="mass_g"):
        measured(math.nan)
    with pytest.raises(ValueError, match="conversion"):
        measured(1.0, conversion=math.inf)
    with pytest.raises(ValueError, match="bath: standard uncertainty"):
        Condition("bath", 37.0, "C", -0.1, 0.13)
    for name in ("value", "standard_uncertainty", "relative_sensitivity"):
        with pytest.raises(ValueError, match=name):
            replace(CONDITIONS[0], **{name: math.nan})  # type: ignore[arg-type]
