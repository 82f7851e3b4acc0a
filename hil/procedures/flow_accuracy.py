"""Flow accuracy at 37 C: settle the bath, collect a day's infusate on the balance, and compare with label and pump.

The flow is the volume that leaves the pump in a day, corrected for buoyancy and evaporation and converted to the
conditions that the label speaks of (37 C, 101.325 kPa ambient, 12.40 kPa outlet).
"""

from math import sqrt

import numpy as np
import pytest

from firmware_model.flow import expected_flow, flow_sensitivities
from firmware_model.profile import PumpProfile
from hil.bench import Bench
from hil.bench_file import EnvironmentTable
from hil.collection import Collection, collect
from hil.delivery import delivery_of, gravimetry_of
from hil.flow_figures import flow_figure, temperature_figure, trumpet_figure
from hil.gravimetry import Condition, GravimetricFlow, gravimetric_flow
from hil.instruments.balance_mt_sics import MtSicsBalance
from hil.instruments.bath_julabo import JulaboBath
from hil.procedure import Procedure
from hil.programmer import Programmer
from hil.settling import settle_bath
from hil.trumpet import trumpet

LABEL_TEMPERATURE_C = 37.0
LABEL_AMBIENT_KPA = 101.325
LABEL_OUTLET_KPA = 12.40

BATH_TOLERANCE_C = 0.1
COLLECTION_H = 24.0
INTERVAL_MIN = 15.0
OBSERVATION_WINDOWS_MIN = (15, 60, 150, 330, 570, 930)
"""Interval and windows in the form of IEC 60601-2-24, for pumps as slow as this."""

MAX_ESTIMATE_ERROR_PERCENT = 5.0
MAX_TEMPERATURE_ERROR_C = 0.5


@pytest.mark.procedure(
    "flow-accuracy",
    measurements=("flow", "flow-estimate-error", "pump-temperature-error"),
    requirements=("REQ-FLOW-001", "REQ-FLOW-002", "REQ-TEMP-001"),
)
def test_flow_accuracy(
    bench: Bench, pump: Programmer, balance: MtSicsBalance, bath: JulaboBath, procedure: Procedure
) -> None:
    """The pump delivers its label flow at 37 C, and knows its own flow and temperature."""
    pump.set_clock(bench.utc_ms())
    settle_bath(bench, bath, LABEL_TEMPERATURE_C, BATH_TOLERANCE_C, procedure.progressed)
    balance.tare()
    collection = collect(
        bench, balance, bath, hours=COLLECTION_H, interval_min=INTERVAL_MIN, progress=procedure.progressed
    )
    flow = measure_flow(bench, collection, procedure)
    measure_temperature(bench, collection, procedure)
    measure_estimate(bench, collection, procedure, flow)


def measure_flow(bench: Bench, collection: Collection, procedure: Procedure) -> GravimetricFlow:
    """The mean flow of the collection against the label, with flow and trumpet curves."""
    profile, room = bench.loaded.profile, bench.loaded.file.environment
    first, last = collection.samples[0], collection.samples[-1]
    volume_ml = bench.pump.read_status().volume_nl / 1e6
    bath_c = float(np.mean([sample.bath_c for sample in collection.samples]))
    setup = gravimetry_of(profile, bench.balance_table, room)
    flow = gravimetric_flow(
        last.mass_g - first.mass_g,
        last.time_ms - first.time_ms,
        setup,
        conversion=_conversion(profile, room, bath_c, volume_ml),
        conditions=_conditions(profile, room, bath_c, volume_ml, bench.bath_table.u_temperature_c),
    )
    label, tolerance = profile.label_flow_ml_per_day, profile.label_tolerance_percent / 100
    lower, upper = label * (1 - tolerance), label * (1 + tolerance)
    procedure.measure(
        "flow",
        flow.flow_ml_per_day,
        "mL/day",
        expanded_uncertainty=flow.expanded_uncertainty_ml_per_day,
        lower=lower,
        upper=upper,
        requirements=("REQ-FLOW-001",),
        budget=flow.budget,
        note=f"mean over {COLLECTION_H:.0f} h at label conditions; {flow.raw_flow_ml_per_day:.4f} mL/day as collected",
    )
    delivery = delivery_of(collection, setup)
    procedure.show(flow_figure(delivery, label, lower, upper))
    points = trumpet(tuple(delivery.volume_ml), delivery.interval_min, label, OBSERVATION_WINDOWS_MIN)
    procedure.show(trumpet_figure(points, profile.label_tolerance_percent))
    return flow


def measure_estimate(bench: Bench, collection: Collection, procedure: Procedure, flow: GravimetricFlow) -> None:
    """How far the pump's hourly flow estimates are, on average, from the gravimetric flow over the same hours."""
    label = bench.loaded.profile.label_flow_ml_per_day
    setup = gravimetry_of(bench.loaded.profile, bench.balance_table, bench.loaded.file.environment)
    differences = delivery_of(collection, setup).estimate_difference_ml_per_day
    if differences.size == 0:
        return  # the pump gave no estimate: then this is declared, but never measured, and so no pass
    procedure.measure(
        "flow-estimate-error",
        100 * float(np.mean(differences)) / label,
        "% of label",
        expanded_uncertainty=100 * flow.expanded_uncertainty_ml_per_day / label,
        lower=-MAX_ESTIMATE_ERROR_PERCENT,
        upper=MAX_ESTIMATE_ERROR_PERCENT,
        requirements=("REQ-FLOW-002",),
        note=f"mean of {differences.size} hourly estimates",
    )


def measure_temperature(bench: Bench, collection: Collection, procedure: Procedure) -> None:
    """How far the pump's own thermometer is from the bath."""
    differences = [sample.pump_temperature_c - sample.bath_c for sample in collection.samples]
    u_mean_c = float(np.std(differences, ddof=1)) / sqrt(len(differences))
    procedure.measure(
        "pump-temperature-error",
        float(np.mean(differences)),
        "C",
        expanded_uncertainty=2 * sqrt(bench.bath_table.u_temperature_c**2 + u_mean_c**2),
        lower=-MAX_TEMPERATURE_ERROR_C,
        upper=MAX_TEMPERATURE_ERROR_C,
        requirements=("REQ-TEMP-001",),
        note="the pump's reading less the bath's",
    )
    procedure.show(temperature_figure(collection, LABEL_TEMPERATURE_C))


def _conversion(profile: PumpProfile, room: EnvironmentTable, bath_c: float, volume_ml: float) -> float:
    """The model's flow at label conditions over that at the bench's."""
    label = expected_flow(profile, LABEL_TEMPERATURE_C, LABEL_AMBIENT_KPA, LABEL_OUTLET_KPA, volume_ml)
    here = expected_flow(profile, bath_c, room.ambient_kpa, room.outlet_kpa, volume_ml)
    return label.flow_ml_per_day / here.flow_ml_per_day


def _conditions(
    profile: PumpProfile, room: EnvironmentTable, bath_c: float, volume_ml: float, u_bath_c: float
) -> tuple[Condition, ...]:
    slopes = flow_sensitivities(profile, bath_c, room.ambient_kpa, room.outlet_kpa, volume_ml)
    return (
        Condition("bath temperature", bath_c, "C", u_bath_c, slopes.per_k),
        Condition("ambient pressure", room.ambient_kpa, "kPa", room.u_ambient_kpa, slopes.per_ambient_kpa),
        Condition("outlet pressure", room.outlet_kpa, "kPa", room.u_outlet_kpa, slopes.per_outlet_kpa),
    )
