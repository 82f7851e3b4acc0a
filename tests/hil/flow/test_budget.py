"""The whole budget against a measurement drawn at random (GUM Supplement 1), written from the formula alone.

The drawn measurement knows nothing of the budget: it has a balance with zero, tare, slope and noise, air that changes,
a film or a vessel, a barometer that is read once, and a pump whose flow follows bath and pressures. Its only loan is
the name of the floor, which is no input of any model.
"""

import math
from dataclasses import dataclass, replace

import GTC
import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_model.physics.flow import expected_flow
from hil.benches.bench_file import LoadedBench, load_bench
from hil.flow.delivery import gravimetry_of, reference_of
from hil.flow.gravimetry import FLOOR_LINE, GravimetricFlow, Gravimetry, ReferenceVessel, gravimetric_flow
from hil.flow.label_conditions import to_label_conditions
from hil.shipped import shipped

SIZE = 100_000
Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Bench:
    """Standard uncertainties of a bench, in the units of their names; the oil film's bound is the end of a range."""

    repeatability_mg: float = 0.02
    readability_mg: float = 0.01
    linearity_mg: float = 0.0
    drift_mg_per_day: float = 0.2
    slope_ppm: float = 0.0
    beaker_ml: float = 0.0
    film_ug_per_s: float | None = None
    vessel_percent: float | None = None
    u_evaporation_ug_per_s: float = 0.03
    room_c: float = 0.5
    ambient_kpa: float = 0.05
    bath_c: float = 0.03
    outlet_kpa: float = 0.07
    drop_nl: float = 500.0
    time_s: float = 0.2


GOOD = Bench()
POOR_BALANCE = Bench(repeatability_mg=3.0, readability_mg=5.0, linearity_mg=4.0, drift_mg_per_day=4.0, slope_ppm=8000)
BIG_BEAKER = Bench(beaker_ml=400.0, room_c=3.0, ambient_kpa=1.0)
FILM = Bench(film_ug_per_s=0.6)
VESSEL = Bench(vessel_percent=20.0, repeatability_mg=0.3)


def drawn(bench: Bench, hours: float, floor_ml_per_day: float) -> Draws:
    """So many flows as a bench would state them, in mL/day, had each erred in its own way. True flow: 1 mL/day."""
    rng = np.random.default_rng(20261125)
    days = hours / 24
    air_1, air_2 = (_air(bench, rng) for _ in range(2))  # the weather at the first and at the last weighing
    barometer_kpa = rng.normal(0, bench.ambient_kpa, SIZE)
    air_stated = 1.1916 + rng.normal(0, 1.1916 * 2e-4, SIZE) + 0.0118 * barometer_kpa
    air_stated += rng.normal(0, bench.room_c * 0.0042, SIZE)
    true_rate = 0.25  # ug/s
    delivered_g = 0.99333 * days
    lost_g = true_rate * 86_400e-6 * days
    water_g = delivered_g - lost_g
    hanging_g = (rng.uniform(0, 1, SIZE) - rng.uniform(0, 1, SIZE)) * bench.drop_nl * 0.99333e-6

    def change_g(mass_g: float | Draws) -> Draws:
        """Last reading less first of one balance: its zero is in both, its slope scales both."""
        zero, slope = rng.normal(0, 5, SIZE), 1 + rng.normal(0, bench.slope_ppm * 1e-6, SIZE)
        first = zero + slope * 60.0 - bench.beaker_ml * 1e-3 * air_1
        last = zero + slope * (60.0 + mass_g * (1 - 1.1916 / 998.2) / (1 - 1.1916 / 8000))
        last += rng.normal(0, bench.drift_mg_per_day * 1e-3 * days, SIZE) - bench.beaker_ml * 1e-3 * air_2
        for _ in range(2):
            last += rng.normal(0, bench.repeatability_mg * 1e-3, SIZE)
            last += bench.readability_mg * 1e-3 * rng.uniform(-0.5, 0.5, SIZE)
            last += rng.normal(0, bench.linearity_mg * 1e-3, SIZE)
        return np.asarray(last - first)

    buoyancy = (1 - air_stated / 8000) / (1 - air_stated / 998.2)
    collected = change_g(water_g + hanging_g) * buoyancy
    time_s = days * 86_400 + rng.normal(0, bench.time_s, SIZE) + rng.normal(0, 5e-5, SIZE) * days * 86_400
    if bench.vessel_percent is not None:
        likeness = 1 + rng.normal(0, bench.vessel_percent / 100, SIZE)
        evaporated = -change_g(-lost_g) * buoyancy * likeness
    elif bench.film_ug_per_s is not None:
        evaporated = rng.uniform(0, bench.film_ug_per_s, SIZE) * 1e-6 * time_s
    else:
        evaporated = rng.normal(true_rate, bench.u_evaporation_ug_per_s, SIZE) * 1e-6 * time_s
    density = 993.33 + rng.normal(0, 0.2, SIZE)
    raw = (collected + evaporated) / density * 1000 / time_s * 86_400 + rng.normal(0, floor_ml_per_day, SIZE)
    off = 0.1328 * rng.normal(0, bench.bath_c, SIZE) - 0.0223 * rng.normal(0, bench.outlet_kpa, SIZE)
    return np.asarray(raw * (1 - off + 0.0223 * barometer_kpa))


def _air(bench: Bench, rng: np.random.Generator) -> Draws:
    """Density of air at one weighing, in kg/m3, with slopes of -0.0042 per K and 0.0118 per kPa (at 22 C)."""
    return np.asarray(
        1.1916 - 0.0042 * rng.normal(0, bench.room_c, SIZE) + 0.0118 * rng.normal(0, bench.ambient_kpa, SIZE)
    )


def stated(bench: Bench, hours: float) -> GravimetricFlow:
    """What the rig states of the same measurement."""
    loaded = _loaded(bench)
    file = loaded.file
    assert file.instruments.balance is not None
    setup = gravimetry_of(loaded.profile, file.instruments.balance, file.environment)
    label = to_label_conditions(
        loaded.profile, file.environment, bath_c=37.0, u_bath_c=bench.bath_c, volume_ml=loaded.profile.capacity_ml
    )
    days = hours / 24
    lost_g = 0.25 * 86_400e-6 * days
    shrink = (1 - 1.1916 / 998.2) / (1 - 1.1916 / 8000)
    reference = None
    if bench.vessel_percent is not None:
        reference = reference_of(-lost_g * shrink, file.instruments.balance, file.environment)
    mass_g = (0.99333 * days - lost_g) * shrink
    return gravimetric_flow(
        mass_g, round(hours * 3_600_000), setup, conversion=1.0, conditions=label.conditions, reference=reference
    )


def _loaded(bench: Bench) -> LoadedBench:
    loaded = load_bench(shipped("benches/simulated.toml"))
    balance = {
        "readability_mg": bench.readability_mg,
        "u_repeatability_mg": bench.repeatability_mg,
        "u_drift_mg_per_day": bench.drift_mg_per_day,
        "u_linearity_mg": bench.linearity_mg,
        "u_sensitivity_ppm": bench.slope_ppm,
    }
    room: dict[str, object] = {
        "u_room_temperature_c": bench.room_c,
        "u_relative_humidity_percent": 0.0,
        "u_ambient_kpa": bench.ambient_kpa,
        "u_outlet_kpa": bench.outlet_kpa,
        "beaker_volume_ml": bench.beaker_ml,
        "drop_volume_nl": round(bench.drop_nl),
        "evaporation_ug_per_s": 0.25,
        "u_evaporation_ug_per_s": bench.u_evaporation_ug_per_s,
    }
    if bench.film_ug_per_s is not None:
        room |= {"evaporation": "oil-film", "evaporation_bound_ug_per_s": bench.film_ug_per_s}
        room |= {"evaporation_ug_per_s": None, "u_evaporation_ug_per_s": None}
    if bench.vessel_percent is not None:
        room |= {"evaporation": "reference-vessel", "u_vessel_likeness_percent": bench.vessel_percent}
        room |= {"u_evaporation_ug_per_s": None}
    text = loaded.model_dump()
    text["file"]["instruments"]["balance"] |= balance
    text["file"]["instruments"]["reference_balance"] = text["file"]["instruments"]["balance"] | {
        "link": "sim:reference_balance"
    }
    text["file"]["environment"] |= room
    return LoadedBench.model_validate(text)


@pytest.mark.parametrize("hours", [1.0, 24.0])
@pytest.mark.parametrize(
    "bench",
    [GOOD, POOR_BALANCE, BIG_BEAKER, FILM, VESSEL],
    ids=["good", "poor balance", "big beaker", "film", "vessel"],
)
def test_budget_agrees_with_drawn_measurements(bench: Bench, hours: float) -> None:
    """Balance, beaker, film and vessel, short and long: value within 0.03 U, and U within 2.5 % of what is drawn."""
    said = stated(bench, hours)
    floor = sum(line.contribution for line in said.budget if line.name == FLOOR_LINE)
    flows = drawn(bench, hours, floor)
    assert float(np.mean(flows)) == pytest.approx(said.flow_ml_per_day, abs=0.03 * said.expanded_uncertainty_ml_per_day)
    assert 2 * float(np.std(flows)) == pytest.approx(said.expanded_uncertainty_ml_per_day, rel=0.025)


def test_what_two_readings_share_cancels() -> None:
    """The full model with both readings and a zero that nobody knows: the zero counts nothing, the slope does."""
    zero, slope = GTC.ureal(0.0, 5.0, label="zero"), GTC.ureal(1.0, 1e-3, label="slope")
    first = zero + slope * 60.0 + GTC.ureal(0, 2e-5)
    last = zero + slope * 61.0 + GTC.ureal(0, 2e-5)
    assert GTC.uncertainty(last - first) == pytest.approx(math.hypot(1e-3, math.sqrt(2) * 2e-5), rel=1e-9)
    assert GTC.reporting.u_component(last - first, zero) == 0


def test_one_barometer_is_one_input() -> None:
    """Ambient pressure is one line of the budget, by the pump's flow and, hardly, by buoyancy."""
    said = stated(Bench(ambient_kpa=1.0), 24.0)
    (line,) = [each for each in said.budget if each.name == "ambient pressure"]
    by_pump = 0.02229 * said.flow_ml_per_day
    by_air = 0.0118 * (1 / 998.2 - 1 / 8000) * said.flow_ml_per_day  # 1e-5 of flow for each kPa
    assert abs(line.sensitivity) == pytest.approx(by_pump + by_air, rel=2e-3)
    with pytest.raises(ValueError, match="one barometer"):
        _two_barometers()


def _two_barometers() -> None:
    loaded = _loaded(GOOD)
    assert loaded.file.instruments.balance is not None
    setup = gravimetry_of(loaded.profile, loaded.file.instruments.balance, loaded.file.environment)
    label = to_label_conditions(loaded.profile, loaded.file.environment, bath_c=37.0, u_bath_c=0.03, volume_ml=30.0)
    other = replace(setup, ambient_kpa=98.0)
    gravimetric_flow(0.99, 86_400_000, other, conversion=1.0, conditions=label.conditions)


def test_environment_of_the_default_bench_weighs_what_physics_says() -> None:
    """By the whole chain, bench file to budget: 0.67 % for 0.05 C, 0.22 % for 0.1 kPa, 0.30 % for 1 mmHg."""
    said = stated(Bench(bath_c=0.05, ambient_kpa=0.1, outlet_kpa=0.133322), 24.0)
    shares = {line.name: 100 * line.contribution / said.flow_ml_per_day for line in said.budget}
    assert shares["bath temperature"] == pytest.approx(0.67, abs=0.01)
    assert shares["ambient pressure"] == pytest.approx(0.22, abs=0.01)
    assert shares["outlet pressure"] == pytest.approx(0.30, abs=0.01)


def test_sensitivities_are_the_pumps() -> None:
    """The budget's slope with bath temperature is what the pump's flow does between two baths, on both propellants."""
    for name in ("generic-30ml", "generic-30ml-butane"):
        loaded = _loaded(GOOD).model_dump()
        loaded["profile"] = load_profile_dump(name)
        profile = LoadedBench.model_validate(loaded).profile
        room = _loaded(GOOD).file.environment
        label = to_label_conditions(profile, room, bath_c=37.0, u_bath_c=0.03, volume_ml=20.0)
        flows = [expected_flow(profile, c, 101.325, 12.40, 20.0).flow_ml_per_day for c in (36.9, 37.0, 37.1)]
        slope = next(each.relative_sensitivity for each in label.conditions if each.name == "bath temperature")
        assert slope == pytest.approx((flows[2] - flows[0]) / 0.2 / flows[1], rel=1e-3)


def load_profile_dump(name: str) -> dict[str, object]:
    """A shipped profile as plain data."""
    from firmware_model.profile import load_profile  # noqa: PLC0415

    return load_profile(shipped(f"pumps/{name}.toml")).model_dump()


def test_reference_vessel_takes_the_place_of_the_stated_rate() -> None:
    """What the vessel lost is added, whatever rate the setup states; a vessel that gained takes away."""
    setup = _setup()
    vessel = ReferenceVessel(-0.0216, 1e-5, 2e-5, 2e-4, 0.0, 0.0, 0.05)
    flows = [
        gravimetric_flow(
            0.9, 86_400_000, replace(setup, evaporation_ug_per_s=rate), conversion=1.0, conditions=(), reference=vessel
        ).flow_ml_per_day
        for rate in (0.0, 9.0)
    ]
    dry = gravimetric_flow(0.9, 86_400_000, replace(setup, evaporation_ug_per_s=0), conversion=1.0, conditions=())
    assert flows[0] == flows[1]
    assert flows[0] - dry.flow_ml_per_day == pytest.approx(0.0216 * 1.00105 / 0.99333, rel=1e-3)
    with pytest.raises(ValueError, match="u_likeness_share"):
        replace(vessel, u_likeness_share=-1.0)


def _setup() -> Gravimetry:
    loaded = _loaded(GOOD)
    assert loaded.file.instruments.balance is not None
    return gravimetry_of(loaded.profile, loaded.file.instruments.balance, loaded.file.environment)
