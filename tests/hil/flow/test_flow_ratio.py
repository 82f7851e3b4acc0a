"""The uncertainty of a ratio of flows, against ratios that were drawn."""

import math
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_model.profile import load_profile
from hil.benches.bench_file import load_bench
from hil.flow.delivery import gravimetry_of
from hil.flow.flow_ratio import flow_ratio
from hil.flow.gravimetry import Condition, GravimetricFlow, Gravimetry, gravimetric_flow
from hil.shipped import shipped

HOUR_MS = 3_600_000
DRAWS = 600


@pytest.fixture(scope="module")
def setup() -> Gravimetry:
    """The shipped bench, with errors that are large where they are shared."""
    bench = load_bench(Path(shipped("benches/full.toml")))
    assert bench.file.instruments.balance is not None
    profile = load_profile(Path(shipped("pumps/generic-30ml.toml")))
    plain = gravimetry_of(profile, bench.file.instruments.balance, bench.file.environment)
    return replace(plain, u_density_kg_per_m3=10.0, u_evaporation_ug_per_s=0.5, u_sensitivity_share=0.01)


def flow_of(mass_g: float, setup: Gravimetry, u_bath_c: float) -> GravimetricFlow:
    """What eight hours collected, in a bath that is known to ``u_bath_c``."""
    bath = Condition("bath temperature", 37.0, "C", u_bath_c, 0.13)
    return gravimetric_flow(mass_g, 8 * HOUR_MS, setup, conversion=1.0, conditions=(bath,))


def test_shared_inputs_cancel_as_far_as_they_are_the_same(setup: Gravimetry) -> None:
    """Density, slope, evaporation are drawn once for both flows, the bath for each: the spread is what is claimed."""
    above, below = 0.4, 0.3
    dice = np.random.default_rng(7)
    floor = 0.1e-6 * 86_400 / 993.33 * 1000  # what the best laboratory cannot do without; both flows have it
    ratios = []
    for _ in range(DRAWS):
        density = dice.normal(setup.density_pump_kg_per_m3, setup.u_density_kg_per_m3)
        evaporation = dice.normal(setup.evaporation_ug_per_s, setup.u_evaporation_ug_per_s)
        slope = dice.normal(1.0, setup.u_sensitivity_share)
        flows = []
        for mass_g in (above, below):
            collected_g = mass_g * slope * 1.00106 + evaporation * 8 * 3600e-6
            flow = collected_g / density * 1000 * 3
            u_best = (floor + 0.002 * flow) / 2
            flows.append((flow + dice.normal(0, u_best)) * (1 + 0.13 * dice.normal(0, 0.1)))
        ratios.append(flows[0] / flows[1])
    quiet = replace(setup, u_drift_g_per_day=0.0, drop_volume_nl=0)
    found = flow_ratio(flow_of(above, quiet, 0.1), flow_of(below, quiet, 0.1))
    assert found.value == pytest.approx(statistics.fmean(ratios), rel=0.003)
    assert found.expanded_uncertainty / 2 == pytest.approx(statistics.stdev(ratios), rel=0.1)


def test_a_flow_over_itself_keeps_only_what_is_its_own(setup: Gravimetry) -> None:
    """Of two equal flows no shared line is left, and the others count once for each."""
    flow = flow_of(0.4, setup, 0.03)
    found = flow_ratio(flow, flow)
    lines = {line.name: line.contribution for line in found.budget}
    assert found.value == 1.0
    assert lines["infusate density"] == pytest.approx(0.0, abs=1e-12)
    assert lines["evaporation"] == pytest.approx(0.0, abs=1e-12)
    assert lines["bath temperature"] == lines["bath temperature (reference flow)"] == pytest.approx(0.13 * 0.03)
    assert found.expanded_uncertainty == pytest.approx(2 * math.sqrt(sum(each**2 for each in lines.values())))


def test_there_is_no_ratio_to_nothing(setup: Gravimetry) -> None:
    """A reference that does not flow is refused."""
    flow = flow_of(0.4, setup, 0.03)
    with pytest.raises(ValueError, match="no ratio"):
        flow_ratio(flow, replace(flow, flow_ml_per_day=0.0))
